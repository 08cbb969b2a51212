"""What became of each file of a day: counted while its rows stream by, then written as rows.

Here: counts per file and the table `social.file_count`. Not here: the counts of the whole day
(`observe`), which are written in the same transaction.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.types.json import Jsonb

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.schema.landed import Landed, LandingFile
from sxe_pipeline.schema.tables import LANDED_ROW

FILE = ("collection", "file_sha256")
_Name = tuple[str, str]
_NOT_MAPPED = {
    *(*FILE, "row", "shape", "platform", "account_key", "observed_at"),
    *("given", "is_post", "own_posts"),
}
FILLABLE = tuple(name for name in LANDED_ROW.names if name not in _NOT_MAPPED)
"""The columns whose filling says something of a mapping: `observed_at` never is empty."""


@dataclass(slots=True)
class FileCount:
    """What became of one file; `input_count` = observations + the reasons of quarantine.

    `post_count`: observations that were posts, sightings of their author; `filled`: column ->
    observations that hold a value, for the columns that its shapes map; `nulled`: rows whose value
    could not be read; `refused`: rows that this column's value cost.
    """

    input_count: int = 0
    observation_count: int = 0
    post_count: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    nulled: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


class Tally:
    """The counts of the files of one day."""

    def __init__(self, files: Sequence[LandingFile]) -> None:
        self._files = {(file.collection, file.file_sha256): FileCount() for file in files}
        self._mapped: dict[_Name, set[str]] = {}

    def read(self, file: LandingFile, piece: Landed) -> None:
        """Count a piece of a file as it was read."""
        name = (file.collection, file.file_sha256)
        count = self._files[name]
        count.input_count += piece.rows.num_rows + len(piece.rejects)
        self._mapped.setdefault(name, set()).update(piece.mapped)
        count.nulled.update(piece.nulled)
        count.reasons.update(reject.reason for reject in piece.rejects)
        count.refused.update(reject.column for reject in piece.rejects if reject.column)

    def keep(self, name: _Name, before: FileCount | None) -> None:
        """Take over what was known of a file whose stored rows are kept; its rows are counted."""
        if before is not None:
            kept = self._files[name]
            kept.filled, kept.nulled, kept.refused = before.filled, before.nulled, before.refused

    def observed(self, batch: pa.RecordBatch, *, is_kept: bool = False) -> None:
        """Count observations by file; `is_kept`: these were not read but stored before."""
        for name, rows, posts, filled in _by_file(batch):
            count = self._files[name]
            count.observation_count += rows
            count.post_count += posts
            if is_kept:
                count.input_count += rows
            else:
                mapped = self._mapped.get(name, ())
                count.filled.update(
                    {column: filled[column] for column in mapped if column in filled}
                )

    def quarantined(self, batch: pa.RecordBatch, *, is_kept: bool = False) -> None:
        """Count quarantine rows that came after the reader by file."""
        names = zip(*(batch.column(name).to_pylist() for name in (*FILE, "reason")), strict=True)
        for collection, file_sha256, reason in names:
            count = self._files[collection, file_sha256]
            count.reasons[reason] += 1
            count.input_count += is_kept

    def check(self) -> None:
        """Raise where a record of a file was lost or doubled.

        Raises:
            ContractBroken: With the number of files.
        """
        uneven = sum(
            count.input_count != count.observation_count + count.reasons.total()
            for count in self._files.values()
        )
        if uneven:
            raise ContractBroken(
                f"the records of {uneven} files do not add up to observations and quarantine rows; "
                "nothing was published"
            )

    def write(self, conn: psycopg.Connection, day: dt.date) -> None:
        """Replace the counts of the files of a day, in the caller's transaction."""
        conn.execute("delete from social.file_count where landed_day = %s", [day])
        rows = [
            (
                *name,
                day,
                count.input_count,
                count.observation_count,
                count.post_count,
                count.reasons.total(),
                *map(Jsonb, (count.reasons, count.filled, count.nulled, count.refused)),
            )
            for name, count in self._files.items()
        ]
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into social.file_count (collection, file_sha256, landed_day, input_count, "
                "observation_count, post_count, quarantine_count, reasons, filled, nulled, "
                "refused) "
                "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
                "on conflict (collection, file_sha256) do update set "
                "landed_day = excluded.landed_day, input_count = excluded.input_count, "
                "observation_count = excluded.observation_count, post_count = excluded.post_count, "
                "quarantine_count = excluded.quarantine_count, reasons = excluded.reasons, "
                "filled = excluded.filled, nulled = excluded.nulled, refused = excluded.refused",
                rows,
            )


def counted(conn: psycopg.Connection, day: dt.date) -> Mapping[_Name, FileCount]:
    """What is known of the files of a day, by collection and hash."""
    rows = conn.execute(
        "select collection, file_sha256, input_count, observation_count, post_count, reasons, "
        "filled, nulled, refused from social.file_count where landed_day = %s",
        [day],
    )
    return {
        (collection, sha): FileCount(inputs, seen, posts, *map(Counter, counts))
        for collection, sha, inputs, seen, posts, *counts in rows
    }


def _by_file(batch: pa.RecordBatch) -> Iterator[tuple[_Name, int, int, dict[str, int]]]:
    """Each file of a batch: its rows, those that are posts, and its filled cells by column."""
    columns = {name: batch.column(name) for name in FILE}
    columns |= {name: _held(batch.column(name)) for name in FILLABLE}
    columns["is_post"] = batch.column("is_post").cast(pa.int64())
    asked = [([], "count_all"), ("is_post", "sum"), *((name, "count") for name in FILLABLE)]
    found = pa.table(columns).group_by(FILE, use_threads=False).aggregate(asked)
    for row in found.to_pylist():
        filled = {name: row[f"{name}_count"] for name in FILLABLE}
        name = row["collection"], row["file_sha256"]
        yield name, row["count_all"], row["is_post_sum"] or 0, filled


def _held(column: pa.Array) -> pa.Array:
    """Null where there is nothing, an empty list included."""
    if not pa.types.is_list(column.type):
        return column
    lengths = pc.list_value_length(column)
    return pc.if_else(pc.greater(lengths, 0), lengths, None)
