"""What a market holds: the read model that screens use.

Here: the funnel of each market, as of each landed day, and its pools. Not here: how they come about
(`build`, `pools`), how a page shows them (`market_page`).
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from sxe_pipeline.cards.funnel import Funnel, shares

KEPT = timedelta(days=400)
"""How long the funnel of a landed day is kept: a year, and the days before it to compare with."""


def put_funnel(conn: psycopg.Connection, found: Funnel, day: date) -> None:
    """Keep the funnel as of the newest landed day; later days were taken back, old ones go."""
    conn.execute(
        "delete from cards.funnel where landed_day >= %s or landed_day < %s", [day, day - KEPT]
    )
    columns = "landed_day, stage, platform, market, value"
    with conn.cursor().copy(f"copy cards.funnel ({columns}) from stdin") as copy:
        for key, value in found.items():
            copy.write_row((day, *key, value))


def funnel(conn: psycopg.Connection) -> Funnel:
    """The funnel as of the newest landed day; empty where no card was built."""
    rows = conn.execute(
        "select stage, platform, market, value from cards.funnel "
        "where landed_day = (select max(landed_day) from cards.funnel) "
        "order by stage, platform, market"
    )
    return {(stage, platform, market): value for stage, platform, market, value in rows}


def markets(conn: psycopg.Connection) -> list[dict[str, Any]]:
    """One row per market, most lead cards first: counts, and the shares of them in 0..1."""
    rows = _read(
        conn,
        "with stages as (select market, jsonb_object_agg(stage, value) as counts from ("
        "select market, stage, sum(value)::bigint as value from cards.funnel "
        "where landed_day = (select max(landed_day) from cards.funnel) group by market, stage"
        ") as summed group by market) "
        "select market, counts, (select count(distinct audience_pool) from cards.audience_pool p "
        "where p.market = stages.market) as pools from stages",
        (),
    )
    shown = [_row(row["market"], row["counts"], row["pools"]) for row in rows]
    return sorted(shown, key=lambda row: (-row["cards"], row["market"]))


def _row(market: str, counts: Mapping[str, int], pools: int) -> dict[str, Any]:
    return {
        "market": market,
        "cards": counts.get("lead_cards", 0),
        "ready": counts.get("ready", 0),
        "tagged": counts.get("tagged", 0),
        "audience": counts.get("audience", 0),
        "pools": pools,
        **shares(counts),
    }


def pools(conn: psycopg.Connection, market: str) -> list[dict[str, Any]]:
    """The audience pools of one market, largest first; empty where there is no such market."""
    return _read(
        conn,
        "select audience_pool, persona, tribe, sum(card_count)::bigint as cards, "
        "sum(ready_count)::bigint as ready, sum(tagged_count)::bigint as tagged, "
        "sum(audience_count)::bigint as audience, "
        "count(distinct country) as countries from cards.audience_pool where market = %s "
        "group by audience_pool, persona, tribe "
        "order by cards desc, audience desc, audience_pool, persona, tribe",
        (market,),
    )


def _read(
    conn: psycopg.Connection, query: LiteralString, values: tuple[str, ...]
) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()
