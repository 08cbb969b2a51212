"""Permits: the contact side of the gate, one function a transaction.

Here: what a run asks before, around and after a provider call. Only `permit` makes a `Permit`, and
only `sending` gives its match inputs out, after the row says SENDING.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from sxe_pipeline.store.functions import at_once, call_function, function_rows


@dataclass(frozen=True, slots=True)
class Launch:
    """A run that the gate wants: the attempt is part of its key, so no launch happens twice."""

    request_id: UUID
    version: int
    attempt: int

    @property
    def run_key(self) -> str:
        """Unique for ever."""
        return f"{self.request_id}:{self.version}:{self.attempt}"


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call whose end is not known yet: the rest of its answer, or what it cost."""

    call_id: UUID
    provider: str
    state: str
    provider_request_id: str | None
    items: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Begun:
    """What a run holds: its fence, and what was frozen."""

    request_id: UUID
    fence: int
    state: str
    header: Mapping[str, Any]
    loopback_only: bool
    open_calls: Sequence[OpenCall]

    @property
    def waterfall(self) -> list[str]:
        """Providers in the order in which they are asked."""
        return list(self.header["waterfall"])


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call, priced and reserved."""

    call_id: UUID
    fence: int
    provider: str
    groups: Sequence[str]
    item_count: int
    reserved_micros: int


@dataclass(frozen=True, slots=True)
class Denied:
    """No permit: `nothing_left`, `in_flight`, `budget`, or why the gate is closed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The row says SENDING: these items, with what may be told about them."""

    items: Sequence[Mapping[str, Any]] = field(repr=False)
    groups: Sequence[str]


@dataclass(frozen=True, slots=True)
class Settled:
    """What was booked, and the positions whose values may be kept."""

    keep: frozenset[int]
    charged_micros: int
    overrun_micros: int


def claim_launches(conn: psycopg.Connection, limit: int = 20) -> list[Launch]:
    """What is approved, was left behind, or has an answer due; each for one launch lease."""
    with at_once(conn):
        return [Launch(*row) for row in function_rows(conn, "gate.claim_launches", limit)]


def sweep(conn: psycopg.Connection, limit: int = 100) -> dict[str, int]:
    """Move what leases and clocks left behind; counts by kind."""
    with at_once(conn):
        swept: dict[str, int] = call_function(conn, "gate.sweep", limit)
    return swept


def begin(conn: psycopg.Connection, request_id: UUID, attempt: int | None, run_id: str) -> Begun:
    """Take a request over.

    Args:
        conn: The contact tier's login.
        request_id: The partition.
        attempt: From the tag of the launch; None where somebody started the run by hand.
        run_id: The Dagster run.

    Raises:
        Refused: The gate did not launch this run.
    """
    with at_once(conn):
        given = call_function(conn, "gate.begin", request_id, attempt, run_id)
    calls = [
        OpenCall(
            UUID(c["call_id"]),
            c["provider"],
            c["state"],
            c["provider_request_id"],
            c["items"] or [],
        )
        for c in given["open_calls"]
    ]
    return Begun(
        request_id,
        given["fence"],
        given["state"],
        given["header"],
        given["loopback_only"],
        calls,
    )


def permit(conn: psycopg.Connection, begun: Begun, provider: str) -> Permit | Denied:
    """Transaction 1: reserve the worst case of the next call and claim its items.

    It is on disk when `sending` is, and does not wait for that: never put it into a transaction
    with something that must be.

    Raises:
        Busy: Another run took the request over, or the last of a budget.
    """
    with at_once(conn):
        given = call_function(conn, "gate.permit", begun.request_id, begun.fence, provider)
    if not given["granted"]:
        return Denied(given["reason"])
    return Permit(
        UUID(given["call_id"]),
        begun.fence,
        provider,
        tuple(given["groups"]),
        given["items"],
        given["reserved_micros"],
    )


def sending(conn: psycopg.Connection, leave: Permit) -> Sent | Denied:
    """Transaction 2: look once more, and commit SENDING; only then the call may leave."""
    with at_once(conn):
        given = call_function(conn, "gate.sending", leave.call_id, leave.fence)
    if not given["send"]:
        return Denied(given["reason"])
    return Sent(given["items"], tuple(given["groups"]))


def settle(
    conn: psycopg.Connection, call_id: UUID, fence: int, outcome: Mapping[str, Any]
) -> Settled:
    """The money and the outcomes, in the caller's transaction, beside the values.

    Args:
        conn: In a transaction.
        call_id: The call.
        fence: Of the run.
        outcome: units_micro, found [{position, outcome, fields, person}], and where known
            awaiting, provider_request_id, retry_after_s, http_status, response_sha256, reason,
            left (groups that this answer leaves to another one: released, nothing is known).
    """
    given = call_function(conn, "gate.settle", call_id, fence, dict(outcome))
    return Settled(frozenset(given["keep"]), given["charged_micros"], given["overrun_micros"])


def release(
    conn: psycopg.Connection,
    call_id: UUID,
    fence: int,
    reason: str,
    *,
    http_status: int | None = None,
    opens_circuit: bool = False,
) -> None:
    """Nothing was charged: the reservation goes back."""
    with at_once(conn):
        call_function(conn, "gate.release", call_id, fence, reason, http_status, opens_circuit)


def unknown(
    conn: psycopg.Connection, call_id: UUID, fence: int, reason: str, http_status: int | None = None
) -> None:
    """The charge cannot be known: the reservation stays, and nobody asks again."""
    with at_once(conn):
        call_function(conn, "gate.unknown", call_id, fence, reason, http_status)


def wait(conn: psycopg.Connection, call_id: UUID, fence: int, retry_after_s: float | None) -> None:
    """The rest of the answer is not there yet."""
    with at_once(conn):
        call_function(conn, "gate.wait", call_id, fence, retry_after_s)


def stop(conn: psycopg.Connection, begun: Begun, provider: str, reason: str) -> None:
    """This run cannot ask a provider; what it was approved for stays open, and is seen."""
    with at_once(conn):
        call_function(conn, "gate.stop", begun.request_id, begun.fence, provider, reason)


def late(conn: psycopg.Connection, call_id: UUID, units_micro: int) -> None:
    """A charge that was learned when everything was resolved."""
    with at_once(conn):
        call_function(conn, "gate.late", call_id, units_micro)


def reconcile(conn: psycopg.Connection, provider: str, units_micro: int) -> dict[str, Any]:
    """Hold a reading of the provider's counter against the ledger."""
    with at_once(conn):
        verdict: dict[str, Any] = call_function(conn, "gate.reconcile", provider, units_micro)
    return verdict


def finish(conn: psycopg.Connection, begun: Begun) -> dict[str, Any]:
    """Nothing more to send: DONE, DONE_UNKNOWN or HALTED, and why."""
    with at_once(conn):
        ended: dict[str, Any] = call_function(conn, "gate.finish", begun.request_id, begun.fence)
    return ended


@dataclass(frozen=True, slots=True)
class Deliverable:
    """One card of a finished request that may be handed over, under its id of today."""

    card_id: str
    family: Sequence[str]
    fields: Sequence[str]
    purpose: str
    legal_basis: str
    market: str
    state: str


def deliverable(conn: psycopg.Connection, request_id: UUID) -> list[Deliverable]:
    """The cards that may leave; none while the request is open, revoked or refused."""
    return [Deliverable(*row) for row in function_rows(conn, "gate.deliverable", request_id)]
