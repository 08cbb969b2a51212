"""Tier 1 tables: Delta Lake, where Postgres says which version counts.

Delta and Postgres cannot commit together, so a writer commits to Delta first and names the
version in `ops.version` inside its own transaction. Readers open only what is named; a
version that a killed writer left behind is put aside by the next one. A table has one writer:
`lock`. Reading one version is `snapshot`'s.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import Any, Literal, NamedTuple

import psycopg
import pyarrow as pa

from sxe_pipeline.errors import Busy, ContractBroken, StoreUnavailable
from sxe_pipeline.store import delta
from sxe_pipeline.store.snapshot import DAY, Snapshot

LOCK_WAIT_S = 900
"""How long a writer waits for the writer before it."""


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
        predicate = None if fresh or days is None else f"{DAY} in ({_quoted(days)})"
        stored = table.metadata().partition_columns if table else []
        partitions = [DAY] if days is not None else stored
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
        if self._days is None or batch.schema.get_field_index(DAY) < 0:
            return
        outside = set(batch.column(DAY).unique().to_pylist()) - self._days
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
