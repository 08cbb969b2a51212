"""Acknowledgements: what a consumer says of a batch that it read.

Here: the document (`contracts/ack/`), what it may hold, and handing it to the database, which keeps
the first answer to each delivery for ever. A value of a row has no place in it: a path is a column
of a contract. Not here: reading a batch for one (`reading`), sending one to an API (`answer`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

import msgspec
import psycopg

from sxe_pipeline import schema
from sxe_pipeline.errors import BadInput
from sxe_pipeline.handoff.files import document
from sxe_pipeline.store.functions import at_once, call_function

MAX_BYTES = 64 << 10
ELSEWHERE = frozenset({"_batch", "_file", "_row"})
"""Paths of errors that are no column's."""

_SCHEMA = "ack/0.1.0.schema.json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an acknowledgement.

    `is_proved`: exactly the published rows were read. `is_wrong`: others were. Neither: there was
    no row to read, or the sender does not know the keys of that batch. `is_new` is false where the
    same one stood already, which it still does.
    """

    status: str
    is_new: bool
    is_late: bool
    is_proved: bool
    is_wrong: bool
    acked_at: datetime


def parsed(data: bytes) -> dict[str, Any]:
    """The document of an acknowledgement.

    Raises:
        BadInput: It is none. The text quotes nothing of it.
    """
    return checked(document.read(data, _SCHEMA) if len(data) <= MAX_BYTES else None)


def checked(said: object) -> dict[str, Any]:
    """A parsed document, where it is an acknowledgement and holds no value of a row.

    Raises:
        BadInput: It is none, or its errors name what is no column. The text quotes nothing of it.
    """
    if not document.fits(said, _SCHEMA):
        raise BadInput(
            "this is no acknowledgement: it has manifest_sha256, status, rows_read, keys_sha256 "
            "and errors of {path, rule, count}, and nothing else; see contracts/ack"
        )
    fields = cast(dict[str, Any], said)
    errors = fields.get("errors", ())
    if len({(e["path"], e["rule"]) for e in errors}) < len(errors):
        raise BadInput("an error is named twice; count it once by column and rule")
    strange = [e for e in errors if e["path"] not in _paths()]
    if strange:
        raise BadInput(
            f"{len(strange)} errors have a path that is no column of a contract; write the column, "
            f"or {', '.join(sorted(ELSEWHERE))}, and never a value"
        )
    return fields


def put(
    conn: psycopg.Connection, key_sha256: bytes, batch_id: str, said: Mapping[str, Any]
) -> Answer:
    """Keep what the holder of a key says of a batch that was delivered to it.

    Args:
        conn: The login `sxe_serve`.
        key_sha256: Of its key.
        batch_id: The batch.
        said: As of `checked`.

    Raises:
        NotFound: It was not delivered to that consumer, or is outside of the key's scope.
        BadInput: It is no acknowledgement of that batch.
        Conflict: Another one stands already.
        Refused: The key is unknown, has expired or was revoked.
    """
    return _kept(conn, "handoff.put_ack", key_sha256, batch_id, checked(said))


def enter(
    conn: psycopg.Connection, token: str, consumer: str, batch_id: str, said: Mapping[str, Any]
) -> Answer:
    """The same for a consumer that answers by file, by a person with the scope `ack`."""
    return _kept(conn, "handoff.enter_ack", token, consumer, batch_id, checked(said))


def _kept(conn: psycopg.Connection, function: str, *arguments: object) -> Answer:
    with at_once(conn):
        return msgspec.convert(call_function(conn, function, *arguments), Answer)


@cache
def _paths() -> frozenset[str]:
    """Every column of every contract, nested ones too."""
    columns = (column for contract in schema.load_all() for column in contract.columns)
    return ELSEWHERE | {path for column in columns for path, _ in column.walk()}
