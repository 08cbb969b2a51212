"""What a market holds: the read model that screens and pages use.

Here: the funnel of each market as of each landed day, its pools and facets, and one market with all
of that read at once. Not here: how they come about (`build`, `pools`), what is summed for whom
(`portrait`), how a page shows it (`market_page`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, LiteralString

import psycopg
import pyarrow as pa
from psycopg.rows import dict_row

from sxe_pipeline.cards.funnel import Funnel, shares
from sxe_pipeline.cards.rules import in_words
from sxe_pipeline.cards.taxonomy import FALLBACK_MARKET, Taxonomy
from sxe_pipeline.errors import NotFound, Refused
from sxe_pipeline.gate import reads as gate

KEPT = timedelta(days=400)
"""How long the funnel of a landed day is kept: a year, and the days before it to compare with."""

NAMED_COLLECTIONS = 4
WEEK = timedelta(days=7)

Count = tuple[str | None, int]
"""A value, null where a profile does not say, and the lead cards that have it."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """The funnel of one market as of one landed day: stage -> count."""

    landed_day: date
    stages: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Market:
    """Everything that is shown of one market; counts alone, and no person.

    Attributes:
        market: Its slug.
        rule: In one sentence, who belongs to it.
        now: As of the newest landed day.
        before: As of the newest landed day at least a week older; None where there is none.
        pools: Rows of `cards.audience_pool` as dicts, the largest first, without sample cards.
        languages: Lead cards by language, the most first.
        follower_bands: The same by follower band.
        cost: What enrichment could cost; None where this login may not read it.
    """

    market: str
    rule: str
    now: AsOf
    before: AsOf | None
    pools: Sequence[Mapping[str, Any]]
    languages: Sequence[Count]
    follower_bands: Sequence[Count]
    cost: gate.MarketCost | None


def put_funnel(conn: psycopg.Connection, found: Funnel, day: date) -> None:
    """Keep the funnel as of the newest landed day; later days were taken back, old ones go."""
    conn.execute(
        "delete from cards.funnel where landed_day >= %s or landed_day < %s", [day, day - KEPT]
    )
    columns = "landed_day, stage, platform, market, value"
    with conn.cursor().copy(f"copy cards.funnel ({columns}) from stdin") as copy:
        for key, value in found.items():
            copy.write_row((day, *key, value))


def put_pools(
    conn: psycopg.Connection,
    counted: pa.Table,
    facets: Iterable[tuple[str, str, str | None, int]],
) -> None:
    """Keep these pools (table POOL) and facets in place of those that are there."""
    conn.execute("delete from cards.audience_pool")
    conn.execute("delete from cards.facet")
    names = counted.column_names
    with conn.cursor() as cursor:
        with cursor.copy(f"copy cards.audience_pool ({', '.join(names)}) from stdin") as copy:
            for row in counted.to_pylist():
                copy.write_row([row[name] for name in names])
        with cursor.copy("copy cards.facet (market, facet, value, card_count) from stdin") as copy:
            for each in facets:
                copy.write_row(each)


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


def read(conn: psycopg.Connection, market: str, taxonomy: Taxonomy) -> Market:
    """One market as it is shown.

    Args:
        conn: The api's login, or the social tier's.
        market: Its slug.
        taxonomy: Whose rules say who belongs to it.

    Raises:
        NotFound: There is no such market.
    """
    # A slug is ASCII; what a shell hands over may not even be text to the database.
    now = _as_of(conn, market, date.max) if market.isascii() else None
    if now is None:
        raise NotFound("there is no such market; `sxe market` lists them")
    return Market(
        market,
        _rule(conn, market, taxonomy),
        now,
        _as_of(conn, market, now.landed_day - WEEK),
        _read(
            conn,
            "select audience_pool, persona, tribe, country, card_count as cards, "
            "ready_count as ready, tagged_count as tagged, identifiable_count as identifiable, "
            "audience_count as audience, top_evidence from cards.audience_pool where market = %s "
            "order by cards desc, audience desc, audience_pool, persona, tribe, country",
            (market,),
        ),
        _facet(conn, market, "language"),
        _facet(conn, market, "follower_band"),
        _cost(conn, market),
    )


def _as_of(conn: psycopg.Connection, market: str, latest: date) -> AsOf | None:
    """As of the newest landed day up to that one."""
    row = conn.execute(
        "select landed_day, jsonb_object_agg(stage, value) from ("
        "select landed_day, stage, sum(value)::bigint as value from cards.funnel "
        "where market = %s and landed_day = (select max(landed_day) from cards.funnel "
        "where landed_day <= %s) group by landed_day, stage) summed group by landed_day",
        [market, latest],
    ).fetchone()
    return AsOf(*row) if row else None


def _rule(conn: psycopg.Connection, market: str, taxonomy: Taxonomy) -> str:
    if market == FALLBACK_MARKET:
        return "Everybody whom no rule gives to a market."
    rows = conn.execute(
        "select collection from ingest.collection where market = %s order by 1", [market]
    )
    declared = [name for (name,) in rows]
    if len(declared) > NAMED_COLLECTIONS + 1:
        others = f"{len(declared) - NAMED_COLLECTIONS} others"
        declared = [*declared[:NAMED_COLLECTIONS], others]
    return in_words(market, taxonomy.markets, declared, taxonomy.names)


def _facet(conn: psycopg.Connection, market: str, facet: str) -> list[Count]:
    return conn.execute(
        "select value, card_count from cards.facet where market = %s and facet = %s "
        "order by card_count desc, value",
        [market, facet],
    ).fetchall()


def _cost(conn: psycopg.Connection, market: str) -> gate.MarketCost | None:
    try:
        with conn.transaction():
            return gate.market_cost(conn, market)
    except Refused:
        return None


def _read(
    conn: psycopg.Connection, query: LiteralString, values: tuple[str, ...]
) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()
