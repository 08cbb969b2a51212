"""DuckDB, opened within the memory and the disk that this process may use.

Here: the one way to open a connection, what it is shown, and naming what a query answers. A
container (`container`) does not tell DuckDB its limit, and what is not spilled in time is killed.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, Union

import duckdb
import pyarrow as pa

from sxe_pipeline import settings
from sxe_pipeline.schema import container

if TYPE_CHECKING:
    import pyarrow.dataset as ds

MOST_BYTES = 1 << 30
"""More makes nothing quicker that we run, and a process stays below twice of it."""

Rows: TypeAlias = Union[pa.Table, "ds.Dataset", Sequence[str]]
"""A table in memory, one that is stored, or the paths of its Parquet files, which is quickest."""

SHARE = 0.4
"""Of the memory of a container: the rest is Python, Arrow and the processes beside this one."""


@contextmanager
def opened() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to nothing but memory; what it spills is deleted with it.

    How much it holds before it spills is `SXE_MEMORY_LIMIT_MB`, by default `SHARE` of the
    container's memory and `MOST_BYTES` at most; where it spills to is below `SXE_SPILL_DIR`, by
    default the system's folder of temporary files.

    Raises:
        BadConfig: One of these settings cannot be used.
    """
    limits = settings.engine_limits()
    memory = limits.memory_bytes or min(MOST_BYTES, int(container.memory_bytes() * SHARE))
    with tempfile.TemporaryDirectory(prefix="sxe-spill-", dir=limits.spill) as spill:
        connection = duckdb.connect(
            config={"memory_limit": f"{memory >> 20}MiB", "temp_directory": spill}
        )
        with connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection


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
