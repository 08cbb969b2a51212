"""The enrichment loop: poll what is open, then permit, call and book, until nothing is left.

Here: the order of the transactions around a provider call, and what each verdict does; what is
written about an answer is in `booking`. The gate decides whether, at what price and about whom;
adapters say what is sent and what the answer means.
"""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import psycopg

from sxe_pipeline.contacts.adapter import Adapter, Answer, Item, Verdict
from sxe_pipeline.contacts.booking import Booking, Reached, Report
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.contacts.wire import Wire
from sxe_pipeline.errors import BadInput, Busy, StoreUnavailable, SxeError
from sxe_pipeline.gate import permits
from sxe_pipeline.store.functions import translated_errors

MOST_REFUSALS = 3
LONGEST_PAUSE_S = 60.0
BUSY_WAIT_S = 90.0
MOST_COLLISIONS = 4

Granted = TypeVar("Granted")


@dataclass(frozen=True, slots=True)
class Provider:
    """An adapter, its address and its credentials."""

    adapter: Adapter
    url: str
    credentials: Mapping[str, str] = field(repr=False)
    read_timeout_s: float = 60.0


def enrich(
    conn: psycopg.Connection,
    vault: Vault,
    providers: Mapping[str, Provider],
    *,
    request_id: UUID,
    attempt: int | None,
    run_id: str,
    note: Callable[[permits.Begun], None],
    reached: Reached = lambda point: None,
    pause: Callable[[float], None] = time.sleep,
) -> Report:
    """Work on the request for which the gate launched this run.

    Args:
        conn: The contact tier's login, in no transaction.
        vault: Encrypts what is found.
        providers: Slug -> provider; one that a request names and this lacks is not called.
        request_id: The request.
        attempt: The launch that the gate claimed; None is a run that somebody started by hand.
        run_id: The Dagster run.
        note: Writes down who may be asked about, outside of the database, before anybody is.
        reached: For tests.
        pause: Waits so many seconds.

    Raises:
        Refused: The gate did not launch this run: no provider was called.
        StoreUnavailable: A provider or the database cannot be reached; the gate launches again.
        Busy: Another run took the request over.
    """
    with translated_errors(), ExitStack() as stack:
        begun = permits.begin(conn, request_id, attempt, run_id)
        reached("begun")
        note(begun)
        report = Report(request_id, begun.state)
        run = _Run(Booking(conn, vault, begun, report, reached), pause)
        for name in dict.fromkeys([*begun.waterfall, *(c.provider for c in begun.open_calls)]):
            if name in providers:
                run.open(stack, name, providers[name])
        run.poll()
        run.reconcile()
        if begun.state == "EXECUTING":
            for name in begun.waterfall:
                run.spend(name)
            run.reconcile()
        ended = permits.finish(conn, begun)
        reached("finished")
    report.state, report.stops = ended.state, ended.stops
    return report


@dataclass
class _Line:
    """A provider within one run, and the wire to it."""

    provider: Provider
    wire: Wire


