"""Candidates: what the cards let go to the gate, and nothing else of them.

Here: the social tier's only door into the gate.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

from sxe_pipeline.store.functions import call_function

CHUNK = 10_000
RANGE = 200_000
"""So many ids are compared with all that the gate holds: each time it reads all of its own once."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ready card. `inputs` holds what the profile states, under the closed list of names."""

    card_id: str
    market: str
    audience_pool: str | None
    platforms: Sequence[str]
    inputs: Mapping[str, str] = field(repr=False)


def replace(conn: psycopg.Connection, candidates: Iterable[Candidate]) -> int:
    """Make these the candidates, in the caller's transaction; all others are withdrawn.

    The gate writes those alone that differ from what it holds, some at a time.

    Args:
        conn: The social tier's login.
        candidates: In the order of their ids, each once.

    Returns:
        How many were withdrawn.

    Raises:
        BadInput: They are in another order.
    """
    withdrawn, after, ids = 0, "", list[str]()
    for chunk in _put(conn, candidates):
        ids += chunk
        if len(ids) >= RANGE:
            withdrawn += call_function(conn, "gate.withdraw_candidates", after, ids[-1], ids)
            after, ids = ids[-1], []
    return withdrawn + int(call_function(conn, "gate.withdraw_candidates", after, None, ids))


def change(
    conn: psycopg.Connection, candidates: Iterable[Candidate], card_ids: Collection[str]
) -> int:
    """Of some cards, make these the candidates; the others of them are withdrawn.

    Args:
        conn: The social tier's login.
        candidates: Each once.
        card_ids: The cards.

    Returns:
        How many were withdrawn.
    """
    put = {card_id for chunk in _put(conn, candidates) for card_id in chunk}
    gone = sorted(set(card_ids) - put)
    return sum(
        call_function(conn, "gate.withdraw_cards", gone[at : at + RANGE])
        for at in range(0, len(gone), RANGE)
    )


def counts(conn: psycopg.Connection) -> tuple[int, dict[str, int]]:
    """How many candidates there are, and of how many each input is known.

    Args:
        conn: The social tier's login.
    """
    rows = conn.execute("select input, candidates from gate.count_candidates()").fetchall()
    found: dict[str | None, int] = dict(rows)
    return found.pop(None, 0), {name: found[name] for name in sorted(filter(None, found))}


def _put(conn: psycopg.Connection, candidates: Iterable[Candidate]) -> Iterator[list[str]]:
    """Put candidates before the gate; yields the ids of those that are there now."""
    generation, rest = uuid4(), iter(candidates)
    while chunk := list(islice(rest, CHUNK)):
        call_function(conn, "gate.put_candidates", generation, Jsonb([_said(c) for c in chunk]))
        yield [candidate.card_id for candidate in chunk]


def _said(candidate: Candidate) -> dict[str, Any]:
    return {
        "card_id": candidate.card_id,
        "market": candidate.market,
        "audience_pool": candidate.audience_pool,
        "platforms": list(candidate.platforms),
        "inputs": dict(candidate.inputs),
    }
