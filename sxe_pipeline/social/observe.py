"""The landing files of a day become that day's observations and quarantine.

Here: stream, redact, write both partitions, and name them together with their counts and the audit
event. Not here: how a file is read (handed in), how a row is redacted (`redaction`), which day is
due. Unredacted rows pass through memory batch by batch and are stored nowhere.
"""

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.types.json import Jsonb

from sxe_pipeline import audit
from sxe_pipeline.errors import ContractBroken, LandingGone, NotFound
from sxe_pipeline.ops import versions
from sxe_pipeline.schema.landed import Landed, LandingFile, Reject, files_digest
from sxe_pipeline.schema.tables import OBSERVATION, QUARANTINE
from sxe_pipeline.social.redaction import Detectors, redact_rows
from sxe_pipeline.store import tables

TABLE, QUARANTINE_TABLE = OBSERVATION.name, QUARANTINE.name
_BATCH_ROWS = 10_000


@dataclass(frozen=True)
class DayCounts:
    """What became of the input of one day; `input_count` = observations + quarantine."""

    landed_day: dt.date
    input_count: int
    observation_count: int
    quarantine_count: int
    reasons: dict[str, int]
    open_count: int
    leak_count: int
    is_new: bool = True


@dataclass(frozen=True)
class Total:
    """What became of the input of several days."""

    input_count: int
    observation_count: int
    quarantine_count: int
    reasons: dict[str, int]
    open_count: int
    leak_count: int


def total(days: Sequence[DayCounts]) -> Total:
    """The sum over days; no days give zeros."""
    reasons: Counter[str] = Counter()
    for day in days:
        reasons.update(day.reasons)
    return Total(
        input_count=sum(day.input_count for day in days),
        observation_count=sum(day.observation_count for day in days),
        quarantine_count=sum(day.quarantine_count for day in days),
        reasons=dict(reasons.most_common()),
        open_count=sum(day.open_count for day in days),
        leak_count=sum(day.leak_count for day in days),
    )


