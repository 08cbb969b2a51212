"""The Arrow schema of a contract.

Here: types, nullability and field ids. The id is what a Parquet reader matches columns by when a
name changes; pyarrow carries it as field metadata.
"""

import pyarrow as pa

from sxe_pipeline.schema.contract import Column, Contract

_TYPES = {
    "string": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date32": pa.date32(),
    "timestamp[us, UTC]": pa.timestamp("us", tz="UTC"),
}


def schema(contract: Contract) -> pa.Schema:
    """The schema that every batch of this version has, column for column."""
    return pa.schema([_field(column) for column in contract.columns])


def _field(column: Column) -> pa.Field:
    metadata = {b"PARQUET:field_id": str(column.field_id).encode()}
    return pa.field(column.name, _type(column), nullable=column.nullable, metadata=metadata)


def _type(column: Column) -> pa.DataType:
    if column.kind == "list":
        return pa.list_(_field(column.children[0]))
    if column.kind == "struct":
        return pa.struct([_field(child) for child in column.children])
    return _TYPES[column.kind]
