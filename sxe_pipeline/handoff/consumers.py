"""Consumers: who reads batches, of what, by which key, and how that went in 30 days.

Here: single calls of functions of the database, and the key itself, which is shown once: the
database keeps its SHA-256. A person proves who acts by a token. Not here: what a consumer answers
(`acks`).
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
import psycopg

from sxe_pipeline.errors import NotFound
from sxe_pipeline.store.functions import at_once, call_function, function_rows

PREFIX = "sxe-consumer:"
EXPECT_EVERY = timedelta(hours=36)
ACK_WITHIN = timedelta(hours=48)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Key:
    """A new key: `text` for its consumer alone."""

    text: str = field(repr=False)

    @property
    def sha256(self) -> bytes:
        """What the database knows of it."""
        return hashlib.sha256(self.text.encode()).digest()


@dataclass(frozen=True, slots=True)
class Held:
    """A key as others may know it: the first digits of its SHA-256. '*' is every market."""

    consumer: str
    key: str
    contracts: tuple[str, ...]
    markets: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a consumer is told of; `market` '*' is every one.

    A batch or a head is due every `expect_every_s`, an answer `ack_within_s` after a delivery.
    """

    contract: str
    market: str
    has_queue: bool
    expect_every_s: int
    ack_within_s: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer, with the subscriptions and keys that work now."""

    consumer: str
    made_at: datetime
    ended_at: datetime | None
    subscriptions: tuple[Subscription, ...]
    keys: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A new subscription, and how many batches were delivered with it."""

    consumer: str
    contract: str
    market: str
    delivered: int


@dataclass(frozen=True, slots=True)
class Slo:
    """The last 30 days of one consumer and contract: `state` is met, unknown or breached.

    `reasons`: errors, rejected, wrong (breaches); overdue, no_delivery, unanswered, gap, young,
    unproved (doubts). `open` and `overdue` are answers that did not come, of any age; the other
    counts are of the window. `longest_gap_s` reaches to now.
    """

    consumer: str
    contract: str
    state: str
    reasons: tuple[str, ...]
    since: datetime
    deliveries: int
    acks: int
    open: int
    overdue: int
    late: int
    errors: int
    rejected: int
    wrong: int
    unproved: int
    gaps: int
    longest_gap_s: int


def make_key() -> Key:
    """A key of 256 random bits.

    Example:
        >>> len(make_key().text) - len(PREFIX)
        43
    """
    return Key(PREFIX + secrets.token_urlsafe(32))


def add(conn: psycopg.Connection, token: str, consumer: str) -> None:
    """Name a consumer, which is told of nothing yet.

    Args:
        conn: The api's login.
        token: Of a person with the scope `admin`.
        consumer: A short lower-case name, never used before.
    """
    with at_once(conn):
        call_function(conn, "handoff.add_consumer", token, consumer)


def end(conn: psycopg.Connection, token: str, consumer: str) -> None:
    """End a consumer: no key of it works, no further batch is delivered; what it said stays."""
    with at_once(conn):
        call_function(conn, "handoff.end_consumer", token, consumer)


def subscribe(
    conn: psycopg.Connection,
    token: str,
    consumer: str,
    contract: str,
    *,
    market: str = "*",
    has_queue: bool = False,
    expect_every: timedelta = EXPECT_EVERY,
    ack_within: timedelta = ACK_WITHIN,
) -> Subscribed:
    """Tell a consumer of batches from here on; the newest one of each market is delivered at once.

    Args:
        conn: The api's login.
        token: Of a person with the scope `admin`.
        consumer: The consumer.
        contract: The contract's id.
        market: '*' is every one.
        has_queue: Whether each delivery is also put into its queue.
        expect_every: How often a batch or a head is due; 30 days at most.
        ack_within: How long an answer may take; 30 days at most.

    Raises:
        Refused: It is subscribed to it already.
    """
    terms = (contract, market, has_queue, expect_every, ack_within)
    with at_once(conn):
        said = call_function(conn, "handoff.subscribe", token, consumer, *terms)
    return msgspec.convert(said, Subscribed)


def unsubscribe(
    conn: psycopg.Connection, token: str, consumer: str, contract: str, market: str = "*"
) -> None:
    """Tell a consumer of no further batch; what was delivered may still be answered."""
    with at_once(conn):
        call_function(conn, "handoff.unsubscribe", token, consumer, contract, market)


def add_key(
    conn: psycopg.Connection,
    token: str,
    consumer: str,
    key: Key,
    expires_at: datetime,
    *,
    contracts: Sequence[str] = (),
    markets: Sequence[str] = (),
) -> Held:
    """Let a key work; two of a consumer do at a time.

    Args:
        conn: The api's login.
        token: Of a person with the scope `admin`.
        consumer: The consumer.
        key: From `make_key`.
        expires_at: A year from now at most.
        contracts: None is all that the consumer is subscribed to but `lead_contact`.
        markets: None is every market that the consumer is subscribed to.

    Raises:
        Refused: Two keys work already.
    """
    scope = (list(contracts) or None, list(markets) or None)
    with at_once(conn):
        said = call_function(
            conn, "handoff.add_key", token, consumer, key.sha256, *scope, expires_at
        )
    return msgspec.convert(said, Held)


def revoke_key(conn: psycopg.Connection, token: str, start: str) -> Held:
    """End a key, by the first eight digits of its SHA-256 or more.

    Raises:
        NotFound: No key begins so, or several do.
    """
    with at_once(conn):
        return msgspec.convert(call_function(conn, "handoff.revoke_key", token, start), Held)


def consumers(conn: psycopg.Connection) -> list[Consumer]:
    """Every consumer, by name."""
    return _rows(conn, Consumer, "handoff.show_consumers")


def named(conn: psycopg.Connection, consumer: str) -> Consumer:
    """One consumer, also one that ended.

    Raises:
        NotFound: There never was one of that name.
    """
    for each in consumers(conn):
        if each.consumer == consumer:
            return each
    raise NotFound("there is no such consumer; see `sxe consumers list`")


def slo(conn: psycopg.Connection, consumer: str | None = None) -> list[Slo]:
    """The 30-day view of one consumer, or of all (None), for the api's login."""
    return _rows(conn, Slo, "handoff.slo_of", consumer)


def own_slo(conn: psycopg.Connection, key_sha256: bytes) -> list[Slo]:
    """The 30-day view of the consumer whose key it is, for the login `sxe_serve`.

    Raises:
        Refused: The key is unknown, has expired or was revoked.
    """
    return _rows(conn, Slo, "handoff.slo", key_sha256)


def _rows(conn: psycopg.Connection, kind: type[T], function: str, *arguments: Any) -> list[T]:
    with at_once(conn):
        return [msgspec.convert(row, kind) for row in function_rows(conn, function, *arguments)]
