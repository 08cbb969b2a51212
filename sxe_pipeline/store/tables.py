"""Tier 1 tables: Delta Lake, where Postgres says which version counts.

Delta and Postgres cannot commit together, so a writer commits to Delta first and names the
version in `ops.version` inside its own transaction. Readers open only what is named; a
version that a killed writer left behind is put aside by the next one. A table has one writer:
`lock`.
"""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import psycopg
import pyarrow as pa

from sxe_pipeline.errors import Busy, ContractBroken, NotFound, StoreUnavailable
from sxe_pipeline.store.disk import flush, local_path, private_folder

LOCK_WAIT_S = 900
"""How long a writer waits for the writer before it."""

_PARTITION = "landed_day"

_CONFIGURATION = {
    # A named version may be older than the retention of the log; cleaning would make it unreadable.
    "delta.enableExpiredLogCleanup": "false",
}


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
        self._delta = opened(root, name, version)
        if self._delta is None:
            raise lost(name, version)

    @property
    def schema(self) -> pa.Schema:
        """Names, types and nullability of the columns."""
        return self.dataset().schema

    def files(self) -> list[str]:
        """The Parquet files of exactly this version.

        A table partitioned by `landed_day` keeps that column in the paths:
        `read_parquet(files, hive_partitioning=true)`. Empty for a table without rows, which
        `read_parquet` refuses; `dataset` has neither trap.
        """
        found = sorted(self._delta.file_uris())
        # Delta encodes the whole path, folders above the table included.
        return found if local_path(self.root) is None else [unquote(file) for file in found]

    def dataset(self) -> Any:
        """A `pyarrow.dataset.Dataset` over this version; DuckDB scans it by its variable's name."""
        return self._delta.to_pyarrow_dataset()

    def to_table(
        self, columns: list[str] | None = None, days: Sequence[date] | None = None
    ) -> pa.Table:
        """Read rows into memory, of some columns and some landing days where asked."""
        import pyarrow.dataset as ds

        kept = None if days is None else ds.field(_PARTITION).isin(pa.array(days, pa.date32()))
        return self.dataset().to_table(columns=columns, filter=kept)


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
    from deltalake.exceptions import DeltaError

    if days is not None and not days:
        raise ValueError("days must name at least one day")
    source = _Watched(reader, name, days)
    try:
        return _write(_named(conn, name), root, name, source, days)
    except (DeltaError, OSError, ValueError) as error:
        if source.failure is not None:
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


def _write(
    named: int | None, root: str, name: str, source: "_Watched", days: Sequence[date] | None
) -> int:
    from deltalake import WriterProperties, write_deltalake

    if folder := local_path(root):
        private_folder(folder.absolute())
    table = opened(root, name, None)
    if named is not None:
        if table is None or table.version() < named:
            raise lost(name, named)
        if table.version() > named:
            table.restore(named)
    fresh = table is None or named is None
    # An orphan of a table that was never named is no ground to build on: replace all of it.
    predicate = None if fresh or days is None else f"{_PARTITION} in ({_quoted(days)})"
    partitions = (
        [_PARTITION] if days is not None else table.metadata().partition_columns if table else None
    )
    write_deltalake(
        table if table is not None else address(root, name),
        source.reader(),
        mode="overwrite",
        predicate=predicate,
        partition_by=partitions or None,
        schema_mode="overwrite" if predicate is None else _schema_mode(table, source.schema, name),
        configuration=_CONFIGURATION if table is None else None,
        storage_options=options(root),
        writer_properties=WriterProperties(compression="ZSTD", compression_level=3),
    )
    written = opened(root, name, None)
    if written is None:
        raise lost(name, 0)
    flush_after(root, name, -1 if named is None else named, written.version())
    return int(written.version())


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
    """Whether the store failed, not the rows. Delta has one exception type for both."""
    from deltalake.exceptions import CommitFailedError, TableNotFoundError

    if isinstance(error, OSError | TableNotFoundError | CommitFailedError):
        return True
    # Delta's own frame around an error of the rows; the object store's are 'Generic S3 error' etc.
    text = str(error).removeprefix("Generic DeltaTable error")
    return any(mark in text for mark in ("No space left", "os error", "Generic ", "Object store"))


def _named(conn: psycopg.Connection, name: str) -> int | None:
    row = conn.execute(
        "select version from ops.version where table_name = %s and superseded_at is null", [name]
    ).fetchone()
    return None if row is None else int(row[0])


def opened(root: str, name: str, version: int | None) -> Any:
    """The Delta table at a version (None: its latest); None where the store does not hold it.

    Raises:
        StoreUnavailable: The store failed.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        return DeltaTable(address(root, name), version=version, storage_options=options(root))
    except TableNotFoundError:
        return None
    except DeltaError as error:
        if version is not None and "version" in str(error).lower():
            return None
        raise StoreUnavailable(
            f"table {name} cannot be opened ({type(error).__name__}); check the Tier 1 store"
        ) from None
    except OSError as error:
        raise StoreUnavailable(
            f"table {name} cannot be opened ({type(error).__name__}); check the Tier 1 store"
        ) from None


def address(root: str, name: str) -> str:
    """Where a table lies, as Delta is told."""
    folder = local_path(root)
    return f"{root.rstrip('/')}/{name}" if folder is None else str(folder.absolute() / name)


def options(root: str) -> dict[str, str] | None:
    """What only this store needs to be reached (`StoreUrl`); None where there is nothing."""
    return getattr(root, "options", None) or None


def _quoted(days: Sequence[date]) -> str:
    return ", ".join(f"'{day.isoformat()}'" for day in sorted(set(days)))


def flush_after(root: str, name: str, known: int, version: int) -> None:
    """Force the files and the log of a version, and of all after a known one, to the disk.

    A version is read from the whole log: what puts an orphan aside must be as safe as what follows.
    """
    if local_path(root) is None:
        return
    table = Path(address(root, name))
    logs = [table / "_delta_log" / f"{n:020d}.json" for n in range(known + 1, version + 1)]
    found = [log for log in logs if log.exists()]
    actions = [json.loads(line) for log in found for line in log.read_text().splitlines()]
    added = {table / unquote(action["add"]["path"]) for action in actions if "add" in action}
    flush([*sorted(path for path in added if path.exists()), *found])


def flush_log(root: str, name: str) -> None:
    """Force the checkpoints of a table to the disk, before what they replace is deleted."""
    if local_path(root) is not None:
        flush((Path(address(root, name)) / "_delta_log").glob("*checkpoint*"))


def lost(name: str, version: int) -> NotFound:
    """The error of a named version that the store does not hold."""
    return NotFound(
        f"Postgres names version {version} of {name}, but the Tier 1 store does not hold it; check "
        "that both belong to the same deployment, restore the store, or build it again by "
        "`sxe recover`"
    )
