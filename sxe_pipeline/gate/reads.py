"""Reads: what people look at before and after they decide. No match input and no contact value.

Here: requests and their receipts, budgets, providers and the policy in force, as the gate shows
them to the api's login. Not here: asking and deciding (`requests`), people and their proposals
(`people`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg

from sxe_pipeline.errors import NotFound
from sxe_pipeline.gate.answers import answers_of, decoded
from sxe_pipeline.gate.requests import Asks
from sxe_pipeline.store.functions import call_function


@dataclass(frozen=True, slots=True)
class Approval:
    """A decision on a request: approve, reject or revoke, by whom and of what."""

    principal: str
    decision: str
    version: int
    made_at: datetime
    expires_at: datetime | None
    max_micros: int | None
    items: int
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request: what it asks, who decided, where its calls and its money stand.

    `stops` says per provider why it was not asked further. `skipped`, `calls` and `outcomes` count
    items by reason, calls by state and items of calls by outcome. `lost_cards` were paid for and
    their answer was lost.
    """

    request_id: UUID
    version: int
    market: str
    state: str
    created_by: str
    created_at: datetime
    decide_by: datetime
    finished_at: datetime | None
    attempt: int
    stops: Mapping[str, str]
    content_sha256: str
    item_count: int
    asks: Asks
    cap_micros: int
    reserved_micros: int
    spent_micros: int
    overrun_micros: int
    skipped: Mapping[str, int]
    calls: Mapping[str, int]
    outcomes: Mapping[str, int]
    approvals: tuple[Approval, ...]
    lost_cards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PaidValue:
    """A value that a call brought, without the value; its flags are null until looked up."""

    kind: str
    status: str
    obtained_at: datetime
    price_micros: int
    dnc: bool | None
    tcpa: bool | None
    litigator: bool | None


@dataclass(frozen=True, slots=True)
class Ground:
    """An approval that an item of a call stood on when the call was sent."""

    approval_id: UUID
    principal: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One card and field group of one call: what it brought, on whose word, from which budgets.

    The amounts are of the whole call. `budgets` and `events` are null where there is none.
    """

    card_id: str
    provider: str
    field_group: str
    outcome: str | None
    call_id: UUID
    call_state: str
    sent_at: datetime | None
    request_id: UUID
    version: int
    charged_micros: int
    reserved_micros: int
    values: tuple[PaidValue, ...]
    approvals: tuple[Ground, ...]
    budgets: tuple[str, ...] | None
    policy_sha256: str
    content_sha256: str
    events: tuple[UUID, ...] | None


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent in a month, of a market, a provider or the two together (null: any).

    `is_balanced`: whether it equals its transfers.
    """

    market: str | None
    provider: str | None
    month: date
    cap_micros: int
    reserved_micros: int
    spent_micros: int
    overrun_micros: int
    is_balanced: bool


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider: its circuit, what is booked, what its own counter says.

    `price_card` is the content of the card in force, free in form beyond what the gate checks; null
    where there is none. Units are millionths of what the provider counts in.
    """

    provider: str
    circuit_state: str
    cause: str | None
    changed_at: datetime
    price_card: Mapping[str, Any] | None
    booked_units_micro: int
    booked_micros: int
    counter_units_micro: int | None
    counter_read_at: datetime | None
    agreed_at: datetime | None
    drift_units_micro: int | None
    open_calls: int
    unknown_calls: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A platform policy and its hash; `content` is free in form beyond what the gate checks."""

    sha256: str
    content: Mapping[str, Any]
    in_force_since: datetime


@dataclass(frozen=True, slots=True)
class MarketPrice:
    """What one provider's field group costs when it is asked about every candidate it can match.

    `expected_micros`: by the share of hits that its price card tells.
    """

    provider: str
    group: str
    gives: tuple[str, ...]
    matchable: int
    hit_share: float
    expected_micros: int
    worst_micros: int


@dataclass(frozen=True, slots=True)
class MarketCost:
    """What asking about a whole market could cost, before what is known or was asked already.

    `open_candidates`: on platforms that the policy opens for some purpose; the prices are of these
    alone, each for itself, so they are alternatives and no sum. No price: none is in force.
    """

    has_policy: bool
    candidates: int
    open_candidates: int
    prices: tuple[MarketPrice, ...]


def find(conn: psycopg.Connection, request_id: UUID) -> Request:
    """One request.

    Raises:
        NotFound: There is none.
    """
    for request in answers_of(conn, Request, "gate.show_requests", request_id):
        return request
    raise NotFound("there is no such request; `sxe enrich status` lists them")


def all_requests(conn: psycopg.Connection) -> list[Request]:
    """Every request, oldest first."""
    return answers_of(conn, Request, "gate.show_requests", None)


def receipt(
    conn: psycopg.Connection, *, card_id: str | None = None, request_id: UUID | None = None
) -> list[ReceiptLine]:
    """What was paid for, oldest call first.

    Args:
        conn: The api's login.
        card_id: Of this person, under any id; goes before `request_id`.
        request_id: Of this request.
    """
    return answers_of(conn, ReceiptLine, "gate.receipt", card_id, request_id)


def budgets(conn: psycopg.Connection) -> list[Budget]:
    """Every budget of a month, oldest first."""
    return answers_of(conn, Budget, "gate.show_budgets")


def providers(conn: psycopg.Connection) -> list[Provider]:
    """Every provider, by name."""
    return answers_of(conn, Provider, "gate.show_providers")


def policy(conn: psycopg.Connection) -> Policy | None:
    """The policy in force; None: every platform is closed."""
    shown = call_function(conn, "gate.show_policy")
    return None if shown is None else decoded(Policy, shown)


def market_cost(conn: psycopg.Connection, market: str) -> MarketCost:
    """What it could cost to ask about every candidate of a market."""
    return decoded(MarketCost, call_function(conn, "gate.show_market_cost", market))
