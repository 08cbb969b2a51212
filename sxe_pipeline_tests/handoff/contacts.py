"""Contact points of people who do not exist: reserved domains and numbers."""

import datetime as dt
import random
from uuid import UUID

import pyarrow as pa

from sxe_pipeline import schema
from sxe_pipeline.handoff.chain import BatchKey

CONTRACT = schema.load("lead_contact", "1.0.0")
REQUEST = UUID("0190b5a4-0000-4000-8000-00000000a001")
OTHER = UUID("0190b5a4-0000-4000-8000-00000000a002")
DAY = dt.date(2026, 3, 10)
NOW = dt.datetime(2026, 3, 11, 4, 0, tzinfo=dt.UTC)
NEXT = dt.timedelta(days=1)
SEEN = dt.datetime(2026, 3, 9, 10, 0, 0, 250, tzinfo=dt.UTC)


def at(
    seq: int = 1, request: UUID = REQUEST, market: str = "x_general", day: dt.date = DAY
) -> BatchKey:
    """The key of a batch in the chain of a request."""
    return BatchKey(market, day, request, seq)


def contact(number: int, request: UUID) -> dict:
    is_phone = number % 3 == 2
    flags = dict.fromkeys(("dnc", "tcpa", "litigator", "flags_checked_at", "flags_valid_until"))
    if is_phone:
        flags |= {"dnc": bool(number % 2), "litigator": False, "flags_checked_at": SEEN}
        flags |= {"flags_valid_until": SEEN + dt.timedelta(days=31)}
    return flags | {
        "card_id": f"{number // 3:032x}",
        "request_id": str(request),
        "kind": "phone" if is_phone else "email",
        "value": f"+1202555{100 + number:04d}" if is_phone else f"someone.{number}@example.com",
        "status": "verified",
        "confidence": 0.9 if number % 2 else None,
        "provider": "apollo",
        "obtained_at": SEEN,
        "verified_at": None,
        "purpose": "market_research",
        "legal_basis": "consent",
    }


def contacts(n: int = 9, request: UUID = REQUEST, order: int = 0) -> pa.Table:
    """n contact points of one request, in a random order."""
    rows = [contact(number, request) for number in range(n)]
    random.Random(order).shuffle(rows)
    return pa.Table.from_pylist(rows, schema=CONTRACT.arrow())
