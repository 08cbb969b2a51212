"""What a market holds, from the read model that screens use."""

from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row


def markets(conn: psycopg.Connection) -> list[dict[str, Any]]:
    """One row per market, largest first: cards, ready, tagged, and their shares in 0..1."""
    return _read(
        conn,
        "select market, sum(card_count)::bigint as cards, sum(ready_count)::bigint as ready, "
        "sum(tagged_count)::bigint as tagged, count(distinct audience_pool) as pools, "
        "sum(ready_count)::float8 / sum(card_count) as ready_share, "
        "sum(tagged_count)::float8 / sum(card_count) as tagged_share "
        "from cards.audience_pool group by market order by cards desc, market",
        (),
    )


def pools(conn: psycopg.Connection, market: str) -> list[dict[str, Any]]:
    """The audience pools of one market, largest first; empty where there is no such market."""
    return _read(
        conn,
        "select audience_pool, persona, tribe, sum(card_count)::bigint as cards, "
        "sum(ready_count)::bigint as ready, sum(tagged_count)::bigint as tagged, "
        "count(distinct country) as countries from cards.audience_pool where market = %s "
        "group by audience_pool, persona, tribe order by cards desc, audience_pool, persona, tribe",
        (market,),
    )


def _read(
    conn: psycopg.Connection, query: LiteralString, values: tuple[str, ...]
) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()
