"""Answers: what a function of the gate says, as a typed value.

Here: the one decoder. The types stand beside the functions that return them; their fields have the
names of the keys that the database writes, and a test holds both against each other key for key. A
missing key or another type is refused here; a key that no field takes is left out.
"""

from typing import TypeVar

import msgspec
import psycopg

from sxe_pipeline.store.functions import at_once, call_function, function_rows

T = TypeVar("T")


def decoded(kind: type[T], answer: object) -> T:
    """JSON as a value of a dataclass: ids, moments and tuples from what JSON has for them.

    Raises:
        msgspec.ValidationError: It is no such value; the text names the key and holds no value.
    """
    return msgspec.convert(answer, kind)


def answer_of(conn: psycopg.Connection, kind: type[T], function: str, *arguments: object) -> T:
    """What a function answers, called in a transaction of its own.

    Args:
        conn: The login whose function it is.
        kind: The dataclass of its answer.
        function: Such as 'gate.submit'.
        *arguments: In order; a dict travels as jsonb.

    Raises:
        SxeError: As `call_function`.
    """
    with at_once(conn):
        answer = call_function(conn, function, *arguments)
    return decoded(kind, answer)


def answers_of(
    conn: psycopg.Connection, kind: type[T], function: str, *arguments: object
) -> list[T]:
    """Every row of a function that answers several; arguments as `answer_of`."""
    return [decoded(kind, row) for row in function_rows(conn, function, *arguments)]
