"""Card ids as Postgres holds them: read by key into the engine, stored with their event.

Here: `social.card` and `social.alias`. Not here: which cluster carries which id (`mint`), which
cards a change can reach (`reach`).
"""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import LiteralString

import duckdb
import psycopg
import pyarrow as pa
from psycopg.types.json import Jsonb

from sxe_pipeline import audit
from sxe_pipeline.schema.tables import IDENTITY
from sxe_pipeline.social.mint import Assignment
from sxe_pipeline.store import functions

_PIECE = 20_000
"""New cards that one call mints; rows that are read at a time."""

_Rows = Sequence[Sequence[object]]
_MINTED = ("card_id", "platform", "account_key", "generation", "parent", "minted_at")
_REST = (
    ("card_id", "platform", "account_key", "retired_at"),
    ("card_id", "survivor", "cause"),
    ("card_id", "left"),
)
"""Columns of what changed, of aliases, and of origins."""

CARDS = pa.schema(
    [
        ("card_id", pa.string()),
        ("platform", pa.string()),
        ("account_key", pa.string()),
        ("generation", pa.int32()),
        ("parent", pa.string()),
        ("minted_at", pa.timestamp("us", "UTC")),
        ("retired_at", pa.timestamp("us", "UTC")),
        ("survivor", pa.string()),
    ]
)
"""The table `cards` of the engine: platform and account_key are the anchor's; `survivor` is the id
that stands for one which is an alias."""

_SELECT: LiteralString = (
    "select c.card_id, c.anchor_platform, c.anchor_account_key, c.generation, c.parent_card_id, "
    "c.minted_at, c.retired_at, a.survivor_card_id "
    "from social.card c left join social.alias a using (card_id)"
)
_ANCHORED: LiteralString = (
    " join unnest(%s::text[], %s::text[]) as k (platform, account_key) "
    "on (c.anchor_platform, c.anchor_account_key) = (k.platform, k.account_key)"
)
_IDENTIFIED: LiteralString = " where c.card_id = any(%s)"


def read_none(engine: duckdb.DuckDBPyConnection) -> None:
    """Make `cards`, without rows."""
    engine.register("no_cards", CARDS.empty_table())
    engine.execute("create temp table cards as from no_cards")


def read_all(conn: psycopg.Connection, engine: duckdb.DuckDBPyConnection) -> None:
    """Make `cards` of every card, some at a time."""
    read_none(engine)
    with conn.cursor("every_card") as cursor:
        cursor.execute(_SELECT)
        while rows := cursor.fetchmany(_PIECE):
            _insert(engine, rows)


def read(
    conn: psycopg.Connection, engine: duckdb.DuckDBPyConnection, anchors: pa.Table, ids: pa.Table
) -> None:
    """Add to `cards` those with some anchors, those with some ids, and whatever stands for them.

    Args:
        conn: The social tier's login.
        engine: A connection that holds `cards`.
        anchors: Columns platform and account_key.
        ids: The column card_id.
    """
    _read(conn, engine, _ANCHORED, anchors)
    _read(conn, engine, _IDENTIFIED, ids)
    survivors = engine.sql(
        "select distinct survivor from cards where survivor is not null "
        "and survivor not in (select card_id from cards)"
    ).to_arrow_table()
    _read(conn, engine, _IDENTIFIED, survivors)


def known(conn: psycopg.Connection, card_ids: Sequence[str]) -> set[str]:
    """Those of some ids that a card has, or ever had."""
    rows = conn.execute("select card_id from social.card where card_id = any(%s)", [list(card_ids)])
    return {card_id for (card_id,) in rows}


def assigned_count(conn: psycopg.Connection) -> int:
    """How many times ids were minted, moved or merged: nobody did since where it is the same."""
    [(count,)] = conn.execute(
        "select count(*) from audit.event where kind = 'card_ids.assigned'"
    ).fetchall()
    return int(count)


def store(conn: psycopg.Connection, decided: Assignment, now: dt.datetime, actor: str) -> None:
    """Mint, move and merge, each piece with its event; origins are told of the cards they name."""
    changed = [
        (card.card_id, *card.anchor, card.retired_at and card.retired_at.isoformat())
        for card in decided.changed
    ]
    aliases = [(alias.card_id, alias.survivor, alias.cause) for alias in decided.aliases]
    origins = [(origin.card_id, origin.left) for origin in decided.origins]
    minted = decided.minted
    while minted or changed or aliases or origins:
        piece, minted = minted[:_PIECE], minted[_PIECE:]
        rows = [
            (c.card_id, *c.anchor, c.generation, c.parent, c.minted_at.isoformat()) for c in piece
        ]
        # The others may name what is minted, so they go with the last piece.
        rest: tuple[_Rows, _Rows, _Rows] = ([], [], []) if minted else (changed, aliases, origins)
        digest = hashlib.sha256(json.dumps([rows, *rest]).encode()).hexdigest()
        event = audit.record(
            "card_ids.assigned",
            actor=actor,
            subject=IDENTITY.name,
            key=f"{digest[:16]}@{now.isoformat()}",
            minted_count=len(rows),
            changed_count=len(rest[0]),
            alias_count=len(rest[1]),
            rows_sha256=digest,
        )
        functions.call_function(
            conn,
            "social.assign_ids",
            _named(_MINTED, rows),
            *(_named(names, given) for names, given in zip(_REST, rest, strict=True)),
            event,
        )
        if not minted:
            return


def _read(
    conn: psycopg.Connection,
    engine: duckdb.DuckDBPyConnection,
    which: LiteralString,
    keys: pa.Table,
) -> None:
    for at in range(0, keys.num_rows, _PIECE):
        columns = [column.to_pylist() for column in keys.slice(at, _PIECE).columns]
        _insert(engine, conn.execute(_SELECT + which, columns).fetchall())


def _insert(engine: duckdb.DuckDBPyConnection, rows: _Rows) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * len(CARDS)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, CARDS, strict=True)]
    engine.register("read_cards", pa.Table.from_arrays(arrays, schema=CARDS))
    engine.execute("insert into cards from read_cards anti join cards using (card_id)")


def _named(names: Sequence[str], rows: _Rows) -> Jsonb:
    return Jsonb([dict(zip(names, row, strict=True)) for row in rows])
