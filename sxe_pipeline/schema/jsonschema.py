"""The JSON Schema (2020-12) of one row of a contract, as it stands in the JSON Lines files.

Here: the open schema that consumers get and the closed one that the producer is held to.
"""

import hashlib
import json
from typing import Any

from sxe_pipeline.schema.columns import Column
from sxe_pipeline.schema.contract import Contract

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


def schema(contract: Contract, *, closed: bool) -> dict[str, Any]:
    """One row as a JSON object; every column is always there, null where it may be."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:sxe:contract:{contract.id}:{contract.version}",
        "title": f"{contract.title} {contract.version}",
        "description": contract.purpose,
        **_object(contract.columns, closed),
    }


def published(contract: Contract) -> bytes:
    """The bytes of the published `schema.json`."""
    text = json.dumps(schema(contract, closed=False), indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def sha256(contract: Contract) -> str:
    """SHA-256 of the published `schema.json`."""
    return hashlib.sha256(published(contract)).hexdigest()


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
