"""Candidates before the gate: read the cards, put those that are ready there, withdraw the others.

Here: which tables are read, in which transaction, and which cards are looked at again. Not here:
what a provider may be told of a card (`candidates`), who may be asked for (the gate).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from sxe_pipeline import audit, contracts_root
from sxe_pipeline.cards import candidates, inputs, taxonomy
from sxe_pipeline.gate import candidates as gate
from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import suppression
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import IDENTITY, PROFILE
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import buckets, differences, tables
from sxe_pipeline.store.snapshot import Snapshot

_READ = (inputs.CARDS, IDENTITY.name, PROFILE.name)


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

    Looked at are the cards that differ from those that the candidates were made from.

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
        read = {name: inputs.snapshot(conn, settings, name) for name in _READ}
        rest = inputs.candidates_rest()
        before = versions.basis(conn, settings.tier1_url, inputs.CANDIDATES, rest)
        # Also who was suppressed since the cards were built.
        suppressed = suppression.suppressed(conn)
        touched = None if before is None else _touched(before, read) | suppressed
        cards, identities, profiles = map(inputs.rows_of, read.values())
        found = candidates.candidates(
            cards,
            identities,
            profiles,
            labels.gazetteer,
            without=suppressed,
            only=touched,
        )
        if touched is None:
            withdrawn = gate.replace(conn, found)
        else:
            withdrawn = gate.change(conn, found, touched)
        put, with_inputs = gate.counts(conn)
        event = audit.record(
            "candidates.written",
            actor=actor,
            subject=inputs.CANDIDATES,
            key=now.isoformat(),
            candidates=put,
            withdrawn=withdrawn,
        )
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
            made_from=read,
            rest=rest,
        )
    return Written(put, withdrawn, with_inputs)


def _touched(before: Mapping[str, Snapshot], now: Mapping[str, Snapshot]) -> set[str]:
    """The cards whose candidate may be another one than before."""
    with duck.opened() as engine:
        for into, table, columns in (
            ("said", LEAD_CARD, candidates.CARD_READS),
            ("stated", PROFILE, candidates.PROFILE_READS),
            ("ordered", PROFILE, candidates.ORDER_READS),
        ):
            differences.find(engine, into, table, before[table.name], now[table.name], columns)
        buckets.attach(engine, "identities", now[IDENTITY.name], IDENTITY)
        found = engine.sql(_TOUCHED.format(key=", ".join(IDENTITY.key))).fetchall()
    return {card_id for (card_id,) in found}


_TOUCHED = """
with several as (select card_id from identities group by card_id having count(*) > 1)
select card_id from said
union select card_id from identities semi join stated using ({key})
union select card_id from identities semi join ordered using ({key})
    semi join several using (card_id)
"""
"""An account that goes elsewhere changes both of its cards. Of a card with one account the order,
and so how many follow it, says nothing."""
