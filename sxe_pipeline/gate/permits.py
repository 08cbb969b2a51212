"""Permits: the contact side of the gate, one function a transaction.

Here: what a run asks before, around and after a provider call. Only `permit` makes a `Permit`, and
only `sending` gives its match inputs out, after the row says SENDING.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from sxe_pipeline.gate.answers import answer_of, decoded
from sxe_pipeline.gate.requests import Asks
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
class OpenItem:
    """A card of a call whose answer is not complete. `person`: as the provider named it so far.

    `is_doubtful`: the provider's first answer may be about somebody else.
    """

    position: int
    card_id: str
    person: str | None
    is_doubtful: bool


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call whose end is not known yet: the rest of its answer, or what it cost."""

    call_id: UUID
    provider: str
    state: str
    provider_request_id: str | None
    groups: tuple[str, ...]
    items: tuple[OpenItem, ...]


@dataclass(frozen=True, slots=True)
class Header(Asks):
    """What was frozen: what is asked, and of which version of which request."""

    request_id: UUID
    version: int
    item_count: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What the contact store must hold before a provider is called (`ops.continuity`)."""

    number: int
    marker_id: UUID
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """What the price card in force takes a provider for.

    `sells`: group -> 'sync' or 'async'; `batch_max`: so many people a call holds.
    """

    sells: Mapping[str, str]
    batch_max: int


@dataclass(frozen=True, slots=True)
class Begun:
    """What a run holds: its fence, what was frozen, the providers in the order to ask them.

    `card_ids`: who may be asked about. `marker`: null where nobody is. `offers`: provider -> what
    its price card says of it.
    """

    fence: int
    state: str
    header: Header
    waterfall: tuple[str, ...]
    loopback_only: bool
    open_calls: tuple[OpenCall, ...]
    card_ids: tuple[str, ...]
    marker: Counted | None
    offers: Mapping[str, Offer]

    @property
    def request_id(self) -> UUID:
        """The request that the run works on."""
        return self.header.request_id


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call, priced and reserved."""

    call_id: UUID
    fence: int
    provider: str
    groups: tuple[str, ...]
    item_count: int
    reserved_micros: int


@dataclass(frozen=True, slots=True)
class Denied:
    """No permit: `nothing_left`, `in_flight`, `budget`, or why the gate is closed."""

    reason: str


@dataclass(frozen=True, slots=True)
class SentItem:
    """A card of a call, with what the provider may be told: names of `gate` -> its match inputs."""

    position: int
    card_id: str
    inputs: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """The row says SENDING: the call may leave, with these items."""

    items: tuple[SentItem, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What was booked, and the positions whose values may be kept."""

    keep: frozenset[int]
    charged_micros: int
    overrun_micros: int


@dataclass(frozen=True, slots=True)
class Swept:
    """How much a sweep moved, by what became of it.

    Calls were released, made unknown or charged in full; requests expired, or their match inputs
    were forgotten.
    """

    released: int
    unknown: int
    charged_in_full: int
    expired: int
    forgotten: int


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A provider's counter against the ledger.

    `verdict`: no_counter, not_alone, first_reading, new_cycle, other_cycle (a call was lost on the
    other side of the border), read_again, drift or agreed; `units_micro` is the drift; `resolved`
    counts the unknown calls whose charge the counter told.
    """

    verdict: str
    units_micro: int | None = None
    resolved: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended: DONE, DONE_UNKNOWN or HALTED, and per provider why it was asked no more."""

    state: str
    stops: Mapping[str, str]


def claim_launches(
    conn: psycopg.Connection, limit: int = 20, waiting: Collection[UUID] = ()
) -> list[Launch]:
    """What is approved, was left behind, or has an answer due; each for one launch lease.

    Args:
        conn: The contact tier's login.
        limit: At most so many.
        waiting: Requests whose launched run waits for its turn: their launch stays in force.
    """
    with at_once(conn):
        rows = function_rows(conn, "gate.claim_launches", limit, list(waiting))
        return [Launch(*row) for row in rows]


def sweep(conn: psycopg.Connection) -> Swept:
    """Move what leases and clocks left behind, at most a hundred of each kind."""
    return answer_of(conn, Swept, "gate.sweep")


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
    return answer_of(conn, Begun, "gate.begin", request_id, attempt, run_id)


def permit(conn: psycopg.Connection, begun: Begun, provider: str) -> Permit | Denied:
    """Transaction 1: reserve the worst case of the next call and claim its items.

    It is on disk when `sending` is, and does not wait for that: never put it into a transaction
    with something that must be.

    Raises:
        Busy: Another run took the request over, or the last of a budget.
    """
    with at_once(conn):
        answer = call_function(conn, "gate.permit", begun.request_id, begun.fence, provider)
    if not answer["granted"]:
        return decoded(Denied, answer)
    names = {"fence": begun.fence, "provider": provider, "item_count": answer["items"]}
    return decoded(Permit, answer | names)


def sending(conn: psycopg.Connection, leave: Permit) -> Sent | Denied:
    """Transaction 2: look once more, and commit SENDING; only then the call may leave."""
    with at_once(conn):
        answer = call_function(conn, "gate.sending", leave.call_id, leave.fence)
    return decoded(Sent, answer) if answer["send"] else decoded(Denied, answer)


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
    return decoded(Settled, call_function(conn, "gate.settle", call_id, fence, dict(outcome)))


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


def reconcile(
    conn: psycopg.Connection, provider: str, units_micro: int, cycle: str | None = None
) -> Reconciled:
    """Hold a reading of the provider's counter against the ledger.

    Args:
        conn: The contact tier's login.
        provider: Whose counter it is.
        units_micro: What it says since its cycle began, in millionths.
        cycle: The credit cycle that it counts; None where the provider names none.
    """
    return answer_of(conn, Reconciled, "gate.reconcile", provider, units_micro, cycle)


def finish(conn: psycopg.Connection, begun: Begun) -> Finished:
    """Nothing more to send: the request is left, with the reason."""
    return answer_of(conn, Finished, "gate.finish", begun.request_id, begun.fence)
