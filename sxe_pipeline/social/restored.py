"""Card ids that a restored database lost, brought back from where they were handed off or written.

Without them every person met since the backup would be minted a second id. Here: reading them from
the newest identities that the store holds and from rows of batches, and storing those that are not
known. Their anchors bring them back to their cards at the next build (`mint`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from sxe_pipeline.schema.tables import IDENTITY
from sxe_pipeline.social import issued
from sxe_pipeline.social.links import Account
from sxe_pipeline.social.mint import Assignment, Card
from sxe_pipeline.store import delta, tables

_COLUMNS = ["card_id", "platform", "account_key", "first_seen_at"]


@dataclass(frozen=True)
class Held:
    """A card id and the account that brings it back."""

    card_id: str
    anchor: Account


def in_store(root: str) -> Iterator[Held]:
    """The cards of the newest identities in the store, named or not, each by its eldest account.

    Args:
        root: URL of the Tier 1 store.
    """
    table = delta.opened(root, IDENTITY.name, None)
    if table is None:
        return
    rows = (
        table.to_pyarrow_dataset()
        .to_table(columns=_COLUMNS)
        .sort_by(
            [
                ("first_seen_at", "ascending"),
                ("platform", "ascending"),
                ("account_key", "ascending"),
            ]
        )
    )
    seen = set()
    for card_id, platform, key in zip(*(rows[c].to_pylist() for c in _COLUMNS[:3]), strict=True):
        if card_id not in seen:
            seen.add(card_id)
            yield Held(card_id, (platform, key))


def in_batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[Held]:
    """The cards of rows that were handed off; one that names no account is left out.

    Args:
        rows: Of the contract `lead_card`.

    Example:
        >>> account = {"platform": "x", "platform_id": None, "handle": "Ana", "basis": "self"}
        >>> [held.anchor for held in in_batches([{"card_id": "c", "accounts": [account]}])]
        [('x', 'handle:ana')]
    """
    for row in rows:
        accounts = sorted(row["accounts"] or [], key=lambda a: a["basis"] != "self")
        keyed = [(a["platform"], key) for a in accounts if (key := _key(a))]
        if keyed:
            yield Held(row["card_id"], keyed[0])


def unknown(conn: psycopg.Connection, cards: Iterable[Held]) -> int:
    """How many of the cards the database does not know."""
    with conn.transaction():
        return len(_new(conn, cards))


def bring_back(
    conn: psycopg.Connection, cards: Iterable[Held], *, actor: str, now: datetime
) -> int:
    """Store the cards that the database does not know, in one transaction with their event.

    An account that anchors a card already keeps that one.

    Args:
        conn: The social tier's login, in no transaction.
        cards: What was found; the first of two cards of one account counts.
        actor: Who recovers.
        now: When they count as minted: after all that the database knows.

    Returns:
        How many were not known.
    """
    with conn.transaction():
        tables.lock(conn, IDENTITY.name)
        new = _new(conn, cards)
        if new:
            minted = [Card(held.card_id, held.anchor, 1, None, now) for held in new]
            issued.store(conn, Assignment([], minted, [], []), now, actor)
    return len(new)


def _new(conn: psycopg.Connection, cards: Iterable[Held]) -> list[Held]:
    known, anchored = set(), set()
    for card_id, *anchor in conn.execute(
        "select card_id, anchor_platform, anchor_account_key from social.card"
    ):
        known.add(card_id)
        anchored.add(tuple(anchor))
    new = []
    for held in cards:
        if held.card_id not in known and held.anchor not in anchored:
            known.add(held.card_id)
            anchored.add(held.anchor)
            new.append(held)
    return new


def _key(account: Mapping[str, Any]) -> str | None:
    if account["platform_id"]:
        return f"id:{account['platform_id']}"
    return f"handle:{account['handle'].casefold()}" if account["handle"] else None
