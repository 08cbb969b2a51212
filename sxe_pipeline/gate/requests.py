"""Requests, from asking to the receipt: what people do and look at.

Here: the api's side of the gate. A request is frozen when it is submitted; whoever decides names
the hash of what they looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from sxe_pipeline.errors import NotFound
from sxe_pipeline.store.functions import at_once, call_function, function_rows


@dataclass(frozen=True, slots=True)
class Spec:
    """What is asked for. None: the gate's own choice (every pool, the forecast's worst case ...).

    `waterfall` is the order of providers; None is cheapest expected hit first. `request_id` names a
    request that this replaces with a new version, without its approvals.
    """

    market: str
    fields: Sequence[str]
    purpose: str
    legal_basis: str
    match_basis: str
    permissible_purpose: str
    limit: int | None = None
    pool: str | None = None
    card_ids: Sequence[str] | None = None
    waterfall: Sequence[str] | None = None
    max_micros: int | None = None
    request_id: UUID | None = None

    def as_json(self) -> dict[str, Any]:
        """The arguments of `gate.submit`."""
        named: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        given = {name: value for name, value in named.items() if value is not None}
        for name in ("fields", "card_ids", "waterfall"):
            if name in given:
                given[name] = list(given[name])
        if self.request_id is not None:
            given["request_id"] = str(self.request_id)
        return given


def plan(conn: psycopg.Connection, token: str, spec: Spec) -> dict[str, Any]:
    """What would be asked for: matchability, what is known already, the forecast. Writes nothing.

    Returns:
        `counts` (looked_at, chosen, known_and_fresh, not_matchable, suppressed, closed_by_policy),
        `forecast` (per provider and group: matchable, min / expected / worst micros), `waterfall`,
        `max_micros`.
    """
    with at_once(conn):
        planned: dict[str, Any] = call_function(conn, "gate.submit", token, spec.as_json(), False)
    return planned


def submit(conn: psycopg.Connection, token: str, spec: Spec) -> dict[str, Any]:
    """Freeze a request under one hash.

    Returns:
        The plan, with `request_id`, `version`, `content_sha256` and `item_count`.

    Raises:
        BadInput: 0 or more than 250 cards, unknown fields, no provider.
        Refused: The token may not, or no card may be asked for; the text says why, by counts.
    """
    with at_once(conn):
        made: dict[str, Any] = call_function(conn, "gate.submit", token, spec.as_json(), True)
    return made


def approve(
    conn: psycopg.Connection,
    token: str,
    request_id: UUID,
    version: int,
    content_sha256: str,
    reason: str,
    *,
    positions: Sequence[int] | None = None,
    max_micros: int | None = None,
    lost_cards: Sequence[str] = (),
) -> dict[str, Any]:
    """Approve exactly the bytes of that hash, all items or some.

    Args:
        conn: The api's login.
        token: Of the person who approves; never who asked or edited.
        request_id: The request.
        version: The version that was looked at.
        content_sha256: Its hash, as shown.
        reason: Kept in the record.
        positions: Items; None is all.
        max_micros: At most this much; the lowest of all approvals counts.
        lost_cards: Cards whose paid answer was lost and that may be asked for, and paid, again.

    Raises:
        Refused: Another version is current, time is over, or it is one's own request.
    """
    with at_once(conn):
        done: dict[str, Any] = call_function(
            conn,
            "gate.approve",
            *(token, request_id, version, content_sha256, reason),
            list(positions) if positions is not None else None,
            max_micros,
            list(lost_cards),
        )
    return done


def reject(
    conn: psycopg.Connection,
    token: str,
    request_id: UUID,
    version: int,
    content_sha256: str,
    reason: str,
) -> dict[str, Any]:
    """Say no to a request that nothing was sent for."""
    with at_once(conn):
        done: dict[str, Any] = call_function(
            conn, "gate.reject", token, request_id, version, content_sha256, reason
        )
    return done


def revoke(conn: psycopg.Connection, token: str, request_id: UUID, reason: str) -> dict[str, Any]:
    """Stop a request before its next call; what is in flight is booked, its values dropped."""
    with at_once(conn):
        done: dict[str, Any] = call_function(conn, "gate.revoke", token, request_id, reason)
    return done


def find(conn: psycopg.Connection, request_id: UUID) -> dict[str, Any]:
    """One request: what it asks, its hash, who decided, where its calls and its money stand.

    Raises:
        NotFound: There is none.
    """
    found = function_rows(conn, "gate.show_requests", request_id)
    if not found:
        raise NotFound("there is no such request; `sxe enrich status` lists them")
    return dict(found[0])


def all_requests(conn: psycopg.Connection) -> list[dict[str, Any]]:
    """Every request, oldest first."""
    return function_rows(conn, "gate.show_requests", None)


def receipt(
    conn: psycopg.Connection, *, card_id: str | None = None, request_id: UUID | None = None
) -> list[dict[str, Any]]:
    """Value kind -> call -> approvals -> budgets -> policy, per card and group; no value."""
    return function_rows(conn, "gate.receipt", card_id, request_id)


def budgets(conn: psycopg.Connection) -> list[dict[str, Any]]:
    """Caps, reserved, spent, overrun; `is_balanced` compares each with its transfers."""
    return function_rows(conn, "gate.show_budgets")


def providers(conn: psycopg.Connection) -> list[dict[str, Any]]:
    """Providers: the state of each circuit and why, what is booked, what their counters say."""
    return function_rows(conn, "gate.show_providers")


def policy(conn: psycopg.Connection) -> dict[str, Any] | None:
    """The platform policy in force, with its hash; None: everything is closed."""
    found: dict[str, Any] | None = call_function(conn, "gate.show_policy")
    return found
