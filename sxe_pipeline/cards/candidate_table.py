"""Candidates before the gate: read the cards, put those that are ready there, withdraw the others.

Here: which tables are read, in which transaction. Not here: what a provider may be told of a card
(`candidates`), who may be asked for (the gate).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from sxe_pipeline import audit, contracts_root
from sxe_pipeline.cards import candidates, inputs, taxonomy
from sxe_pipeline.gate import candidates as gate
from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import suppression
from sxe_pipeline.schema.tables import IDENTITY, PROFILE
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import tables


@dataclass(frozen=True)
class Written:
    """What one run put before the gate. `with_inputs`: candidate counts by input name."""

    candidate_count: int
    withdrawn_count: int
    with_inputs: Mapping[str, int]
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """Counts for metadata."""
        return {"candidates": self.candidate_count, "withdrawn": self.withdrawn_count}


def rebuild(
    conn: psycopg.Connection,
    settings: Settings,
    *,
    actor: str,
    now: datetime,
    recheck: versions.Recheck = versions.unleased,
) -> Written:
    """Put the ready cards before the gate and withdraw the others, unless all is the same.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.

    Raises:
        NotFound: The cards were never built.
    """
    labels = taxonomy.load(contracts_root() / "taxonomy")
    with conn.transaction():
        tables.lock(conn, inputs.CANDIDATES)
        made_from = inputs.inputs_of(conn, settings)[inputs.CANDIDATES]
        last = versions.named(conn, inputs.CANDIDATES)
        if last and versions.is_current(last, made_from):
            with_inputs = {k: v for k, v in last.numbers.items() if k != "candidates"}
            return Written(last.numbers["candidates"], 0, with_inputs, is_new=False)
        known: Counter[str] = Counter()
        found = candidates.candidates(
            inputs.rows(conn, settings, inputs.CARDS),
            inputs.rows(conn, settings, IDENTITY.name),
            inputs.rows(conn, settings, PROFILE.name),
            labels.gazetteer,
            # Suppressed since the cards were built.
            without=suppression.suppressed(conn),
        )
        put, withdrawn = gate.replace(conn, _counted(found, known))
        event = audit.record(
            "candidates.written",
            actor=actor,
            subject=inputs.CANDIDATES,
            key=now.isoformat(),
            candidates=put,
            withdrawn=withdrawn,
        )
        with_inputs = dict(sorted(known.items()))
        # Rows of the gate, no table of the store: its versions only count what was put there.
        version = last.version + 1 if last else 0
        versions.name(
            conn,
            inputs.CANDIDATES,
            version,
            inputs=made_from,
            event=event,
            recheck=recheck,
            numbers={**with_inputs, "candidates": put},
        )
    return Written(put, withdrawn, with_inputs)


def _counted(found: Iterable[gate.Candidate], known: Counter[str]) -> Iterator[gate.Candidate]:
    """The same candidates; their inputs are counted by name as they pass."""
    for one in found:
        known.update(one.inputs.keys())
        yield one
