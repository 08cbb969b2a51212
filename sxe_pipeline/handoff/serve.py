"""What a consumer's key may read, by functions that take its hash.

Here: single reads of the login `sxe_serve`, which reads no table. Every function raises Refused for
a key that is unknown, has expired or was revoked; what a key may not see is not there for it. Not
here: how that is answered over a network (`web`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import psycopg

from sxe_pipeline.handoff.batches import folder_of
from sxe_pipeline.store.functions import function_rows


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key it is, and what it sees: contracts, and their markets ('*' is every one).

    `seal_no`: of the newest seal of the audit log; null before the first.
    """

    consumer: str
    contracts: tuple[str, ...]
    markets: tuple[str, ...]
    seal_no: int | None


@dataclass(frozen=True, slots=True)
class Head:
    """A signed statement of which batches are the newest; `sha256` is that of its bytes."""

    seq: int
    bytes: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A published batch in a list.

    `published_seq` is its place in the order in which batches of its contract became visible.
    `request_id` and `seq` are null for a batch of a market and day. `expired_at`: since when its
    files are gone.
    """

    batch_id: str
    contract: str
    contract_version: str
    market: str
    day: date
    request_id: UUID | None
    seq: int | None
    prev_batch_id: str | None
    kind: str
    row_count: int
    manifest_sha256: str
    published_seq: int
    published_at: datetime
    expired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest batch of a market."""

    batch_id: str
    published_seq: int
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Served:
    """A published batch with its manifest; `expired_at`: since when its files are gone."""

    batch_id: str
    contract: str
    contract_version: str
    manifest: bytes
    manifest_sha256: str
    expired_at: datetime | None

    @property
    def folder(self) -> str:
        """The folder of its files in the handoff store."""
        return folder_of(self.contract, self.contract_version, self.batch_id)


def caller(conn: psycopg.Connection, key_sha256: bytes) -> Caller:
    """Whose key it is.

    Raises:
        Refused: It is unknown, has expired or was revoked.
    """
    [(consumer, contracts, markets, seal_no)] = function_rows(
        conn, "handoff.served_key", key_sha256
    )
    return Caller(consumer, tuple(contracts), tuple(markets), seal_no)


def head(
    conn: psycopg.Connection, key_sha256: bytes, contract: str, major: int | None, seq: int | None
) -> Head | None:
    """A head of a contract.

    Args:
        conn: The login `sxe_serve`.
        key_sha256: Of the consumer's key.
        contract: The contract's id.
        major: Of its version, each of which has heads of its own; None is the newest.
        seq: Its number; None is the newest.
    """
    rows = function_rows(conn, "handoff.served_head", key_sha256, contract, major, seq)
    return next((Head(*row) for row in rows), None)


def batches(
    conn: psycopg.Connection,
    key_sha256: bytes,
    contract: str,
    *,
    after: int,
    most: int,
    is_unanswered: bool = False,
) -> list[Listed]:
    """What was published behind a number, in that order.

    Args:
        conn: The login `sxe_serve`.
        key_sha256: Of the consumer's key.
        contract: The contract's id.
        after: A `published_seq`; 0 is before the first.
        most: How many at once.
        is_unanswered: Only what was delivered and waits for an answer.
    """
    asked = (key_sha256, contract, after, most, is_unanswered)
    rows = function_rows(conn, "handoff.served_batches", *asked)
    return [Listed(*row) for row in rows]


def batch(conn: psycopg.Connection, key_sha256: bytes, batch_id: str) -> Served | None:
    """A published batch with the bytes of its manifest."""
    rows = function_rows(conn, "handoff.served_batch", key_sha256, batch_id)
    return next((Served(*row) for row in rows), None)


def newest(
    conn: psycopg.Connection,
    key_sha256: bytes,
    contract: str,
    major: int,
    as_of: int | None = None,
) -> list[Newest]:
    """The newest batch of each market, in the order of the markets.

    Args:
        conn: The login `sxe_serve`.
        key_sha256: Of the consumer's key.
        contract: The contract's id.
        major: Of its version.
        as_of: A `published_seq` behind which nothing counts; None is now.
    """
    rows = function_rows(conn, "handoff.served_newest", key_sha256, contract, major, as_of)
    return [Newest(*row) for row in rows]
