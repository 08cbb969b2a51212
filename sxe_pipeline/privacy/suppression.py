"""Suppression: who is never asked about again, nor handed over, under any id they had.

Here: saying so, and reading who it is. Every place that must not go on asks the database itself, in
the transaction that would.
"""

from datetime import datetime

import psycopg

from sxe_pipeline.store.functions import at_once, call_function, function_rows


def suppress(conn: psycopg.Connection, token: str, card_id: str, reason: str) -> None:
    """Never ask about this person again, nor hand over what is known. One person is enough.

    Args:
        conn: The api's login.
        token: Of whoever says so, with any scope.
        card_id: Any id of the person.
        reason: Kept in the record.

    Raises:
        NotFound: There is no such card.
        Refused: The token is none.
    """
    with at_once(conn):
        call_function(conn, "privacy.suppress", token, card_id, reason)


def suppressed(conn: psycopg.Connection) -> set[str]:
    """Every id of every suppressed person. Needs the social tier's login."""
    return set(function_rows(conn, "privacy.suppressed_cards"))


def suppressed_since(conn: psycopg.Connection, since: datetime | None) -> list[str]:
    """The cards that were suppressed after a moment, or ever; the social tier's login."""
    with at_once(conn):
        return function_rows(conn, "privacy.suppressed_since", since)
