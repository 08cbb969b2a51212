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
from sxe_pipeline.store import sums
from sxe_pipeline.store.disk import flush, local_path, private_folder
from sxe_pipeline.store.objects import Objects

_CONFIGURATION = {
    # A named version may be older than the retention of the log; cleaning would make it unreadable.
    "delta.enableExpiredLogCleanup": "false",
}


def opened(root: str, name: str, version: int | None) -> Any:
    """The Delta table at a version (None: its latest); None where the store does not hold it.

    A log that was cut short or has a gap holds nothing from there on.

    Raises:
        StoreUnavailable: The store failed.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        return DeltaTable(address(root, name), version=version, storage_options=options(root))
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        if isinstance(error, DeltaError) and not is_of_the_store(error):
            return None
        raise StoreUnavailable(
            f"table {name} cannot be opened ({type(error).__name__}); check the Tier 1 store"
        ) from None


def is_of_the_store(error: Exception) -> bool:
    """Whether the store failed, not the log or the rows. Delta has one exception type for all."""
    # Delta's own frames; the object store's are 'Generic S3 error' etc.
    text = str(error).replace("Generic DeltaTable error", "").replace("Generic delta kernel", "")
    return any(mark in text for mark in ("No space left", "os error", "Generic ", "Object store"))


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


def damaged(name: str, version: int, count: int) -> NotFound:
    """The error of files of a version that are not what was written."""
    return NotFound(
        f"{count} files of {name} (version {version}) are gone from the Tier 1 store or not what "
        "was written there, so nothing was made of them; restore the store, or build the table "
        "again by `sxe recover`; where that finds nothing lost, the version is an older one: "
        "`sxe build --whole` does without it"
    )


def newest(root: str, name: str, named: int | None) -> Any:
    """The Delta table as its last writer left it; None where there is none.

    A power cut tears entries of the log that were not flushed yet: none of a named version. The
    caller holds the table's lock: they are taken away, or no writer would come past them.

    Raises:
        NotFound: The named version is gone from the store.
        StoreUnavailable: The store failed.
    """
    table = opened(root, name, None)
    if table is not None and (named is None or table.version() >= named):
        return table
    if named is not None and opened(root, name, named) is None:
        raise lost(name, named)
    if (folder := local_path(root)) is None:
        return table
    for entry in (folder / name / "_delta_log").glob("*"):
        number = entry.name.partition(".")[0]
        if named is None or (number.isdigit() and int(number) > named):
            entry.unlink()
    return opened(root, name, None)


def prepared(root: str, name: str, named: int | None) -> Any:
    """The Delta table as it is named, whatever a killed writer left; None where there is none.

    Raises:
        NotFound: The named version is gone from the store, or its log tells other files.
        StoreUnavailable: The store failed.
    """
    if folder := local_path(root):
        private_folder(folder.absolute())
    table = newest(root, name, named)
    if table is None or named is None:
        return table
    if table.version() > named:
        table.restore(named)
    if folder and (torn := sums.unlisted(folder / name, named, sizes(table))):
        raise damaged(name, named, len(torn))
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
    keep_safe(root, name, named, written)
    return int(written.version())


def keep_safe(root: str, name: str, named: int | None, table: Any) -> None:
    """Force what was written since the named version to the disk, and note what its files are."""
    version = int(table.version())
    flush_after(root, name, -1 if named is None else named, version)
    if (folder := local_path(root)) is not None:
        sums.note(folder / name, named, version, sizes(table))


def sizes(table: Any) -> dict[str, int]:
    """The files of a version, below its table, with their bytes as the log tells them."""
    told = pa.table(table.get_add_actions()).select(["path", "size_bytes"])
    return {unquote(each["path"]): each["size_bytes"] for each in told.to_pylist()}
