"""DuckDB, opened within the memory and the disk that this process may use.

Here: the one way to open a connection, what it is shown, and naming what a query answers. A
container (`container`) does not tell DuckDB its limit, and what is not spilled in time is killed.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sxe_pipeline import settings
from sxe_pipeline.schema import container

if TYPE_CHECKING:
    import pyarrow.dataset as ds

MOST_BYTES = 1 << 30
"""More makes nothing quicker that we run, and a process stays below twice of it."""

_FEW = 10_000

_PREFIX = "sxe-spilled-"
"""Of folders that bear a lock; those of `sxe-spill-`, as they were called before, bear none."""

_YOUNG_S = 60

_GROUP_ROWS = 32_768

Rows: TypeAlias = Union[pa.Table, "ds.Dataset", Sequence[str]]
"""A table in memory, one that is stored, or the paths of its Parquet files, which is quickest."""

_OWN_BYTES = 128 << 20
"""What a connection needs to join and sort, whatever the rows."""

SHARE = 0.4
"""Of the memory of a container: the rest is Python, Arrow and the processes beside this one."""


@contextmanager
def opened() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to nothing but memory; what it spills is deleted with it.

    It holds `memory_bytes` before it spills; where it spills to is below `SXE_SPILL_DIR`, by
    default the system's folder of temporary files.

    Raises:
        BadConfig: One of the settings cannot be used.
    """
    with _spill(settings.engine_limits().spill or Path(tempfile.gettempdir())) as spill:
        connection = duckdb.connect(
            config={"memory_limit": f"{memory_bytes() >> 20}MiB", "temp_directory": spill}
        )
        with connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection


@contextmanager
def _spill(above: Path) -> Iterator[str]:
    """A folder that is gone afterwards, as are those of processes that were killed.

    A lock on it says that somebody lives who uses it: rows about people stay nowhere without one.
    Where a file system knows no locks, nobody deletes what is another's.
    """
    _sweep(above)
    folder = tempfile.mkdtemp(prefix=_PREFIX, dir=above)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_SH)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


@cache
def _sweep(above: Path) -> None:
    """Delete what nobody uses; a folder that was just made may not be locked yet."""
    for left in above.glob(f"{_PREFIX}*"):
        try:
            held = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # It is no folder, not ours, or gone.
        try:
            found = os.fstat(held)
            if found.st_uid == os.geteuid() and found.st_mtime < time.time() - _YOUNG_S:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            pass  # Somebody lives who uses it, or there are no locks.
        finally:
            os.close(held)


@contextmanager
def over(rows: pa.Table) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for one question about `rows`, which it knows by that name.

    Few rows are asked in an instance that stays as long as the process, as making one costs more
    than such a question.

    Example:
        >>> with over(pa.table({"market": ["a", "b"]})) as engine:
        ...     engine.sql("select count(*) from rows").fetchall()
        [(2,)]
    """
    with _standing().cursor() if rows.num_rows <= _FEW else opened() as connection:
        connection.register("rows", rows)
        yield connection


@cache
def _standing() -> duckdb.DuckDBPyConnection:
    # Its one thread is the caller's, so nothing is lost where a process forks.
    standing = duckdb.connect(config={"memory_limit": "256MiB", "temp_directory": "", "threads": 1})
    standing.execute("set global TimeZone = 'UTC'")
    return standing


def memory_bytes() -> int:
    """How much a connection holds before it spills.

    That is `SXE_MEMORY_LIMIT_MB`, by default `SHARE` of the container's memory and `MOST_BYTES` at
    most.

    Raises:
        BadConfig: The setting cannot be used.
    """
    limits = settings.engine_limits()
    return limits.memory_bytes or min(MOST_BYTES, int(container.memory_bytes() * SHARE))


def rows_at_once(row_bytes: int) -> int:
    """How many rows are to be joined and sorted at a time, that no memory is wanting.

    A sort spills what it holds, but some of each run stays in memory, and so does some of each join
    before it: past a size no disk helps.

    Args:
        row_bytes: What a row takes, found by trying.
    """
    return max(memory_bytes() - _OWN_BYTES, 32 << 20) // row_bytes


def make(
    engine: duckdb.DuckDBPyConnection,
    name: str,
    query: str,
    kind: str = "table",
) -> None:
    """Name what a query answers; what had that name before is replaced.

    Args:
        engine: An open connection.
        name: What it is called there.
        query: A select.
        kind: A 'table' holds the rows, a 'view' asks for them each time.
    """
    engine.execute(f"create or replace temp {kind} {name} as {query}")


def keep(
    engine: duckdb.DuckDBPyConnection,
    named: Mapping[str, pa.Schema],
    batches: Iterable[tuple[str, pa.RecordBatch]],
) -> None:
    """Name rows that come batch by batch and are more than memory bears: they wait in files.

    The files lie where the connection spills to, and go with it.

    Args:
        engine: An open connection.
        named: What is named, and the columns of each.
        batches: Rows, with the name that they belong to.
    """
    [(spill,)] = engine.sql("select current_setting('temp_directory')").fetchall()
    files = {name: Path(spill) / f"{name}.parquet" for name in named}
    held: dict[str, list[pa.RecordBatch]] = {name: [] for name in named}
    with ExitStack() as opened:
        writers = {
            name: opened.enter_context(
                pq.ParquetWriter(files[name], schema, compression="lz4", use_dictionary=False)
            )
            for name, schema in named.items()
        }

        def write(name: str) -> None:
            if held[name]:
                writers[name].write_table(pa.Table.from_batches(held[name]))
                held[name].clear()

        for name, batch in batches:
            held[name].append(batch)
            if sum(each.num_rows for each in held[name]) >= _GROUP_ROWS:
                write(name)
        for name in named:
            write(name)
    for name, file in files.items():
        quoted = str(file).replace("'", "''")
        make(engine, name, f"from read_parquet('{quoted}')", "view")


def show(engine: duckdb.DuckDBPyConnection, **named: Rows) -> None:
    """Name rows for SQL: of what is stored, only the columns that a query asks for are read.

    Example:
        >>> with opened() as engine:
        ...     show(engine, cards=pa.table({"market": ["a", "b"]}))
        ...     engine.sql("select count(*) from cards").fetchall()
        [(2,)]
    """
    for name, rows in named.items():
        if isinstance(rows, Sequence):
            engine.read_parquet(list(rows), union_by_name=True).create_view(name)
        else:
            engine.register(name, rows)
