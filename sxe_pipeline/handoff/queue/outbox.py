"""The outbox as people and consumers meet it: what waits, what is told again, what is taken.

Here: calls of `sql/outbox.sql` and `sql/notices.sql`. Not here: sending (`relay`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from sxe_pipeline.store import functions

LEASE_S = 300


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the outbox of a tier holds; `held` of the waiting ones were put off or are taken."""

    waiting: int
    held: int
    dead: int
    waiting_since: datetime | None

    def sentence(self) -> str:
        """For a tick and for whoever types the verb."""
        if not self.waiting:
            return f"nothing waits; {self.dead} notices are dead"
        since = f" since {self.waiting_since:%Y-%m-%d %H:%M}" if self.waiting_since else ""
        return f"{self.waiting} notices wait{since}, {self.held} put off; {self.dead} are dead"


def outlook(conn: psycopg.Connection) -> Outlook:
    """What waits, of the tier whose login this is; for the api's login, of all."""
    with functions.at_once(conn):
        return Outlook(*functions.function_rows(conn, "handoff.count_notices")[0])


def replay(
    conn: psycopg.Connection, token: str, consumer: str, contract: str, since_seq: int
) -> int:
    """Tell a consumer again of everything from a number on, under the ids that it had.

    What was published before it subscribed is a delivery from now on; a batch that retention took
    is left out.

    Args:
        conn: The api's login.
        token: Of a person with the scope admin.
        consumer: Its name.
        contract: The contract's id.
        since_seq: `published_seq` of the first.

    Returns:
        How many notices go out.

    Raises:
        Refused: The token is nobody's, or has not that scope.
        NotFound: That consumer has no queue for that contract.
    """
    with functions.at_once(conn):
        sent: int = functions.call_function(
            conn, "handoff.replay_notices", token, consumer, contract, since_seq
        )
    return sent


def take(
    conn: psycopg.Connection, key_sha256: bytes, *, limit: int = 10, lease_s: int = LEASE_S
) -> list[Mapping[str, Any]]:
    """The next events of a consumer, from Postgres itself, in the order of each contract.

    Args:
        conn: The login `sxe_serve`.
        key_sha256: Of the consumer's key.
        limit: At most so many, up to 100.
        lease_s: What is not `done` by then is given again, under the same id.

    Raises:
        Refused: The key is unknown, has expired or was revoked.
    """
    with functions.at_once(conn):
        return functions.function_rows(conn, "handoff.take_notices", key_sha256, limit, lease_s)


def done(conn: psycopg.Connection, key_sha256: bytes, event_id: UUID) -> bool:
    """Say that an event was worked on; False where that was said before.

    Raises:
        NotFound: It is none of this key.
        Refused: As `take`.
    """
    with functions.at_once(conn):
        was_open: bool = functions.call_function(conn, "handoff.done_notice", key_sha256, event_id)
    return was_open
