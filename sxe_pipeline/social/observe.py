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
from sxe_pipeline.errors import ContractBroken, LandingGone, NotFound, SxeError, Transient
from sxe_pipeline.ops import versions
from sxe_pipeline.schema.landed import Landed, LandingFile, Reject, files_digest
from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION, QUARANTINE
from sxe_pipeline.social import kept, tally
from sxe_pipeline.social.newer_rules import redact_stored
from sxe_pipeline.social.redaction import Detectors, redact_rows, unredactable
from sxe_pipeline.store import tables

TABLE, QUARANTINE_TABLE = OBSERVATION.name, QUARANTINE.name
_BATCH_ROWS = 10_000
_NO_ROWS = pa.RecordBatch.from_pylist([], schema=LANDED_ROW.schema)
_NO_OBSERVATIONS = pa.RecordBatch.from_pylist([], schema=OBSERVATION.schema)

Read = Callable[[LandingFile], Iterable[Landed]]
"""Opens and maps one file."""


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
    read: Read,
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
        files_by_day: All registered files of each day; a day without files becomes empty. Of a
            file that is kept the stored rows stay.
        read: Opens and maps one file. Each file is read once; whatever it raises costs that file.
        now: When this is happening.
        actor: Who started it.
        inputs_by_day: A digest of all that a day is made from; a day that was made from the same
            is left as it is.
        detectors: The redaction rules in force; all of them by default.
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
            stream = _Day(day, ordered, read, detectors or Detectors(), spool, progress)
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


