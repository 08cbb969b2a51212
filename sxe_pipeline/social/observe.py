"""The landing files of a day become that day's observations and quarantine.

Here: both partitions of each day as named versions, together with their counts and the audit event.
Not here: how a file is read (handed in), what becomes of its rows (`day`), which day is due.
"""

import datetime as dt
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import psycopg
from psycopg.types.json import Jsonb

from sxe_pipeline import audit
from sxe_pipeline.engine import HERE, Engine
from sxe_pipeline.ops import versions
from sxe_pipeline.schema.landed import LandingFile, files_digest
from sxe_pipeline.schema.tables import OBSERVATION, QUARANTINE
from sxe_pipeline.social.day import Day, DayCounts, Read
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline.store import tables

TABLE, QUARANTINE_TABLE = OBSERVATION.name, QUARANTINE.name


def observe(
    conn: psycopg.Connection,
    root: str,
    *,
    days: Sequence[dt.date],
    files_by_day: Mapping[dt.date, Sequence[LandingFile]],
    read: Read,
    now: dt.datetime,
    actor: str,
    inputs_by_day: Mapping[dt.date, str] | None = None,
    detectors: Detectors | None = None,
    engine: Engine = HERE,
    recheck: versions.Recheck = versions.unleased,
    progress: Callable[[int], None] = lambda rows: None,
) -> list[DayCounts]:
    """Replace the observations and the quarantine of the given days by what their files hold now.

    Each day is a transaction of its own, unless the caller has one open: counts, audit event and
    the names of both table versions become visible together, or not at all.

    Args:
        conn: The social tier's login.
        root: URL of the Tier 1 store.
        days: Landing days to replace, each in its own transaction, oldest first.
        files_by_day: All registered files of each day; a day without files becomes empty. Of a
            file that is kept the stored rows stay.
        read: Opens and maps one file. Each file is read once; whatever it raises costs that file.
        now: When the files were listed, by the clock that says when others were registered.
        actor: Who started it.
        inputs_by_day: A digest of all that a day is made from; a day that was made from the same
            is left as it is.
        detectors: The redaction rules in force; all of them by default.
        engine: Where rows are redacted.
        recheck: Refuses where another run took over.
        progress: Told the number of records of each piece that was read.

    Raises:
        LandingGone: A registered file cannot be opened any more.
        Transient: A store failed.
        ContractBroken: A row breaks the schema, or the counts do not add up. Nothing is visible.
    """
    counted = []
    for day in sorted(set(days)):
        ordered = sorted(
            files_by_day.get(day, ()), key=lambda file: (file.collection, file.file_sha256)
        )
        with conn.transaction(), tempfile.TemporaryFile() as spool:
            tables.lock(conn, TABLE)
            tables.lock(conn, QUARANTINE_TABLE)
            inputs = (inputs_by_day or {}).get(day, "")
            if unchanged := _made_from(conn, day, inputs):
                counted.append(unchanged)
                continue
            stream = Day(day, ordered, read, detectors or Detectors(), engine, spool, progress)
            written = stream.write(conn, root)
            counts = stream.counts()
            stream.tally.write(conn, day)
            event = _record(
                conn,
                counts,
                written,
                (files_digest(ordered), inputs),
                stream,
                now=now,
                actor=actor,
            )
            for name, version in zip((TABLE, QUARANTINE_TABLE), written, strict=True):
                versions.name(
                    conn,
                    name,
                    version,
                    inputs=f"{day}:{inputs or version}",
                    event=event,
                    recheck=recheck,
                )
        counted.append(counts)
    return counted


def _made_from(conn: psycopg.Connection, day: dt.date, inputs: str) -> DayCounts | None:
    """The counts of a day that was made from just these inputs."""
    row = conn.execute(
        "select landed_day, input_count, observation_count, post_count, quarantine_count, reasons, "
        "open_count, leak_count from social.day_count "
        "where landed_day = %s and inputs = %s and inputs <> ''",
        [day, inputs],
    ).fetchone()
    return replace(DayCounts(*row), is_new=False) if row else None


def _record(
    conn: psycopg.Connection,
    counts: DayCounts,
    versions: tuple[int, int],
    made_from: tuple[str, str],
    stream: Day,
    *,
    now: dt.datetime,
    actor: str,
) -> str:
    """Write the counts down; answers the event that names the versions."""
    day = counts.landed_day
    conn.execute(
        "insert into social.day_count (landed_day, input_count, observation_count, post_count, "
        "quarantine_count, reasons, open_count, leak_count, files_digest, inputs, "
        "ruleset_version, counted_at, redacted_again_at) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
        "case when %s then clock_timestamp() end) "
        "on conflict (landed_day) do update set input_count = excluded.input_count, "
        "observation_count = excluded.observation_count, post_count = excluded.post_count, "
        "quarantine_count = excluded.quarantine_count, reasons = excluded.reasons, "
        "open_count = excluded.open_count, leak_count = excluded.leak_count, "
        "files_digest = excluded.files_digest, inputs = excluded.inputs, "
        "ruleset_version = excluded.ruleset_version, "
        "observations_expired_at = null, quarantine_expired_at = "
        "case when %s then social.day_count.quarantine_expired_at end, "
        "counted_at = excluded.counted_at, "
        "redacted_again_at = "
        "coalesce(excluded.redacted_again_at, social.day_count.redacted_again_at)",
        [
            day,
            counts.input_count,
            counts.observation_count,
            counts.post_count,
            counts.quarantine_count,
            Jsonb(counts.reasons),
            counts.open_count,
            counts.leak_count,
            *made_from,
            stream.detectors.ruleset_version,
            now,
            stream.found_again > 0,
            stream.keeps_counts,
        ],
    )
    return audit.record(
        "observations.written",
        actor=actor,
        subject=day.isoformat(),
        # Numbers of versions begin anew where a lost store was built again.
        key=f"{versions[0]}.{versions[1]}@{now.isoformat()}",
        input_count=counts.input_count,
        observation_count=counts.observation_count,
        post_count=counts.post_count,
        quarantine_count=counts.quarantine_count,
        open_count=counts.open_count,
        leak_count=counts.leak_count,
        found_again_count=stream.found_again,
        observations_version=versions[0],
        quarantine_version=versions[1],
    )
