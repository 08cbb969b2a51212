"""Functions of the database: one call, one transaction, errors in our own words.

Here: the call and the translation of refusals. What is allowed is decided in the rooms' `sql/`: a
login that may run a function of `gate` or `privacy` can reach nothing else of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import sql as compose
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from sxe_pipeline.errors import (
    BadInput,
    Busy,
    Conflict,
    NotFound,
    Refused,
    StoreUnavailable,
    SxeError,
)

_CLASSES: dict[str, type[SxeError]] = {
    "SXBAD": BadInput,
    "SXNOF": NotFound,
    "SXREF": Refused,
    "SXCON": Conflict,
    "SXBSY": Busy,
    "40P01": Busy,
    "55P03": Busy,
    "42501": Refused,
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the gate refuses into errors of ours; its texts hold counts, never a value."""
    try:
        yield
    except psycopg.OperationalError as error:
        if error.sqlstate in _CLASSES:
            raise Busy("another run is at the same cards; try again") from None
        raise StoreUnavailable(
            "the database went away; run it again, what was committed stays"
        ) from None
    except psycopg.Error as error:
        known = _CLASSES.get(error.sqlstate or "")
        if known is None:
            raise
        if error.sqlstate == "42501":
            raise Refused("this login may not do that; see the grants in its room's sql/") from None
        raise known(error.diag.message_primary or "refused") from None


@contextmanager
def at_once(conn: psycopg.Connection) -> Iterator[None]:
    """One statement, one transaction, one round trip: no lock waits for this process to commit.

    In a transaction that is open already the statement belongs to that one.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE or conn.autocommit:
        with conn.transaction():
            yield
        return
    conn.autocommit = True
    try:
        yield
    finally:
        if not conn.closed:
            conn.autocommit = False


def call_function(conn: psycopg.Connection, function: str, *arguments: object) -> Any:
    """The single value that a function answers, inside the caller's transaction.

    Args:
        conn: The login whose function it is.
        function: Such as 'gate.submit'.
        *arguments: In order; a dict or list of dicts travels as jsonb.

    Raises:
        BadInput: What was asked for cannot be.
        NotFound: There is no such thing.
        Refused: The gate says no.
        Conflict: Something else stands under that name, and does not change.
        Busy: Somebody else holds it; another try may help.
        StoreUnavailable: The database went away.
    """
    row = _execute(conn, "select {}({})", function, arguments).fetchone()
    return row[0] if row else None


def function_rows(conn: psycopg.Connection, function: str, *arguments: object) -> list[Any]:
    """Every row of a function that answers several: the bare value of each one-column row."""
    found = _execute(conn, "select * from {}({})", function, arguments).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


def _execute(
    conn: psycopg.Connection, form: str, function: str, arguments: tuple[object, ...]
) -> psycopg.Cursor[Any]:
    with translated_errors():
        return conn.execute(
            _statement(form, function, len(arguments)), [_adapted(value) for value in arguments]
        )


@lru_cache(maxsize=64)
def _statement(form: str, function: str, count: int) -> bytes:
    schema, name = function.split(".")
    arguments = compose.SQL(", ").join(compose.Placeholder() for _ in range(count))
    return compose.SQL(form).format(compose.Identifier(schema, name), arguments).as_bytes()


def _adapted(value: object) -> object:
    return Jsonb(value) if isinstance(value, dict) else value
