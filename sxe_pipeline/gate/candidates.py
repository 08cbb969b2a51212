"""Candidates: what the cards let go to the gate, and nothing else of them.

Here: the social tier's only door into the gate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    generation, put, withdrawn = uuid4(), 0, 0
    after, ids = "", list[str]()
    for chunk in _chunks(candidates):
        call_function(conn, "gate.put_candidates", generation, Jsonb([_said(c) for c in chunk]))
        put += len(chunk)
        ids += [candidate.card_id for candidate in chunk]
        if len(ids) >= RANGE:
            withdrawn += call_function(conn, "gate.withdraw_candidates", after, ids[-1], ids)
            after, ids = ids[-1], []
    withdrawn += call_function(conn, "gate.withdraw_candidates", after, None, ids)
    return put, withdrawn


def _said(candidate: Candidate) -> dict[str, Any]:
    return {
        "card_id": candidate.card_id,
        "market": candidate.market,
        "audience_pool": candidate.audience_pool,
        "platforms": list(candidate.platforms),
        "inputs": dict(candidate.inputs),
    }


def _chunks(candidates: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    rest = iter(candidates)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
