"""Every row of a database as bytes, for the scan that looks for plants.

Belongs here: reading out all tables, Dagster's included, by whichever logins can. What is looked
for is in `search`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import psycopg
from psycopg import sql as compose

from sxe_pipeline.demo.search import unpacked
from sxe_pipeline.errors import BadInput

_CHUNK = 4 << 20
_TABLES = """
    select n.nspname, c.relname,
           array_agg(a.attname::text order by a.attnum)
               filter (where has_schema_privilege(n.oid, 'usage')
                         and has_column_privilege(c.oid, a.attnum, 'select'))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped
    where c.relkind in ('r', 'm', 'v')
      and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    group by 1, 2 order by 1, 2
"""
_BYTEA = re.compile(rb"\\\\x((?:[0-9a-f]{2}){4,})")


def dump_database(dsn: str) -> Iterator[tuple[str, bytes]]:
    """Stream every table and view of every schema that is not Postgres' own.

    Binary columns are given twice: as Postgres prints them (hex) and decoded, decompressed where
    they hold gzip, zstd or zlib (Dagster stores snapshots so).

    Args:
        dsn: A login that may read everything, such as the superuser.

    Yields:
        'schema.table' and a piece of it; pieces end where a row ends.

    Raises:
        BadInput: A table cannot be read: unread is not the same as clean.
    """
    with psycopg.connect(dsn) as conn:
        _require_all(conn, {table for table, columns in _tables(conn).items() if columns})
        yield from _pieces(conn)


def dump_by_logins(logins: Mapping[str, str | None]) -> Iterator[tuple[str, bytes]]:
    """Stream what every login of a managed database may read, and what nobody but the owner may.

    Args:
        logins: URL -> the role that the login takes on, None for its own. None of them is a
            superuser, so each reads its part.

    Yields:
        'schema.table as role' and a piece of it.

    Raises:
        BadInput: A table is left that none of them can read.
    """
    seen: set[tuple[str, str]] = set()
    for dsn, role in logins.items():
        # Nothing prepared: a pooler in transaction mode may stand between.
        with psycopg.connect(dsn, prepare_threshold=None) as conn:
            if role:
                conn.execute(compose.SQL("set local role {}").format(compose.Identifier(role)))
            seen |= {table for table, columns in _tables(conn).items() if columns}
            reader = role or conn.info.user
            yield from ((f"{table} as {reader}", piece) for table, piece in _pieces(conn))
    with psycopg.connect(next(iter(logins)), prepare_threshold=None) as conn:
        _require_all(conn, seen)


_Table = tuple[str, str]


def _tables(conn: psycopg.Connection) -> dict[_Table, list[str]]:
    """Schema and name of every relation -> the columns that this login may read."""
    rows = conn.execute(_TABLES).fetchall()
    return {(schema, table): columns or [] for schema, table, columns in rows}


def _require_all(conn: psycopg.Connection, seen: set[_Table]) -> None:
    unread = sorted(f"{schema}.{table}" for schema, table in _tables(conn).keys() - seen)
    if unread:
        raise BadInput(
            f"{len(unread)} tables cannot be read ({', '.join(unread[:3])}), so the database "
            "cannot be called clean; give the demo one that holds nothing else"
        )


def _pieces(conn: psycopg.Connection) -> Iterator[tuple[str, bytes]]:
    for (schema, table), columns in _tables(conn).items():
        if not columns:
            continue
        for chunk in _rows(conn, schema, table, columns):
            yield f"{schema}.{table}", chunk
            values = [unpacked(bytes.fromhex(hex_[1].decode())) for hex_ in _BYTEA.finditer(chunk)]
            if values:
                yield f"{schema}.{table}", b"\n".join(values)


def _rows(
    conn: psycopg.Connection, schema: str, table: str, columns: Sequence[str]
) -> Iterator[bytes]:
    every = compose.SQL("copy (select {} from {}) to stdout").format(
        compose.SQL(", ").join(map(compose.Identifier, columns)),
        compose.Identifier(schema, table),
    )
    rows: list[bytes] = []
    size = 0
    with conn.cursor() as cursor, cursor.copy(every) as copy:
        for row in copy:
            rows.append(bytes(row))
            size += len(row)
            if size >= _CHUNK:
                yield b"".join(rows)
                rows, size = [], 0
    if rows:
        yield b"".join(rows)
