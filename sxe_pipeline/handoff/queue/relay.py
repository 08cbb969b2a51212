"""The relay: what the outbox of a tier holds is sent to its broker, at least once and in order.

Here: one pass of bounded work, in one transaction: notices are marked as sent after the broker
confirmed them, so that a relay that dies in between sends them again under the same ids. Which
notices are due and when one is dead is decided in `sql/outbox.sql`; how a broker is spoken to is
`brokers`'.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import psycopg

from sxe_pipeline.errors import Busy, StoreUnavailable
from sxe_pipeline.handoff.queue import brokers
from sxe_pipeline.handoff.queue.outbox import outlook
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import functions, sql

AT_ONCE = 100
"""Notices of one transaction: as many are sent again at most when a relay is killed."""

PASS_S = 20.0
"""A pass begins no other notice after this: a tick of a sensor has a minute."""

_ACTOR = "relay"


class Notice(NamedTuple):
    """One row of the outbox; `body` is the CloudEvent."""

    seq: int
    event_id: UUID
    consumer: str
    contract: str
    body: Mapping[str, Any]


class Publisher(Protocol):
    """A broker, connected."""

    def declare(self, consumer: str, contract: str) -> None:
        """Make sure that what is sent to this pair lands in a durable queue.

        Raises:
            brokers.Unsent: The broker does not allow it.
            StoreUnavailable: It went away.
        """
        ...

    def send(self, consumer: str, contract: str, event: Mapping[str, Any]) -> None:
        """Hand one event over; returns when the broker has it.

        Raises:
            brokers.Unsent: It has not: no queue took it, or it was refused.
            StoreUnavailable: The broker went away, or does not answer; it may have it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Relayed:
    """What one pass did. `away` says why it ended early: the broker's fault, in words of ours."""

    sent: int = 0
    put_off: int = 0
    dead: int = 0
    away: str | None = None

    def __add__(self, later: "Relayed") -> "Relayed":
        """Two passes as one."""
        return Relayed(
            self.sent + later.sent,
            self.put_off + later.put_off,
            self.dead + later.dead,
            later.away or self.away,
        )


def relay(
    conn: psycopg.Connection,
    publisher: Publisher,
    *,
    limit: int = AT_ONCE,
    clock: Callable[[], float] = time.monotonic,
    until: float | None = None,
) -> Relayed:
    """Send what is due, up to a limit, in one transaction.

    Args:
        conn: The login of a tier, outside of a transaction.
        publisher: Its broker.
        limit: Of notices.
        clock: Tells the time that `until` is of.
        until: No notice is begun after it.

    Raises:
        Busy: Another relay of this tier is sending.
        StoreUnavailable: The database went away; what was sent is sent again.
    """
    sent: list[int] = []
    failed: list[tuple[int, str]] = []
    held: set[tuple[str, str]] = set()
    away = None
    with functions.translated_errors(), conn.transaction():
        for row in functions.function_rows(conn, "handoff.open_notices", limit):
            notice = Notice(*row)
            pair = (notice.consumer, notice.contract)
            if until is not None and clock() > until:
                break
            if pair in held:
                continue
            try:
                publisher.declare(*pair)
                publisher.send(*pair, notice.body)
            except brokers.Unsent as error:
                held.add(pair)
                failed.append((notice.seq, error.reason))
            except StoreUnavailable as error:
                away = str(error)
                break
            else:
                sent.append(notice.seq)
        if sent:
            functions.call_function(conn, "handoff.mark_sent", sent)
        dead = [
            functions.call_function(conn, "handoff.put_off", seq, reason, _ACTOR)
            for seq, reason in failed
        ]
    return Relayed(len(sent), len(failed), sum(dead), away)


def run_pass(settings: Settings, login: str) -> str:
    """Send what is due of a tier until nothing is, or the time of a pass is over; says what it did.

    Without a broker the queue is Postgres itself, and nothing is sent.

    Args:
        settings: With the tier's login, and the address of its broker.
        login: Such as 'social_dsn'.

    Raises:
        BadConfig: The address is none that is served.
        StoreUnavailable: The broker or the database is away; what waits is counted in the text.
    """
    if settings.broker_url is not None:
        brokers.checked(settings.broker_url)
    with sql.connect(settings.need(login)) as conn:
        left = outlook(conn)
        if settings.broker_url is None:
            return f"no broker is set, Postgres is the queue: {left.sentence()}"
        if left.waiting == left.held:
            return left.sentence()
        try:
            done = _drain(conn, settings.broker_url, time.monotonic() + PASS_S)
        except Busy as error:
            return f"{error}; {left.sentence()}"
        left = outlook(conn)
    if done.away:
        raise StoreUnavailable(f"{done.away}; {done.sent} sent, {left.sentence()}")
    return (
        f"{done.sent} notices sent, {done.put_off} put off, of these {done.dead} dead; "
        f"{left.sentence()}"
    )


def _drain(conn: psycopg.Connection, url: str, until: float) -> Relayed:
    whole = Relayed()
    try:
        with brokers.opened(url) as publisher:
            while whole.away is None and time.monotonic() <= until:
                one = relay(conn, publisher, until=until)
                whole = whole + one
                if not (one.sent or one.put_off):
                    break
    except StoreUnavailable as error:
        return whole + Relayed(away=str(error))
    return whole
