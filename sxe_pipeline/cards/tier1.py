"""The card tables: read what the social tier left, build, write, name.

Here: which tables are read and written, in which transaction. Not here: how a card comes about
(`build`), what is made of the cards (`pool_table`, `candidate_table`), what may leave (`ready`,
`release`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline import audit, contracts_root
from sxe_pipeline.cards import build, funnel, inputs, taxonomy
from sxe_pipeline.cards.card import STALE_AFTER
from sxe_pipeline.cards.labeler.weights import shipped as shipped_weights
from sxe_pipeline.cards.markets import market
from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import suppression
from sxe_pipeline.schema.tables import IDENTITY, PROFILE
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import tables

Count = Mapping[str, int | str]


@dataclass(frozen=True)
class CardsWritten:
    """What one rebuild of the cards left: the funnel, and the largest labels."""

    version: int
    card_count: int
    funnel: funnel.Funnel
    personas: list[Count]
    tribes: list[Count]
    readiness: list[Count]
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
) -> CardsWritten:
    """Rebuild `cards/lead_cards` and `cards/others`, unless what they are made of is the same.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.

    Raises:
        NotFound: The social tier was never built.
    """
    labels = taxonomy.load(contracts_root() / "taxonomy")
    with conn.transaction():
        tables.lock(conn, inputs.CARDS)
        day = inputs.newest_day(conn)
        made_from = inputs.inputs_of(conn, settings)[inputs.CARDS]
        found, beside = (
            versions.named(conn, name) for name in (inputs.CARDS, inputs.OTHER_IDENTITIES)
        )
        if found and all(versions.is_current(each, made_from, day) for each in (found, beside)):
            return CardsWritten(
                found.version,
                found.numbers["rows"],
                market.funnel(conn),
                personas=[],
                tribes=[],
                readiness=[],
                is_new=False,
            )
        built = built_with(conn, settings, labels)
        version, others = (
            tables.write(conn, settings.tier1_url, name, rows.to_reader(), days=None)
            for name, rows in (
                (inputs.CARDS, built.cards),
                (inputs.OTHER_IDENTITIES, built.others),
            )
        )
        written = CardsWritten(
            version,
            built.cards.num_rows,
            built.funnel,
            _largest(built.cards, "persona"),
            _largest(built.cards, "tribe"),
            _largest(built.cards, "readiness_state"),
        )
        market.put_funnel(conn, built.funnel, day)
        event = audit.record(
            "lead_cards.written",
            actor=actor,
            subject=inputs.CARDS,
            key=f"v{version}@{now.isoformat()}",
            cards=built.cards.num_rows,
            others=built.others.num_rows,
            version=version,
            others_version=others,
            taxonomy_version=labels.version,
        )
        due_on = _next_stale_day(built.cards, day)
        for name, number, rows in (
            (inputs.CARDS, version, written.card_count),
            (inputs.OTHER_IDENTITIES, others, built.others.num_rows),
        ):
            versions.name(
                conn,
                name,
                number,
                inputs=made_from,
                event=event,
                recheck=recheck,
                numbers={"rows": rows},
                due_on=due_on,
            )
    return written


def built_with(
    conn: psycopg.Connection, settings: Settings, labels: taxonomy.Taxonomy
) -> build.Built:
    """The cards that these labels make of the named profiles and identities; nothing is written.

    Raises:
        NotFound: The social tier was never built.
    """
    return build.build(
        inputs.read(conn, settings, PROFILE.name),
        inputs.read(conn, settings, IDENTITY.name),
        taxonomy=labels,
        weights=shipped_weights(labels),
        collections=inputs.declared(conn),
        newest_day=inputs.newest_day(conn),
        policy=inputs.active_policy(settings),
        suppressed=suppression.suppressed(conn),
        code=inputs.code(),
    )


def _next_stale_day(cards: pa.Table, day: date) -> date | None:
    """The landed day that turns the next card stale; None where none can."""
    observed = pc.cast(cards["observed_at"], pa.date32())
    fresh = pc.greater_equal(observed, pa.scalar(day - STALE_AFTER))
    oldest = pc.min(observed.filter(fresh)).as_py()
    return None if oldest is None else oldest + STALE_AFTER + timedelta(days=1)


def _largest(cards: pa.Table, column: str) -> list[Count]:
    counted = Counter(v for v in cards[column].to_pylist() if v is not None)
    return [{column: name, "cards": n} for name, n in counted.most_common(10)]
