"""Tables of strangers: what is wrong with a header, and Parquet, where one bad cell costs a cell.

Here: reading the columns that somebody needs; the others are null in every row. Not here: CSV
(`csv_rows`), spreadsheets (`sheets`), which columns are needed (`mapping`), what a value means.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats.spool import spooled
from sxe_pipeline.ingest.paths import UNREAD

Needs = Callable[[Collection[str]], Collection[str]]
"""Those columns that are read."""

_PARQUET_ROWS = 2_000


def fault_of(names: Collection[str]) -> Fault | None:
    """What is wrong with a header: a name that stands in it twice. Columns may lack a name.

    Example:
        >>> fault_of(["id", "", ""]), fault_of(["id", "name", "name"])
        (None, <Fault.DOUBLE_HEADER: ('malformed', ...)>)
    """
    named = [name for name in names if name]
    return Fault.DOUBLE_HEADER if len(set(named)) < len(named) else None


def parquet(pieces: Iterator[bytes], needs: Needs) -> Iterator[dict[str, Any] | Fault]:
    """The rows of a Parquet file.

    Args:
        pieces: Its bytes.
        needs: Which columns have to be decoded.

    Yields:
        A row, or the fault that ends the file. A column that cannot be read is unread in its rows.

    Raises:
        StoreUnavailable: The folder for temporary files is full.
    """
    with spooled(pieces) as whole:
        source = pq.ParquetFile(whole)
        if fault := fault_of(source.schema_arrow.names):
            yield fault
            return
        yield from _Parquet(source, needs).rows()


class _Parquet:
    """One open file and the columns that are read of it."""

    def __init__(self, source: pq.ParquetFile, needs: Needs) -> None:
        schema = source.schema_arrow
        self._source = source
        self._empty: dict[str, Any] = dict.fromkeys(schema.names)
        # A table that was dumped column by column is told by its columns being lists, all of them.
        is_all = all(pa.types.is_list(field.type) for field in schema)
        self._needed = frozenset(schema.names if is_all else needs(schema.names))
        # Without any column nothing says how many rows there really are.
        self._columns = [name for name in self._empty if name in self._needed] or schema.names[:1]

    def rows(self) -> Iterator[dict[str, Any] | Fault]:
        if not self._columns:
            yield Fault.MALFORMED
            return
        count = 0
        for group in range(self._source.num_row_groups):
            for row in self._group(group):
                count += 1
                yield row
        if count < self._source.metadata.num_rows:
            yield Fault.MALFORMED

    def _group(self, group: int) -> Iterator[dict[str, Any]]:
        count = 0
        with suppress(Exception):
            for batch in self._batches(group, self._columns):
                yield from self._of(batch.num_rows, self._decoded(batch))
                count += batch.num_rows
        # A column whose own count of values is damaged ends early, without any error.
        yield from self._column_by_column(group, count)

    def _batches(self, group: int, names: list[str]) -> Iterator[pa.RecordBatch]:
        return iter(self._source.iter_batches(_PARQUET_ROWS, row_groups=[group], columns=names))

    def _decoded(self, batch: pa.RecordBatch) -> dict[str, list[Any]]:
        return {
            name: decoded(batch.column(at))
            for at, name in enumerate(batch.schema.names)
            if name in self._needed
        }

    def _of(self, rows: int, cells: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
        for at in range(rows):
            yield self._empty | {name: column[at] for name, column in cells.items()}

    def _column_by_column(self, group: int, skip: int) -> Iterator[dict[str, Any]]:
        """The rest of a row group of which a column cannot be read: the others in step."""
        readers = {
            name: _Column(self._batches(group, [name]), name, skip) for name in self._columns
        }
        left = self._source.metadata.row_group(group).num_rows - skip
        while left > 0:
            step = min(left, _PARQUET_ROWS)
            cells = {name: reader.take(step) for name, reader in readers.items()}
            # The footer may promise any number of rows: those count that a column really has.
            rows = max((len(found) for found in cells.values()), default=0)
            if not rows:
                return
            filled = {name: found + [UNREAD] * (rows - len(found)) for name, found in cells.items()}
            yield from self._of(rows, {n: c for n, c in filled.items() if n in self._needed})
            left -= rows


class _Column:
    """The values of one column in pieces of any size, as far as they can be read."""

    def __init__(self, batches: Iterator[pa.RecordBatch], name: str, skip: int) -> None:
        self._batches, self._name, self._skip = batches, name, skip
        self._held: list[Any] = []

    def take(self, count: int) -> list[Any]:
        try:
            while len(self._held) < count and (batch := next(self._batches, None)) is not None:
                column = batch.column(batch.schema.names.index(self._name))
                passed = min(self._skip, len(column))
                self._skip -= passed
                self._held += decoded(column.slice(passed))
        except Exception:  # noqa: BLE001 - what came after would stand in the wrong rows
            self._batches = iter(())
        taken, self._held = self._held[:count], self._held[count:]
        return taken


def decoded(column: pa.Array) -> list[Any]:
    """The values of a column; one that Python cannot hold is `paths.UNREAD`.

    Example:
        >>> decoded(pa.array([1, None]))
        [1, None]
    """
    try:
        if _is_binary(column.type):
            column = column.cast(pa.binary()).cast(pa.string())
        return list(column.to_pylist(maps_as_pydicts="strict"))
    except Exception:  # noqa: BLE001 - a date beyond the year 9999, no UTF-8, an unknown zone
        return [_cell(column, at) for at in range(len(column))]


def _is_binary(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _cell(column: pa.Array, at: int) -> Any:
    try:
        value = column[at].as_py(maps_as_pydicts="strict")
        return value.decode() if type(value) is bytes else value
    except Exception:  # noqa: BLE001 - as above
        return UNREAD