def observe(
    conn: psycopg.Connection,
    root: str,
    *,
    days: Sequence[dt.date],
    files_by_day: Mapping[dt.date, Sequence[LandingFile]],
    read: Callable[[LandingFile], Iterable[Landed]],
    now: dt.datetime,
    actor: str,
    inputs_by_day: Mapping[dt.date, str] | None = None,
    detectors: Detectors | None = None,
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
        files_by_day: All registered files of each day; a day without files becomes empty.
        read: Opens and maps one file. Each file is read once.
        now: When this is happening.
        actor: Who started it.
        inputs_by_day: A digest of all that a day is made from; a day that was made from the same
            is left as it is.
        detectors: The redaction rules in force; all of them by default.
        recheck: Refuses where another run took over.
        progress: Told the number of records of each piece that was read.

    Raises:
        LandingGone: A registered file cannot be opened any more.
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
            stream = _Day(
                day, _opened(ordered, read, day), detectors or Detectors(), spool, progress
            )
            written = stream.write(conn, root)
            counts = stream.counts()
            _record(
                conn,
                counts,
                written,
                (files_digest(ordered), inputs),
                stream.detectors,
                now=now,
                actor=actor,
            )
            for name, version in zip((TABLE, QUARANTINE_TABLE), written, strict=True):
                versions.name(
                    conn, name, version, inputs=f"{day}:{inputs or version}", recheck=recheck
                )
        counted.append(counts)
    return counted


class _Day:
    """One pass over the records of a day: observations flow on, the rest waits in a spool file.

    The spool holds quarantine rows only: file hash, row number, shape and reason.
    """

    def __init__(
        self,
        day: dt.date,
        pieces: Iterator[tuple[LandingFile, Landed]],
        detectors: Detectors,
        spool: IO[bytes],
        progress: Callable[[int], None],
    ) -> None:
        self.detectors = detectors
        self._day, self._pieces, self._spool, self._progress = day, pieces, spool, progress
        self._input_count = self._observation_count = self._open_count = 0
        self._reasons: Counter[str] = Counter()

    def write(self, conn: psycopg.Connection, root: str) -> tuple[int, int]:
        """Overwrite the day's partition of both tables; their versions are not named yet."""
        observations = pa.RecordBatchReader.from_batches(OBSERVATION.schema, self._observations())
        version = tables.write(conn, root, TABLE, observations, days=[self._day])
        self._spool.seek(0)
        quarantine = pa.ipc.open_stream(self._spool)
        return version, tables.write(conn, root, QUARANTINE_TABLE, quarantine, days=[self._day])

    def counts(self) -> DayCounts:
        """What became of the input.

        Raises:
            ContractBroken: A record was lost or doubled on the way.
        """
        quarantine_count = self._reasons.total()
        if self._input_count != self._observation_count + quarantine_count:
            raise ContractBroken(
                f"{self._input_count} records of {self._day} became {self._observation_count} "
                f"observations and {quarantine_count} quarantine rows; nothing was published"
            )
        return DayCounts(
            landed_day=self._day,
            input_count=self._input_count,
            observation_count=self._observation_count,
            quarantine_count=quarantine_count,
            reasons=dict(sorted(self._reasons.items())),
            open_count=self._open_count,
            leak_count=self._reasons["leak"],
        )

    def _observations(self) -> Iterator[pa.RecordBatch]:
        with pa.ipc.new_stream(self._spool, QUARANTINE.schema) as spool:
            for rows in _in_batches(self._rows(spool)):
                observations, leaks = redact_rows(rows, self._day, self.detectors)
                self._quarantine(spool, leaks)
                self._observation_count += observations.num_rows
                self._open_count += pc.sum(observations.column("is_scan_open")).as_py() or 0
                yield observations

    def _rows(self, spool: pa.ipc.RecordBatchStreamWriter) -> Iterator[pa.RecordBatch]:
        for file, piece in self._pieces:
            records = piece.rows.num_rows + len(piece.rejects)
            self._input_count += records
            self._progress(records)
            self._quarantine(spool, _rejected(self._day, file, piece.rejects))
            yield piece.rows

    def _quarantine(self, spool: pa.ipc.RecordBatchStreamWriter, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._reasons.update(batch.column("reason").to_pylist())
            spool.write_batch(batch)


def _opened(
    files: Sequence[LandingFile], read: Callable[[LandingFile], Iterable[Landed]], day: dt.date
) -> Iterator[tuple[LandingFile, Landed]]:
    for file in files:
        try:
            for piece in read(file):
                yield file, piece
        except LandingGone:
            raise
        except (FileNotFoundError, NotFound):
            raise LandingGone(
                f"a landing file of {day} is no longer in the landing store ({len(files)} are "
                "registered); the day keeps what it had. Restore the file, or leave the day alone"
            ) from None


def _in_batches(pieces: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Gather small pieces: a folder of one-record files would pay the fixed costs per record."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for piece in pieces:
        waiting.append(piece)
        rows += piece.num_rows
        if rows >= _BATCH_ROWS:
            yield pa.concat_batches(waiting)
            waiting, rows = [], 0
    if rows:
        yield pa.concat_batches(waiting)


def _rejected(day: dt.date, file: LandingFile, rejects: Sequence[Reject]) -> pa.RecordBatch:
    rows = [
        {
            "landed_day": day,
            "collection": file.collection,
            "file_sha256": file.file_sha256,
            "row": reject.row,
            "shape": reject.shape,
            "reason": reject.reason,
        }
        for reject in rejects
    ]
    return pa.RecordBatch.from_pylist(rows, schema=QUARANTINE.schema)


def _made_from(conn: psycopg.Connection, day: dt.date, inputs: str) -> DayCounts | None:
    """The counts of a day that was made from just these inputs."""
    row = conn.execute(
        "select landed_day, input_count, observation_count, quarantine_count, reasons, "
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
    detectors: Detectors,
    *,
    now: dt.datetime,
    actor: str,
) -> None:
    day = counts.landed_day
    conn.execute(
        "insert into social.day_count (landed_day, input_count, observation_count, "
        "quarantine_count, reasons, open_count, leak_count, files_digest, inputs, "
        "ruleset_version, counted_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "on conflict (landed_day) do update set input_count = excluded.input_count, "
        "observation_count = excluded.observation_count, "
        "quarantine_count = excluded.quarantine_count, reasons = excluded.reasons, "
        "open_count = excluded.open_count, leak_count = excluded.leak_count, "
        "files_digest = excluded.files_digest, inputs = excluded.inputs, "
        "ruleset_version = excluded.ruleset_version, "
        "observations_expired_at = null, quarantine_expired_at = null, "
        "counted_at = excluded.counted_at",
        [
            day,
            counts.input_count,
            counts.observation_count,
            counts.quarantine_count,
            Jsonb(counts.reasons),
            counts.open_count,
            counts.leak_count,
            *made_from,
            detectors.ruleset_version,
            now,
        ],
    )
    audit.append(
        conn,
        "observations.written",
        actor=actor,
        subject=day.isoformat(),
        # Numbers of versions begin anew where a lost store was built again.
        key=f"{versions[0]}.{versions[1]}@{now.isoformat()}",
        input_count=counts.input_count,
        observation_count=counts.observation_count,
        quarantine_count=counts.quarantine_count,
        open_count=counts.open_count,
        leak_count=counts.leak_count,
        observations_version=versions[0],
        quarantine_version=versions[1],
    )
