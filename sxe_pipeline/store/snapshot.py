"""One version of a Tier 1 table as it is read: its files, their rows, and that they are sound.

Here: opening a version by its number. Not here: which version counts, and writing one (`tables`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa

from sxe_pipeline.store import delta, sums
from sxe_pipeline.store.disk import local_path

DAY = "landed_day"
"""The column that tables of landing days are partitioned by."""
BUCKET = "bucket"
"""The column of tables in buckets; it stands in paths and says nothing of a row."""
_OF = "partition."
_TOLD = ("path", "num_records", "size_bytes")


class Part(NamedTuple):
    """One file of a version: its path below the table, rows, bytes, its partition's values."""

    path: str
    row_count: int
    byte_count: int
    partition: Mapping[str, Any]


class Snapshot:
    """One version of one table: what it says never changes."""

    def __init__(self, name: str, version: int, root: str, rows_version: int | None = None) -> None:
        """Open that version.

        Args:
            name: Such as 'social/observations'.
            version: Its number.
            root: URL of the table store.
            rows_version: The version that first held its rows, where it only has them in other
                files; itself by default. What is made from them depends on that one.

        Raises:
            NotFound: The store does not hold it, although Postgres names it.
        """
        self.name, self.version, self.root = name, version, root
        self.rows_version = version if rows_version is None else rows_version
        self._delta = delta.opened(root, name, version)
        if self._delta is None:
            raise delta.lost(name, version)
        self._sound: set[str] = set()

    @property
    def schema(self) -> pa.Schema:
        """Names, types and nullability of the columns."""
        return self.dataset().schema

    def check(self, parts: Iterable[Part] | None = None) -> None:
        """Make sure that files are what was written, before rows are made of them or handed over.

        Args:
            parts: Some of the files; all by default. None is looked at twice.

        Raises:
            NotFound: Some are gone, cut short or changed.
        """
        if (folder := local_path(self.root)) is None:
            return
        sizes = {part.path: part.byte_count for part in self.parts}
        due = [p.path for p in (self.parts if parts is None else parts)]
        due = [path for path in due if path not in self._sound]
        if due and (changed := sums.changed(folder / self.name, self.version, sizes, due)):
            raise delta.damaged(self.name, self.version, len(changed))
        self._sound.update(due)

    def files(self) -> list[str]:
        """The Parquet files of exactly this version.

        A partitioned table keeps that column in the paths:
        `read_parquet(files, hive_partitioning=true)`. Empty for a table without rows, which
        `read_parquet` refuses; `dataset` has neither trap.
        """
        found = sorted(self._delta.file_uris())
        # Delta encodes the whole path, folders above the table included.
        return found if local_path(self.root) is None else [unquote(file) for file in found]

    @cached_property
    def parts(self) -> list[Part]:
        """The same files as the log tells them, in no order."""
        told = pa.table(self._delta.get_add_actions(flatten=True))
        told = told.select([n for n in told.column_names if n in _TOLD or n.startswith(_OF)])
        return [
            Part(
                unquote(each["path"]),
                each["num_records"],
                each["size_bytes"],
                {k.removeprefix(_OF): v for k, v in each.items() if k.startswith(_OF)},
            )
            for each in told.to_pylist()
        ]

    def rows_of(self, part: Part) -> pa.Table:
        """The rows of one file, in its order, without the column that stands in its path.

        Raises:
            NotFound: The store does not hold it, or not as it was written.
            StoreUnavailable: The store failed.
        """
        self.check([part])
        return delta.read_file(self.root, self.name, part.path)

    @property
    def partition_columns(self) -> list[str]:
        """The columns that the table is partitioned by, which stand in the paths."""
        found: list[str] = self._delta.metadata().partition_columns
        return found

    def dataset(self, partitions: Any = None) -> Any:
        """A `pyarrow.dataset.Dataset` over this version; DuckDB scans it by its variable's name.

        Nothing is read yet, nor checked: see `check`.

        Args:
            partitions: Such as `[("landed_day", "in", ["2026-01-01"])]`; all by default.
        """
        return self._delta.to_pyarrow_dataset(file_pruning_predicate=partitions)

    def to_table(
        self, columns: list[str] | None = None, days: Sequence[date] | None = None
    ) -> pa.Table:
        """Read rows into memory, of some columns and some landing days where asked.

        Raises:
            NotFound: Files of theirs are not what was written.
        """
        import pyarrow.dataset as ds

        of_days = {str(day) for day in days or ()}
        self.check(
            None
            if days is None
            else [p for p in self.parts if str(p.partition.get(DAY)) in of_days]
        )
        kept = None if days is None else ds.field(DAY).isin(pa.array(days, pa.date32()))
        dataset = self.dataset()
        names = columns or [name for name in dataset.schema.names if name != BUCKET]
        return dataset.to_table(columns=names, filter=kept)
