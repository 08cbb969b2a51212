"""The card tables: read what the social tier left, build, write, name.

Here: which tables are read and written, in which transaction. Not here: how a card comes about
(`build`), what is made of the cards (`pool_table`, `candidate_table`), what may leave (`ready`,
`release`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from sxe_pipeline import audit, contracts_root
from sxe_pipeline.cards import build, funnel, inputs, taxonomy, touched
from sxe_pipeline.cards.funnel import Count
from sxe_pipeline.cards.in_force import InForce
from sxe_pipeline.cards.labeler.weights import shipped as shipped_weights
from sxe_pipeline.cards.markets import market
from sxe_pipeline.engine import HERE, Engine
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


def rebuild_cards(
    conn: psycopg.Connection,
    settings: Settings,
    *,
    actor: str,
    now: datetime,
    recheck: versions.Recheck = versions.unleased,
    is_whole: bool = False,
    engine: Engine = HERE,
) -> CardsWritten:
    """Rebuild what changed of `cards/lead_cards` and `cards/others`, where anything did.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.
        is_whole: Make every card, believing nothing that is stored.
        engine: Where cards are made.

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
        with duck.opened() as db:
            stored = [None, None] if is_whole else touched.stored(conn, root)
            before = touched.basis(conn, root, rest, stored)
            touched.attach(db, read, *stored)
            if before:
                otherwise = inputs.declared_otherwise(conn, in_force.collections)
                touched.find(db, before, read, in_force, otherwise)
            touched.make(db, in_force, engine, is_whole=not before)
            cards, others = touched.put(conn, root, db, is_whole=not before)
            touched.attach(db, read, *touched.written(root, cards, others))
            shown = CardsWritten(
                cards.version,
                cards.row_count,
                funnel.counted(db, "leads", "others", "identities"),
                personas=funnel.largest(db, "leads", "persona"),
                tribes=funnel.largest(db, "leads", "tribe"),
                readiness=funnel.largest(db, "leads", "readiness_state"),
            )
            due_on = touched.next_stale_day(db, day)
        market.put_funnel(conn, shown.funnel, day)
        inputs.keep_declared(conn, in_force.collections)
        event = audit.record(
            "lead_cards.written",
            actor=actor,
            subject=inputs.CARDS,
            # The same rows may be those of newer profiles.
            key=f"v{cards.version}.{others.version}.{made_from[:12]}@{now.isoformat()}",
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


def _in_force(conn: psycopg.Connection, settings: Settings, labels: taxonomy.Taxonomy) -> InForce:
    return InForce(
        taxonomy=labels,
        weights=shipped_weights(labels),
        collections=inputs.declared(conn),
        newest_day=inputs.newest_day(conn),
        policy=inputs.active_policy(settings),
        suppressed=suppression.suppressed(conn),
        code=inputs.code(),
    )