class _Day:
    """One pass over the records of a day: observations flow on, the rest waits in a spool file.

    The spool holds quarantine rows only: file hash, row number, shape and reason.
    """

    def __init__(
        self,
        day: dt.date,
        files: Sequence[LandingFile],
        read: Read,
        detectors: Detectors,
        spool: IO[bytes],
        progress: Callable[[int], None],
    ) -> None:
        self.detectors = detectors
        self.tally = tally.Tally(files)
        self.found_again = 0
        self.keeps_counts = False
        self._day, self._read, self._spool, self._progress = day, read, spool, progress
        self._fresh = [file for file in files if not file.is_kept]
        self._kept = {(f.collection, f.file_sha256) for f in files if f.is_kept}
        self._input_count = self._observation_count = self._open_count = 0
        self._reasons: Counter[str] = Counter()

    def write(self, conn: psycopg.Connection, root: str) -> tuple[int, int]:
        """Overwrite the day's partition of both tables; their versions are not named yet."""
        self._take_over(tally.counted(conn, self._day), _rejects_expired(conn, self._day))
        rejected = () if self.keeps_counts else self._kept
        batches = self._observations(
            kept.rows(conn, root, OBSERVATION, self._day, self._kept),
            kept.rows(conn, root, QUARANTINE, self._day, rejected),
        )
        observations = pa.RecordBatchReader.from_batches(OBSERVATION.schema, batches)
        version = tables.write(conn, root, TABLE, observations, days=[self._day])
        self._spool.seek(0)
        quarantine = pa.ipc.open_stream(self._spool)
        return version, tables.write(conn, root, QUARANTINE_TABLE, quarantine, days=[self._day])

    def _take_over(
        self, before: Mapping[tuple[str, str], tally.FileCount], rejects_expired: bool
    ) -> None:
        lost = self._kept - before.keys()
        if lost:
            raise LandingGone(
                f"{len(lost)} files of {self._day} expired before they were ever observed; take "
                f"them out: `sxe landing withdraw {min(sha for _, sha in lost)[:12]} --reason TEXT`"
            )
        self.keeps_counts = rejects_expired and not self._fresh
        for name in self._kept:
            self.tally.keep(name, before[name])
            if self.keeps_counts:  # rows of the quarantine are gone, their numbers stay
                self.tally.keep_reasons(name, before[name])
                self._reasons.update(before[name].reasons)
                self._input_count += before[name].reasons.total()

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
        self.tally.check()
        return DayCounts(
            landed_day=self._day,
            input_count=self._input_count,
            observation_count=self._observation_count,
            quarantine_count=quarantine_count,
            reasons=dict(sorted(self._reasons.items())),
            open_count=self._open_count,
            leak_count=self._reasons["leak"],
        )

    def _observations(
        self, kept_rows: Iterator[pa.RecordBatch], kept_rejects: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        with pa.ipc.new_stream(self._spool, QUARANTINE.schema) as spool:
            for rejects in kept_rejects:
                self._input_count += rejects.num_rows
                self.tally.quarantined(rejects, is_kept=True)
                self._quarantine(spool, rejects)
            for stored in kept_rows:
                self._input_count += stored.num_rows
                rows, rejects, found = redact_stored(stored, self._day, self.detectors)
                self.found_again += found
                self.tally.quarantined(rejects, is_kept=True)
                self._quarantine(spool, rejects)
                self.tally.observed(rows, is_kept=True)
                yield self._observed(rows)
            for rows in _in_batches(self._rows(spool)):
                for observations, rejects in _redacted(rows, self._day, self.detectors):
                    self.tally.quarantined(rejects)
                    self._quarantine(spool, rejects)
                    self.tally.observed(observations)
                    yield self._observed(observations)

    def _observed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self._observation_count += batch.num_rows
        self._open_count += pc.sum(batch.column("is_scan_open")).as_py() or 0
        return batch

    def _rows(self, spool: pa.ipc.RecordBatchStreamWriter) -> Iterator[pa.RecordBatch]:
        for file in self._fresh:
            for piece in _pieces(file, self._read):
                records = piece.rows.num_rows + len(piece.rejects)
                self._input_count += records
                self._progress(records)
                self.tally.read(file, piece)
                self._quarantine(spool, _rejected(self._day, file, piece.rejects))
                yield piece.rows

    def _quarantine(self, spool: pa.ipc.RecordBatchStreamWriter, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._reasons.update(batch.column("reason").to_pylist())
            spool.write_batch(batch)


def _pieces(file: LandingFile, read: Read) -> Iterator[Landed]:
    """What a file holds; whatever its reader raises ends the file, and costs no other.

    Raises:
        LandingGone: It is not there any more.
        Transient: A store failed, which says nothing of the file.
    """
    records = 0
    try:
        for piece in read(file):
            yield piece
            records += piece.rows.num_rows + len(piece.rejects)
    except (LandingGone, Transient, psycopg.Error):
        raise
    except (FileNotFoundError, NotFound):
        raise LandingGone(
            f"landing file {file.file_sha256[:12]} is no longer in the landing store; the day "
            "keeps what it had. Restore the file, or take it out: "
            f"`sxe landing withdraw {file.file_sha256[:12]} --reason TEXT`"
        ) from None
    except Exception:  # noqa: BLE001 - the last net: the reader's own nets come first
        yield Landed(_NO_ROWS, [Reject(records + 1 if records else 0, None, "unreadable")])


def _redacted(
    rows: pa.RecordBatch, day: dt.date, detectors: Detectors
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Observations and quarantine rows; a row that cannot be redacted is none that is stored.

    Raises:
        ContractBroken: The reader broke its contract: that is no fault of a row.
    """
    try:
        yield redact_rows(rows, day, detectors)
    except SxeError:
        raise
    except Exception:  # noqa: BLE001 - whatever a text does to a rule, it is not stored unredacted
        if rows.num_rows == 1:
            yield _NO_OBSERVATIONS, unredactable(rows, day)
            return
        half = rows.num_rows // 2
        for part in (rows.slice(0, half), rows.slice(half)):
            yield from _redacted(part, day, detectors)


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


def _rejects_expired(conn: psycopg.Connection, day: dt.date) -> bool:
    found = conn.execute(
        "select quarantine_expired_at is not null from social.day_count where landed_day = %s",
        [day],
    ).fetchone()
    return bool(found and found[0])


def _record(
    conn: psycopg.Connection,
    counts: DayCounts,
    versions: tuple[int, int],
    made_from: tuple[str, str],
    stream: _Day,
    *,
    now: dt.datetime,
    actor: str,
) -> str:
    """Write the counts down; answers the event that names the versions."""
    day = counts.landed_day
    conn.execute(
        "insert into social.day_count (landed_day, input_count, observation_count, "
        "quarantine_count, reasons, open_count, leak_count, files_digest, inputs, "
        "ruleset_version, counted_at, redacted_again_at) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
        "case when %s then clock_timestamp() end) "
        "on conflict (landed_day) do update set input_count = excluded.input_count, "
        "observation_count = excluded.observation_count, "
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
        quarantine_count=counts.quarantine_count,
        open_count=counts.open_count,
        leak_count=counts.leak_count,
        found_again_count=stream.found_again,
        observations_version=versions[0],
        quarantine_version=versions[1],
    )
