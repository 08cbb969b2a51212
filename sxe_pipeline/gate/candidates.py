"""Candidates: what the cards let go to the gate, and nothing else of them.

Here: the social tier's only door into the gate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from sxe_pipeline.store.functions import call_function

CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ready card. `inputs` holds what the profile states, under the closed list of names."""

    card_id: str
    market: str
    audience_pool: str | None
    platforms: Sequence[str]
    inputs: Mapping[str, str] = field(repr=False)


def replace(conn: psycopg.Connection, candidates: Iterable[Candidate]) -> tuple[int, int]:
    """Make these the candidates, in the caller's transaction; all others are withdrawn.

    The gate writes those alone that differ from what it holds, some at a time.

    Args:
        conn: The social tier's login.
        candidates: In the order of their ids, each once.

    Returns:
        (how many there are, how many were withdrawn).

    Raises:
        BadInput: They are in another order.
    """
    generation, put, withdrawn, after = uuid4(), 0, 0, ""
    for chunk in _chunks(candidates):
        until = chunk[-1].card_id
        withdrawn += _put(conn, generation, after, until, chunk)
        put, after = put + len(chunk), until
    return put, withdrawn + _put(conn, generation, after, None, [])


def _put(
    conn: psycopg.Connection,
    generation: UUID,
    after: str,
    until: str | None,
    chunk: Sequence[Candidate],
) -> int:
    """Make these the candidates between two ids; how many were withdrawn there."""
    cards = [
        {
            "card_id": one.card_id,
            "market": one.market,
            "audience_pool": one.audience_pool,
            "platforms": list(one.platforms),
            "inputs": dict(one.inputs),
        }
        for one in chunk
    ]
    withdrawn: int = call_function(
        conn, "gate.put_candidates", generation, after, until, Jsonb(cards)
    )
    return withdrawn


def _chunks(candidates: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    rest = iter(candidates)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
