"""The JSON Schema (2020-12) of one row, as it stands in the JSON Lines files.

Here: the object of some columns, open as consumers get it or closed as the producer is held to. Not
here: what a contract says above it (`contract`).
"""

from typing import Any

from sxe_pipeline.schema.columns import Column

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "int32": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "double": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date32": {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    "timestamp[us, UTC]": {
        "type": "string",
        "format": "date-time",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
    },
}


def row(columns: tuple[Column, ...], *, closed: bool) -> dict[str, Any]:
    """One row as a JSON object; every column is always there, null where it may be."""
    return _object(columns, closed)


def _object(columns: tuple[Column, ...], closed: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "object",
        "properties": {column.name: _one(column, closed) for column in columns},
        "required": [column.name for column in columns],
    }
    return made | ({"additionalProperties": False} if closed else {})


def _one(column: Column, closed: bool) -> dict[str, Any]:
    if column.kind == "list":
        made: dict[str, Any] = {"type": "array", "items": _one(column.children[0], closed)}
    elif column.kind == "struct":
        made = _object(column.children, closed)
    else:
        made = dict(_TYPES[column.kind])
    bounds: dict[str, Any] = {
        "pattern": column.pattern,
        "maxLength": column.max_length,
        "minimum": column.minimum,
        "maximum": column.maximum,
    }
    made |= {name: value for name, value in bounds.items() if value is not None}
    if column.values:
        made["enum"] = [*column.values, *([None] if column.nullable else [])]
    if column.examples:
        made["examples"] = list(column.examples)
    if column.nullable:
        made["type"] = [made["type"], "null"]
    return {"description": column.description, **made}
