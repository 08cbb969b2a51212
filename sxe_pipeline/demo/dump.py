"""Every row of a database as bytes, for the scan that looks for plants.

Belongs here: reading out all tables, Dagster's included. What is looked for is in `search`.
"""

import re
from collections.abc import Iterator

import psycopg
from psycopg import sql

from sxe_pipeline.demo.search import unpacked

_CHUNK = 4 << 20
_TABLES = """
    select n.nspname, c.relname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm')
      and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    order by 1, 2
"""
_BYTEA = re.compile(rb"\\\\x((?:[0-9a-f]{2}){4,})")


def dump_database(dsn: str) -> Iterator[tuple[str, bytes]]:
    """Stream every table and materialized view of every schema that is not Postgres' own.

    Binary columns are given twice: as Postgres prints them (hex) and decoded, decompressed where
    they hold gzip, zstd or zlib (Dagster stores snapshots so).

    Args:
        dsn: A login that may read everything, such as the superuser.

    Yields:
        'schema.table' and a piece of it; pieces end where a row ends.

    Raises:
        psycopg.Error: The database cannot be reached or a table cannot be read.
    """
    with psycopg.connect(dsn) as conn:
        for schema, table in conn.execute(_TABLES).fetchall():
            name = f"{schema}.{table}"
            for chunk in _rows(conn, schema, table):
                yield name, chunk
                values = [
                    unpacked(bytes.fromhex(hex_[1].decode())) for hex_ in _BYTEA.finditer(chunk)
                ]
                if values:
                    yield name, b"\n".join(values)


def _rows(conn: psycopg.Connection, schema: str, table: str) -> Iterator[bytes]:
    every = sql.SQL("copy (select * from {}) to stdout").format(sql.Identifier(schema, table))
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
