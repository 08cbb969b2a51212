"""One pass over the records of a landing day: what became of each, counted while it streams by.

Here: read, hand to an engine, sort into observations and quarantine, write both partitions. Not
here: what an engine runs (`redacting`), which day is due, and naming what was written (`observe`).
Unredacted rows pass through memory batch by batch and are stored nowhere.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.engine import Engine
from sxe_pipeline.errors import ContractBroken, LandingGone, NotFound, Transient
from sxe_pipeline.schema.landed import Landed, LandingFile, Reject
from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION, QUARANTINE
from sxe_pipeline.social import kept, redacting, tally
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline.social.newer_rules import redact_stored
from sxe_pipeline.store import tables

_BATCH_ROWS = 40_000
"""Every batch compiles the patterns of all rules: at 10,000 rows as dear as asking them."""
_NO_ROWS = pa.RecordBatch.from_pylist([], schema=LANDED_ROW.schema)

Read = Callable[[LandingFile], Iterable[Landed]]
"""Opens and maps one file."""


@dataclass(frozen=True)
class DayCounts:
    """What became of the input of one day; `input_count` = observations + quarantine.

    `post_count` says how many of the observations were posts: sightings of their author.
    """

    landed_day: dt.date
    input_count: int
    observation_count: int
    post_count: int
    quarantine_count: int
    reasons: dict[str, int]
    open_count: int
    leak_count: int
    is_new: bool = True


class Day:
    """One pass over the records of a day: observations flow on, the rest waits in a spool file.

    The spool holds quarantine rows only: file hash, row number, shape and reason.
    """

    def __init__(
        self,
        day: dt.date,
        files: Sequence[LandingFile],
        read: Read,
        detectors: Detectors,
        engine: Engine,
        spool: IO[bytes],
        progress: Callable[[int], None],
    ) -> None:
        self.detectors, self._engine = detectors, engine
        self.tally = tally.Tally(files)
        self.found_again = 0
        self.keeps_counts = False
        self._day, self._read, self._spool, self._progress = day, read, spool, progress
        self._fresh = [file for file in files if not file.is_kept]
        self._kept = {(f.collection, f.file_sha256) for f in files if f.is_kept}
        self._input_count = self._observation_count = self._post_count = self._open_count = 0
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
        version = tables.write(conn, root, OBSERVATION.name, observations, days=[self._day])
        self._spool.seek(0)
        quarantine = pa.ipc.open_stream(self._spool)
        return version, tables.write(conn, root, QUARANTINE.name, quarantine, days=[self._day])

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
            post_count=self._post_count,
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
            landed = pa.RecordBatchReader.from_batches(
                LANDED_ROW.schema, _in_batches(self._rows(spool))
            )
            for made in self._engine.run(landed, redacting.act(self._day, self.detectors)):
                observations, rejects = redacting.parted(made)
                self.tally.quarantined(rejects)
                self._quarantine(spool, rejects)
                self.tally.observed(observations)
                yield self._observed(observations)

    def _observed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self._observation_count += batch.num_rows
        self._post_count += pc.sum(batch.column("is_post")).as_py() or 0
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


def _rejects_expired(conn: psycopg.Connection, day: dt.date) -> bool:
    found = conn.execute(
        "select quarantine_expired_at is not null from social.day_count where landed_day = %s",
        [day],
    ).fetchone()
    return bool(found and found[0])


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
