"""Columns and Arrow: the schema that columns have, the columns that a schema has, values by column.

Here: types, nullability and field ids. The id is what a Parquet reader matches columns by when a
name changes; pyarrow carries it as field metadata.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.schema.columns import Column

_TYPES = {
    "string": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date32": pa.date32(),
    "timestamp[us, UTC]": pa.timestamp("us", tz="UTC"),
}
_KINDS = {arrow_type: kind for kind, arrow_type in _TYPES.items()}


class Leaf(NamedTuple):
    """The values of a column that is neither list nor struct, and the row that each belongs to."""

    column: Column
    rows: np.ndarray
    values: pa.Array


def schema(columns: Sequence[Column], *, field_ids: bool = False) -> pa.Schema:
    """The schema that every batch of these columns has.

    Args:
        columns: In their order.
        field_ids: Whether fields carry the ids of their contract, as a Parquet file needs them.
    """
    return pa.schema([_field(column, field_ids) for column in columns])


def _field(column: Column, field_ids: bool) -> pa.Field:
    metadata = {b"PARQUET:field_id": str(column.field_id).encode()} if field_ids else None
    return pa.field(
        column.name, _type(column, field_ids), nullable=column.nullable, metadata=metadata
    )


def _type(column: Column, field_ids: bool) -> pa.DataType:
    if column.kind == "list":
        return pa.list_(_field(column.children[0], field_ids))
    if column.kind == "struct":
        return pa.struct([_field(child, field_ids) for child in column.children])
    return _TYPES[column.kind]


def rises(values: pa.ChunkedArray) -> bool:
    """Whether no value is below the one before it; a null is below none."""
    joined = values.combine_chunks()
    return bool(pc.all(pc.less_equal(joined[:-1], joined[1:]), min_count=0).as_py())


def values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values as Python has them; times, which are all in UTC, are not asked for their zone.

    Example:
        >>> values(pa.array(["a", None]))
        ['a', None]
    """
    if not pa.types.is_timestamp(column.type) or column.null_count:
        return list(column.to_pylist())
    plain = np.asarray(column.cast(pa.timestamp("us"))).tolist()
    return [at.replace(tzinfo=UTC) for at in plain]


def columns_of(stored: pa.Schema, declared: Sequence[Column]) -> list[Column]:
    """The columns of stored data: as declared, and without a class where nobody declares them."""
    known = {column.name: column for column in declared}
    return [known.get(field.name) or _undeclared(field) for field in stored]


def _undeclared(field: pa.Field) -> Column:
    kind = _KINDS.get(field.type, "string")
    children: tuple[pa.Field, ...] = ()
    if pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
        kind, children = "list", (field.type.value_field,)
    elif pa.types.is_struct(field.type):
        kind, children = "struct", tuple(field.type)
    return Column(
        field.name, kind, nullable=field.nullable, children=tuple(map(_undeclared, children))
    )


def leaves(column: Column, values: pa.Array, rows: np.ndarray | None = None) -> Iterator[Leaf]:
    """What a column holds, leaf by leaf.

    Args:
        column: Says what is a list and what is a struct.
        values: Its values.
        rows: The row of each value; None numbers them from 0.
    """
    if rows is None:
        rows = np.arange(len(values))
    if column.kind == "list":
        inside = rows[np.asarray(pc.list_parent_indices(values))]
        yield from leaves(column.children[0], pc.list_flatten(values), inside)
    elif column.kind == "struct":
        for child in column.children:
            yield from leaves(child, pc.struct_field(values, child.name), rows)
    else:
        yield Leaf(column, rows, values)
