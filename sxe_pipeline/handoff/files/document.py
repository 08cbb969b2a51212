"""JSON documents that cross the border, each held to the schema of its kind in `contracts/`.

Here: reading one that somebody else wrote, signed or not. What cannot be read, nests without end
or does not fit is no document. Not here: signatures (`sign`), and what one means.
"""

import json
from functools import cache
from typing import Any, cast

import jsonschema_rs

from sxe_pipeline import contracts_root


def read(data: bytes, schema: str) -> dict[str, Any] | None:
    """The document that these bytes are; None where they are none.

    Args:
        data: JSON, if it is what it should be.
        schema: The file below `contracts/`; it asks for an object.
    """
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], said) if fits(said, schema) else None


def fits(said: object, schema: str) -> bool:
    """Whether a parsed document is one of that schema."""
    return _validator(schema).is_valid(said)


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads((contracts_root() / schema).read_bytes()))
