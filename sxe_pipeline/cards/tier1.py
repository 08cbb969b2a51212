"""The card tables: read what the social tier left, build, write, name.

Here: which tables are read and written, in which transaction. Not here: how a card comes about
(`build`), how a pool is counted (`pools`), what may leave (`ready`, `release`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline import audit, contracts_root
from sxe_pipeline.cards import build, candidates, funnel, inputs, pools, taxonomy, touched
from sxe_pipeline.cards.funnel import Count
from sxe_pipeline.cards.labeler.weights import shipped as shipped_weights
from sxe_pipeline.cards.markets import market
from sxe_pipeline.gate import candidates as gate
from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import suppression
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.tables import IDENTITY, PROFILE
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import tables

_READ = (PROFILE.name, IDENTITY.name)


@dataclass(frozen=True)
class CardsWritten:
    """What one rebuild of the cards left: the funnel, and the largest labels."""

    version: int
    card_count: int
    funnel: funnel.Funnel
    personas: Sequence[Count] = ()
    tribes: Sequence[Count] = ()
    readiness: Sequence[Count] = ()
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """Stage -> count over all platforms and markets."""
        return dict(funnel.totals(self.funnel))


@dataclass(frozen=True)
class PoolsWritten:
    """What one rebuild of the pools left."""

    version: int
    pool_count: int
    card_count: int
    audience_count: int
    largest: list[Count]
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """Counts for metadata."""
        return {
            "pools": self.pool_count,
            "cards": self.card_count,
            "audience": self.audience_count,
        }


def rebuild_cards(
    conn: psycopg.Connection,
    settings: Settings,
    *,
    actor: str,
    now: datetime,
    recheck: versions.Recheck = versions.unleased,
    is_whole: bool = False,
) -> CardsWritten:
    """Rebuild what changed of `cards/lead_cards` and `cards/others`, where anything did.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.
        is_whole: Make every card, believing nothing that is stored.

    Raises:
        NotFound: The social tier was never built.
    """
    root = settings.tier1_url
    with conn.transaction():
        tables.lock(conn, inputs.CARDS)
        day = inputs.newest_day(conn)
        made_from = inputs.inputs_of(conn, settings)[inputs.CARDS]
        found, beside = (versions.named(conn, table.name) for table in touched.TABLES)
        if (
            not is_whole
            and found
            and all(versions.is_current(each, made_from, day) for each in (found, beside))
        ):
            return CardsWritten(
                found.version, found.numbers["rows"], market.funnel(conn), is_new=False
            )
        in_force = _in_force(conn, settings, taxonomy.load(contracts_root() / "taxonomy"))
        day, rest = in_force.newest_day, inputs.rest(settings)
        read = {name: inputs.snapshot(conn, settings, name) for name in _READ}
        with duck.opened() as engine:
            stored = [None, None] if is_whole else touched.stored(conn, root)
            before = touched.basis(conn, root, rest, stored)
            touched.attach(engine, read, *stored)
            if before:
                otherwise = inputs.declared_otherwise(conn, in_force.collections)
                touched.find(engine, before, read, in_force, otherwise)
            touched.make(engine, in_force, is_whole=not before)
            cards, others = touched.put(conn, root, engine, is_whole=not before)
            touched.attach(engine, read, *touched.written(root, cards, others))
            shown = CardsWritten(
                cards.version,
                cards.row_count,
                funnel.counted(engine, "leads", "others", "identities"),
                personas=funnel.largest(engine, "leads", "persona"),
                tribes=funnel.largest(engine, "leads", "tribe"),
                readiness=funnel.largest(engine, "leads", "readiness_state"),
            )
            due_on = touched.next_stale_day(engine, day)
        market.put_funnel(conn, shown.funnel, day)
        inputs.keep_declared(conn, in_force.collections)
        event = audit.record(
            "lead_cards.written",
            actor=actor,
            subject=inputs.CARDS,
            key=f"v{cards.version}@{now.isoformat()}",
            cards=cards.row_count,
            others=others.row_count,
            version=cards.version,
            others_version=others.version,
            taxonomy_version=in_force.taxonomy.version,
        )
        for table, each in zip(touched.TABLES, (cards, others), strict=True):
            versions.name(
                conn,
                table.name,
                each.version,
                inputs=made_from,
                event=event,
                recheck=recheck,
                numbers={"rows": each.row_count},
                due_on=due_on,
                made_from=read,
                rest=rest,
            )
    return shown


def built_with(
    conn: psycopg.Connection, settings: Settings, labels: taxonomy.Taxonomy
) -> build.Built:
    """The cards that these labels make of the named profiles and identities; nothing is written.

    Raises:
        NotFound: The social tier was never built.
    """
    profiles, identities = (inputs.read(conn, settings, name) for name in _READ)
    return build.build(profiles, identities, _in_force(conn, settings, labels))


def _in_force(
    conn: psycopg.Connection, settings: Settings, labels: taxonomy.Taxonomy
) -> build.InForce:
    return build.InForce(
        taxonomy=labels,
        weights=shipped_weights(labels),
        collections=inputs.declared(conn),
        newest_day=inputs.newest_day(conn),
        policy=inputs.active_policy(settings),
        suppressed=suppression.suppressed(conn),
        code=inputs.code(),
    )


def rebuild_pools(
    conn: psycopg.Connection,
    settings: Settings,
    *,
    actor: str,
    now: datetime,
    recheck: versions.Recheck = versions.unleased,
) -> PoolsWritten:
    """Rebuild `cards/audience_pools`, table and read model, unless the cards are the same.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.

    Raises:
        NotFound: The cards were never built.
    """
    with conn.transaction():
        tables.lock(conn, inputs.POOLS)
        made_from = inputs.inputs_of(conn, settings)[inputs.POOLS]
        found = versions.named(conn, inputs.POOLS)
        if found and versions.is_current(found, made_from):
            numbers = found.numbers
            return PoolsWritten(
                found.version,
                numbers["pools"],
                numbers["cards"],
                numbers["audience"],
                [],
                is_new=False,
            )
        cards = inputs.read(conn, settings, inputs.CARDS)
        counted = pools.pools(cards, inputs.read(conn, settings, inputs.OTHER_IDENTITIES))
        version = tables.write(
            conn, settings.tier1_url, inputs.POOLS, counted.to_reader(), days=None
        )
        market.put_pools(conn, counted, pools.facets(cards))
        event = audit.record(
            "audience_pools.written",
            actor=actor,
            subject=inputs.POOLS,
            key=f"v{version}@{now.isoformat()}",
            pools=counted.num_rows,
            version=version,
        )
        size = ("card_count", "audience_count")
        largest = sorted(counted.to_pylist(), key=lambda r: [-r[name] for name in size])[:10]
        shown = (
            *("market", "audience_pool", "persona", "tribe"),
            *("card_count", "ready_count", "audience_count"),
        )
        written = PoolsWritten(
            version,
            counted.num_rows,
            sum(counted["card_count"].to_pylist()),
            sum(counted["audience_count"].to_pylist()),
            [{name: row[name] or "-" for name in shown} for row in largest],
        )
        versions.name(
            conn,
            inputs.POOLS,
            version,
            inputs=made_from,
            event=event,
            recheck=recheck,
            numbers=written.numbers(),
        )
    return written


@dataclass(frozen=True)
class CandidatesWritten:
    """What one run put before the gate. `with_inputs`: candidate counts by input name."""

    candidate_count: int
    withdrawn_count: int
    with_inputs: Mapping[str, int]
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """Counts for metadata."""
        return {"candidates": self.candidate_count, "withdrawn": self.withdrawn_count}


def rebuild_candidates(
    conn: psycopg.Connection,
    settings: Settings,
    *,
    actor: str,
    now: datetime,
    recheck: versions.Recheck = versions.unleased,
) -> CandidatesWritten:
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
            return CandidatesWritten(last.numbers["candidates"], 0, with_inputs, is_new=False)
        found = list(
            candidates.candidates(
                _allowed(conn, inputs.read(conn, settings, inputs.CARDS)),
                inputs.read(conn, settings, IDENTITY.name),
                inputs.read(conn, settings, PROFILE.name),
                labels.gazetteer,
            )
        )
        put, withdrawn = gate.replace(conn, found)
        event = audit.record(
            "candidates.written",
            actor=actor,
            subject=inputs.CANDIDATES,
            key=now.isoformat(),
            candidates=put,
            withdrawn=withdrawn,
        )
        known = dict(sorted(Counter(name for each in found for name in each.inputs).items()))
        # Rows of the gate, no table of the store: its versions only count what was put there.
        version = last.version + 1 if last else 0
        versions.name(
            conn,
            inputs.CANDIDATES,
            version,
            inputs=made_from,
            event=event,
            recheck=recheck,
            numbers={**known, "candidates": put},
        )
    return CandidatesWritten(put, withdrawn, known)


def _allowed(conn: psycopg.Connection, cards: pa.Table) -> pa.Table:
    """Without those that were suppressed since they were built."""
    gone = pa.array(sorted(suppression.suppressed(conn)), pa.string())
    return cards.filter(pc.invert(pc.is_in(cards["card_id"], gone)))