class _Run:
    """One run of one request."""

    def __init__(self, booking: Booking, pause: Callable[[float], None]) -> None:
        self.booking, self.pause = booking, pause
        self.conn, self.begun = booking.conn, booking.begun
        self.report, self.reached = booking.report, booking.reached
        self.lines: dict[str, _Line] = {}

    def open(self, stack: ExitStack, name: str, provider: Provider) -> None:
        """Make the wire to a provider; nothing is sent."""
        headers = provider.adapter.headers(provider.credentials)
        wire = Wire(
            provider.url,
            headers,
            loopback_only=self.begun.loopback_only,
            read_timeout_s=provider.read_timeout_s,
        )
        self.lines[name] = _Line(provider, stack.enter_context(wire))

    def poll(self) -> None:
        """Poll for the rest of answers that were paid for; free, and allowed after a revocation."""
        for call in self.begun.open_calls:
            if call.state != "AWAITING" or call.provider not in self.lines:
                continue
            line = self.lines[call.provider]
            items = [Item(i.position, i.card_id, {}, i.person, i.is_doubtful) for i in call.items]
            request = line.provider.adapter.result_request(call.provider_request_id or "")
            reply = line.wire.send(request, str(call.call_id))
            self.report.polls += 1
            self.reached("polled")
            answer = line.provider.adapter.read_result(items, reply, datetime.now(UTC))
            if answer.verdict is Verdict.AWAITING:
                permits.wait(self.conn, call.call_id, self.begun.fence, answer.retry_after_s)
            elif answer.verdict is Verdict.SETTLED:
                self.booking.settle(call.call_id, items, answer, reply)
            else:
                self.booking.lose(call.call_id, answer, reply)

    def reconcile(self) -> None:
        """Read the counters, twice where the first reading only asks for a second."""
        for name, line in self.lines.items():
            request = line.provider.adapter.counter_request()
            for _ in range(2):
                if request is None:
                    break
                reply = line.wire.send(request, self._reference(name))
                units = line.provider.adapter.read_counter(reply)
                if units is None:
                    break
                cycle = line.provider.adapter.read_cycle(reply)
                verdict = permits.reconcile(self.conn, name, units, cycle).verdict
                self.reached("reconciled")
                if verdict != "read_again":
                    break

    def _reference(self, provider: str) -> str:
        """A free request carries the id of the paid call that it is about, else of the request."""
        about = [c.call_id for c in self.begun.open_calls if c.provider == provider]
        return str(about[0] if about else self.begun.request_id)

    def spend(self, name: str) -> None:
        """Call one provider until the gate gives no further permit."""
        if name not in self.lines:
            permits.stop(self.conn, self.begun, name, "not_configured")
            return
        offer, adapter = self.begun.offers.get(name), self.lines[name].provider.adapter
        if offer and not _can(adapter, offer):
            permits.stop(self.conn, self.begun, name, "price_unfit")
            return
        refused = 0
        while refused < MOST_REFUSALS:
            permit = _retry_busy(lambda: permits.permit(self.conn, self.begun, name), self.pause)
            if isinstance(permit, permits.Denied):
                return
            self.reached("reserved")
            sent = self._sending(permit)
            if isinstance(sent, permits.Denied):
                continue
            self.reached("sending")
            answer = self._call(self.lines[name], permit, sent)
            if answer.verdict in (Verdict.NOT_SENT, Verdict.REJECTED) and not answer.opens_circuit:
                refused += 1
                self.pause(_wait_for(answer, refused))
            else:
                refused = 0
        raise StoreUnavailable(
            f"provider {name} refused or could not be reached {MOST_REFUSALS} times in a row; "
            "nothing was charged, and the gate launches the request again"
        )

    def _sending(self, permit: permits.Permit) -> permits.Sent | permits.Denied:
        """Commit SENDING, waiting while another call of the same account is in flight."""
        end = time.monotonic() + BUSY_WAIT_S
        while True:
            sent = permits.sending(self.conn, permit)
            if not isinstance(sent, permits.Denied) or sent.reason != "provider_busy":
                return sent
            if time.monotonic() > end:
                permits.release(self.conn, permit.call_id, permit.fence, "provider_busy")
                raise Busy(
                    "the provider stays busy with another call; the gate launches the request again"
                )
            self.pause(0.2)

    def _call(self, line: _Line, permit: permits.Permit, sent: permits.Sent) -> Answer:
        adapter = line.provider.adapter
        items = [Item(i.position, i.card_id, i.inputs) for i in sent.items]
        self.report.calls += 1
        try:
            request = adapter.call_request(items, sent.groups)
            reply = line.wire.send(request, str(permit.call_id))
        except SxeError as error:
            # It cannot be written, and nothing was sent.
            self.booking.release(permit.call_id, "not_asked")
            if not isinstance(error, BadInput):
                raise  # a setting is wrong, and the next items would fail here too
            return Answer(Verdict.REJECTED, "not_asked")
        self.reached("answered")
        answer = adapter.read(items, sent.groups, reply, datetime.now(UTC))
        if answer.verdict in (Verdict.SETTLED, Verdict.AWAITING):
            self.booking.settle(permit.call_id, items, answer, reply)
        elif answer.verdict is Verdict.UNKNOWN:
            self.booking.lose(permit.call_id, answer, reply)
        else:
            self.booking.release(
                permit.call_id,
                answer.reason,
                http_status=reply.status,
                opens_circuit=answer.opens_circuit,
            )
        self.reached("booked")
        return answer


def _can(adapter: Adapter, offer: permits.Offer) -> bool:
    """Whether the adapter does what the price card takes it for: else calls fail, or cost more."""
    return offer.batch_max <= adapter.batch_max and offer.sells.items() <= adapter.sells.items()


def _wait_for(answer: Answer, refused: int) -> float:
    """Seconds before a refused request is sent again: as the provider says, else growing."""
    if answer.retry_after_s is None:
        return float(2**refused) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
    if answer.retry_after_s > LONGEST_PAUSE_S:
        raise StoreUnavailable(
            "the provider asks for a longer pause than a run waits; the gate launches again"
        )
    return answer.retry_after_s


def _retry_busy(call: Callable[[], Granted], pause: Callable[[float], None]) -> Granted:
    """Call the gate again where two permits collided; nothing was sent, so it costs nothing."""
    for attempt in range(MOST_COLLISIONS):
        try:
            return call()
        except Busy:
            pause(0.05 * 2**attempt)
    return call()
