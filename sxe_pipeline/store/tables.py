"""Tier 1 tables: Delta Lake, where Postgres says which version counts.

Delta and Postgres cannot commit together, so a writer commits to Delta first and names the
version in `ops.version` inside its own transaction. Readers open only what is named; a
version that a killed writer left behind is put aside by the next one. A table has one writer:
`lock`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

import psycopg
import pyarrow as pa

from sxe_pipeline.errors import Busy, ContractBroken, StoreUnavailable
from sxe_pipeline.store import delta, sums
from sxe_pipeline.store.disk import local_path

LOCK_WAIT_S = 900
"""How long a writer waits for the writer before it."""

_PARTITION = "landed_day"
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
            else [p for p in self.parts if str(p.partition.get(_PARTITION)) in of_days]
        )
        kept = None if days is None else ds.field(_PARTITION).isin(pa.array(days, pa.date32()))
        dataset = self.dataset()
        names = columns or [name for name in dataset.schema.names if name != BUCKET]
        return dataset.to_table(columns=names, filter=kept)


def snapshot(conn: psycopg.Connection, root: str, name: str) -> Snapshot | None:
    """The version that Postgres names.

    Returns:
        None: The table was never written.

    Raises:
        NotFound: The named version is not in the store.
    """
    row = conn.execute(
        "select version, coalesce(rows_version, version) from ops.version "
        "where table_name = %s and superseded_at is null",
        [name],
    ).fetchone()
    return None if row is None else Snapshot(name, int(row[0]), root, int(row[1]))


def lock(conn: psycopg.Connection, name: str) -> None:
    """Become the only writer of a table until the caller's transaction ends.

    Must be the first statement of that transaction: what is read before it may be old. A killed
    writer's lock is free as soon as its connection is gone.

    Raises:
        Busy: Another writer held it for longer than `LOCK_WAIT_S`.
    """
    before = conn.execute(
        "select current_setting('lock_timeout'), current_setting('statement_timeout')"
    ).fetchone() or ("0", "0")
    _wait_at_most(conn, f"{LOCK_WAIT_S}s", "0")
    try:
        conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"table {name}"])
    except psycopg.errors.LockNotAvailable:
        raise Busy(
            f"another run has been writing {name} for {LOCK_WAIT_S} s; let it end, then try again"
        ) from None
    _wait_at_most(conn, *before)


def _wait_at_most(conn: psycopg.Connection, lock_timeout: str, statement_timeout: str) -> None:
    conn.execute(
        "select set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
        [lock_timeout, statement_timeout],
    )


def write(
    conn: psycopg.Connection,
    root: str,
    name: str,
    reader: pa.RecordBatchReader,
    *,
    days: Sequence[date] | None,
) -> int:
    """Overwrite the partitions of some landing days, or the whole table, as one new version.

    The caller holds `lock`. The version counts for nobody until `ops.versions.name` and a commit.
    Batches are streamed. No batch at all empties those days, or the table.

    Args:
        conn: The writing transaction.
        root: URL of the table store.
        name: Such as 'social/observations'.
        reader: The rows, in the table's schema. It is read on a thread of its own and may itself
            read Delta tables.
        days: Partitions to overwrite; None replaces the table, schema included. Columns that the
            table does not have yet are added, null in the rows of other days.

    Returns:
        The number of the new version.

    Raises:
        ContractBroken: A row lies outside `days`, or the columns do not fit the table (one of
            them is missing, or a new one may not be null).
        NotFound: The named version is gone from the store, so other days would be lost.
        StoreUnavailable: The store failed (a full disk, no rights); nothing was changed.
    """
    if days is not None and not days:
        raise ValueError("days must name at least one day")
    source = _Watched(reader, name, days)
    with _translated(name, source):
        named = _named(conn, name)
        table = delta.prepared(root, name, named)
        fresh = table is None or named is None
        # An orphan of a table that was never named is no ground to build on: replace all of it.
        predicate = None if fresh or days is None else f"{_PARTITION} in ({_quoted(days)})"
        stored = table.metadata().partition_columns if table else []
        partitions = [_PARTITION] if days is not None else stored
        added = None if predicate is None else _schema_mode(table, source.schema, name)
        delta.commit(root, name, table, source.reader(), predicate, partitions, added)
        return delta.flushed(root, name, named)


class Rewritten(NamedTuple):
    """A partition and all of its rows, without the column that it is partitioned by."""

    partition: int
    rows: pa.Table


def write_parts(
    conn: psycopg.Connection,
    root: str,
    name: str,
    schema: pa.Schema,
    by: str,
    parts: Iterable[Rewritten],
    *,
    is_fresh: bool,
) -> int:
    """Overwrite some partitions as one new version; each is written while the next is computed.

    The caller holds `lock`. The files of a writer that dies are of no version.

    Args:
        conn: The writing transaction.
        root: URL of the table store.
        name: Such as 'social/profiles'.
        schema: The columns; the one that the table is partitioned by comes last.
        by: That column.
        parts: What to write, each partition once; one without rows is there no more.
        is_fresh: They replace the whole table, schema and partitions included.

    Returns:
        The number of the new version; that of the named one where there was no part.

    Raises:
        ContractBroken: The columns do not fit the table.
        NotFound: The named version is gone from the store.
        StoreUnavailable: The store failed; what is named stays as it is.
    """
    named = _named(conn, name)
    with _translated(name):
        table = delta.prepared(root, name, named)
    written = [
        (part.partition, delta.put_file(root, name, {by: part.partition}, part.rows))
        for part in parts
    ]
    if not written and named is not None and not is_fresh:
        return named
    with _translated(name):
        if table is None or is_fresh:
            table = delta.created(root, name, schema, [by])
        delta.replace(table, schema, by, written)
        return delta.flushed(root, name, named)


@contextmanager
def _translated(name: str, source: "_Watched | None" = None) -> Iterator[None]:
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError, ValueError) as error:
        if source is not None and source.failure is not None:
            raise source.failure from None
        # Delta's texts print rows ("Preview of invalid data"): none of it may be passed on.
        if _is_of_the_store(error):
            raise StoreUnavailable(
                f"writing {name} failed ({type(error).__name__}); nothing was changed: check space "
                "and rights of the Tier 1 store, then run it again"
            ) from None
        raise ContractBroken(
            f"{name} refused the new rows ({type(error).__name__}): a row outside its landing "
            "days, a missing value or another schema; nothing was changed"
        ) from None


def _schema_mode(table: Any, new: pa.Schema, name: str) -> Literal["merge"] | None:
    """Whether the write adds columns.

    Raises:
        ContractBroken: It would leave one out, or one of the new ones may not be null.
    """
    stored = {field.name for field in table.schema().fields}
    added = [field for field in new if field.name not in stored]
    missing = sorted(stored - set(new.names))
    never_null = [field.name for field in added if not field.nullable]
    if missing or never_null:
        raise ContractBroken(
            f"{name} refused the new rows: {len(missing)} of its columns are missing ({missing}), "
            f"{len(never_null)} new ones may not be null ({never_null}), which the rows of other "
            "days are; nothing was changed: declare new columns nullable and keep the old ones"
        )
    return "merge" if added else None


class _Watched:
    """Passes batches through, refuses a row outside its days, and keeps the producer's exception.

    Across the Arrow C interface an exception of the producer arrives as Delta's, with its text. The
    producer runs on a thread of its own: Delta panics where it is asked to read on the thread that
    it writes on.
    """

    def __init__(
        self, reader: pa.RecordBatchReader, name: str, days: Sequence[date] | None
    ) -> None:
        self._reader, self._name = reader, name
        self._days = None if days is None else frozenset(days)
        self.failure: Exception | None = None

    @property
    def schema(self) -> pa.Schema:
        return self._reader.schema

    def reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self._reader.schema, self._batches())

    def _batches(self) -> Iterable[pa.RecordBatch]:
        batches = iter(self._reader)
        with ThreadPoolExecutor(1, "sxe-batches") as producer:
            try:
                while (batch := producer.submit(next, batches, None).result()) is not None:
                    self._check_days(batch)
                    yield batch
            except Exception as error:
                self.failure = error
                raise

    def _check_days(self, batch: pa.RecordBatch) -> None:
        # Delta checks it too, but not in the first write of a table.
        if self._days is None or batch.schema.get_field_index(_PARTITION) < 0:
            return
        outside = set(batch.column(_PARTITION).unique().to_pylist()) - self._days
        if outside:
            raise ContractBroken(
                f"{self._name} refused the new rows: {len(outside)} landing days that this run "
                "does not write; nothing was changed"
            )


def _is_of_the_store(error: Exception) -> bool:
    """Whether the store failed, not the rows."""
    from deltalake.exceptions import CommitFailedError, TableNotFoundError

    kinds = OSError | TableNotFoundError | CommitFailedError
    return isinstance(error, kinds) or delta.is_of_the_store(error)


def _named(conn: psycopg.Connection, name: str) -> int | None:
    row = conn.execute(
        "select version from ops.version where table_name = %s and superseded_at is null", [name]
    ).fetchone()
    return None if row is None else int(row[0])


def _quoted(days: Sequence[date]) -> str:
    return ", ".join(f"'{day.isoformat()}'" for day in sorted(set(days)))
