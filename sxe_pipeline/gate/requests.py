"""Requests: asking for contact data, and deciding on what was asked.

Here: what people do, by the api's login. A request is frozen when it is submitted; whoever decides
names the hash of what they looked at. Not here: what they look at (`reads`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from sxe_pipeline.gate.answers import answer_of


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
        """As `gate.preview` and `gate.submit` take it."""
        named: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Asks:
    """What a request asks, as it was frozen under its hash."""

    market: str
    fields: tuple[str, ...]
    waterfall: tuple[str, ...]
    price_cards: Mapping[str, str]
    """Provider -> hash of the price card that the approver accepts."""
    max_micros: int
    purpose: str
    legal_basis: str
    match_basis: str
    permissible_purpose: str
    policy_sha256: str
    items_sha256: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Cards of the market, by what became of them; one that is chosen and known is free."""

    looked_at: int
    suppressed: int
    closed_by_policy: int
    not_matchable: int
    asked_before: int
    known_and_fresh: int
    chosen: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one provider's field group may cost, over the cards that it could match."""

    provider: str
    group: str
    matchable: int
    min_micros: int
    expected_micros: int
    worst_micros: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be asked for. `unknown_cards` and `withdrawn_cards` count those named by id."""

    counts: Counts
    forecast: tuple[Forecast, ...]
    policy_sha256: str
    worst_micros: int
    unknown_cards: int
    withdrawn_cards: int
    waterfall: tuple[str, ...]
    max_micros: int


@dataclass(frozen=True, slots=True)
class Submitted(Plan):
    """What is asked for, frozen under its hash."""

    request_id: UUID
    version: int
    content_sha256: str
    item_count: int


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval, and what all approvals together allow."""

    approval_id: UUID
    request_id: UUID
    state: str
    approved_items: int
    item_count: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A request that was rejected or revoked."""

    request_id: UUID
    state: str


def plan(conn: psycopg.Connection, token: str, spec: Spec) -> Plan:
    """What would be asked for: matchability, what is known already, the forecast. Writes nothing.

    Raises:
        BadInput: 0 or more than 250 cards, unknown fields, no provider.
        Refused: The token may not, or a card that is named cannot be asked for.
    """
    return answer_of(conn, Plan, "gate.preview", token, spec.as_json())


def submit(conn: psycopg.Connection, token: str, spec: Spec) -> Submitted:
    """Freeze a request under one hash.

    Raises:
        BadInput: 0 or more than 250 cards, unknown fields, no provider.
        Refused: The token may not, or no card may be asked for; the text says why, by counts.
    """
    return answer_of(conn, Submitted, "gate.submit", token, spec.as_json())


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
) -> Approved:
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
    return answer_of(
        conn,
        Approved,
        "gate.approve",
        *(token, request_id, version, content_sha256, reason),
        list(positions) if positions is not None else None,
        max_micros,
        list(lost_cards),
    )


def reject(
    conn: psycopg.Connection,
    token: str,
    request_id: UUID,
    version: int,
    content_sha256: str,
    reason: str,
) -> Ended:
    """Say no to a request that nothing was sent for.

    Args:
        conn: The api's login.
        token: Of a person who may approve; never who asked or edited.
        request_id: The request.
        version: The version that was looked at.
        content_sha256: Its hash, as shown.
        reason: Kept in the record.

    Raises:
        Refused: Another version is current, it was begun, or it is one's own request.
    """
    return answer_of(conn, Ended, "gate.reject", token, request_id, version, content_sha256, reason)


def revoke(conn: psycopg.Connection, token: str, request_id: UUID, reason: str) -> Ended:
    """Stop a request before its next call; what is in flight is booked, its values dropped.

    Args:
        conn: The api's login.
        token: Of whoever asked or edited, or may approve.
        request_id: The request.
        reason: Kept in the record.

    Raises:
        Refused: The token may not, or the request ended already.
    """
    return answer_of(conn, Ended, "gate.revoke", token, request_id, reason)
