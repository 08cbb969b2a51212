"""Delta tables as files: where one lies, opening a version, writing one, forcing it to the disk.

Here: what Delta is told. Not here: which version counts, and who may write (`tables`).
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote
from uuid import uuid4

import pyarrow as pa

from sxe_pipeline.errors import NotFound, StoreUnavailable
from sxe_pipeline.store.disk import flush, local_path, private_folder
from sxe_pipeline.store.objects import Objects

_CONFIGURATION = {
    # A named version may be older than the retention of the log; cleaning would make it unreadable.
    "delta.enableExpiredLogCleanup": "false",
}


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


def prepared(root: str, name: str, named: int | None) -> Any:
    """The Delta table as it is named, whatever a killed writer left; None where there is none.

    Raises:
        NotFound: The named version is gone from the store.
    """
    if folder := local_path(root):
        private_folder(folder.absolute())
    table = opened(root, name, None)
    if named is not None:
        if table is None or table.version() < named:
            raise lost(name, named)
        if table.version() > named:
            table.restore(named)
    return table


def commit(
    root: str,
    name: str,
    table: Any,
    rows: pa.RecordBatchReader | pa.Table,
    predicate: str | None,
    partitions: Sequence[str],
    schema_mode: Literal["merge"] | None,
) -> None:
    """Write one new version: the rows of a predicate, or the whole table, schema included."""
    from deltalake import WriterProperties, write_deltalake

    write_deltalake(
        table if table is not None else address(root, name),
        rows,
        mode="overwrite",
        predicate=predicate,
        partition_by=list(partitions) or None,
        schema_mode="overwrite" if predicate is None else schema_mode,
        configuration=_CONFIGURATION if table is None else None,
        storage_options=options(root),
        writer_properties=WriterProperties(compression="ZSTD", compression_level=3),
    )


def put_file(root: str, name: str, partition: Mapping[str, int], rows: pa.Table) -> Any:
    """Write rows as a Parquet file beside those of a table; it belongs to no version yet.

    Texts repeat too rarely for dictionaries: ZSTD alone makes smaller files in less time.

    Returns:
        What `replace` takes; None where there are no rows.

    Raises:
        StoreUnavailable: The store failed.
    """
    import pyarrow.parquet as pq
    from deltalake.transaction import AddAction

    if not rows.num_rows:
        return None
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", compression_level=1, use_dictionary=False)
    data = sink.getvalue().to_pybytes()
    folder = "/".join(f"{column}={value}" for column, value in partition.items())
    path = f"{folder}/part-{uuid4()}.zstd.parquet"
    Objects(root).put_new(f"{name}/{path}", data)
    values = {column: str(value) for column, value in partition.items()}
    told = json.dumps({"numRecords": rows.num_rows})
    return AddAction(path, len(data), values, time.time_ns() // 1_000_000, True, told)


def read_file(root: str, name: str, path: str) -> pa.Table:
    """The rows of one Parquet file of a table.

    Raises:
        NotFound: The store does not hold it.
        StoreUnavailable: The store failed.
    """
    import pyarrow.parquet as pq

    data = Objects(root).get(f"{name}/{path}")
    # On a thread for each column it costs half as much again.
    return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)


def created(root: str, name: str, schema: pa.Schema, partitions: Sequence[str]) -> Any:
    """A table without rows, in place of what is there."""
    from deltalake import DeltaTable

    return DeltaTable.create(
        address(root, name),
        schema=schema,
        mode="overwrite",
        partition_by=list(partitions),
        configuration=_CONFIGURATION,
        storage_options=options(root),
    )


def replace(table: Any, schema: pa.Schema, by: str, written: Sequence[tuple[int, Any]]) -> None:
    """Commit one new version: of some partitions these files and no others.

    Args:
        table: As it is.
        schema: Its columns.
        by: The column that it is partitioned by.
        written: The partitions, each with what `put_file` answered.
    """
    table.create_write_transaction(
        [file for _, file in written if file],
        "overwrite",
        schema,
        [by],
        [(by, "in", [str(partition) for partition, _ in written])],
    )


def flushed(root: str, name: str, named: int | None) -> int:
    """The number of the newest version, once it and all since the named one are on the disk."""
    written = opened(root, name, None)
    if written is None:
        raise lost(name, 0)
    flush_after(root, name, -1 if named is None else named, written.version())
    return int(written.version())
