"""Arrow and Spark: the text by which tables of Delta name their columns.

Here: types. What Spark would read of a Parquet file by itself is the same.
"""

import json
from typing import Any

import pyarrow as pa

_TYPES = {
    pa.string(): "string",
    pa.int32(): "integer",
    pa.int64(): "long",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamp",
}


def schema_string(schema: pa.Schema) -> str:
    """The `schemaString` of a table of Delta.

    Args:
        schema: Of the kinds that a contract knows.
    """
    return json.dumps({"type": "struct", "fields": [_field(field) for field in schema]})


def _field(field: pa.Field) -> dict[str, Any]:
    said = {"name": field.name, "type": _type(field.type), "nullable": field.nullable}
    return said | {"metadata": {}}


def _type(kind: pa.DataType) -> str | dict[str, Any]:
    if pa.types.is_list(kind):
        element = kind.value_field
        held = {"elementType": _type(element.type), "containsNull": element.nullable}
        return {"type": "array", **held}
    if pa.types.is_struct(kind):
        return {"type": "struct", "fields": [_field(field) for field in kind]}
    return _TYPES[kind]
