"""Candidates: what the cards let go to the gate, and nothing else of them.

Here: the social tier's only door into the gate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

from sxe_pipeline.store.functions import call_function

CHUNK = 10_000


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

    Returns:
        (how many there are, how many were withdrawn).
    """
    generation, put = uuid4(), 0
    for chunk in _chunks(candidates):
        put += call_function(
            conn,
            "gate.put_candidates",
            generation,
            [c.card_id for c in chunk],
            [c.market for c in chunk],
            [c.audience_pool for c in chunk],
            [Jsonb(list(c.platforms)) for c in chunk],
            [Jsonb(dict(c.inputs)) for c in chunk],
        )
    withdrawn: int = call_function(conn, "gate.withdraw_candidates", generation)
    return put, withdrawn


def _chunks(candidates: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    rest = iter(candidates)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
