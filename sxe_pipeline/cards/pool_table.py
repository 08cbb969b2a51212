"""The table of pools and its read model: read, count, write, name.

Here: which tables are read and written, in which transaction. Not here: how a pool is counted
(`pools`), how a market is shown (`markets`), which pools may leave (`ready_pools`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from sxe_pipeline import audit
from sxe_pipeline.cards import inputs, pools
from sxe_pipeline.cards.markets import market
from sxe_pipeline.ops import versions
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import tables


@dataclass(frozen=True)
class Written:
    """What one rebuild of the pools left."""

    version: int
    pool_count: int
    card_count: int
    audience_count: int
    largest: list[Mapping[str, int | str]]
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """Counts for metadata."""
        return {
            "pools": self.pool_count,
            "cards": self.card_count,
            "audience": self.audience_count,
        }


def rebuild(
    conn: psycopg.Connection,
    settings: Settings,
    *,
    actor: str,
    now: datetime,
    recheck: versions.Recheck = versions.unleased,
) -> Written:
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
            return Written(
                found.version,
                numbers["pools"],
                numbers["cards"],
                numbers["audience"],
                [],
                is_new=False,
            )
        cards = inputs.rows(conn, settings, inputs.CARDS)
        counted = pools.pools(cards, inputs.rows(conn, settings, inputs.OTHER_IDENTITIES))
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
        written = Written(
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
