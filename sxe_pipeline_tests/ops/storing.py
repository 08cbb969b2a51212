"""A table of one test: written, orphaned, crumbled and kept."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from sxe_pipeline.ops import upkeep
from sxe_pipeline.store import delta, tables
from sxe_pipeline_tests import named

NAME = "social/things"
A, B = dt.date(2026, 1, 1), dt.date(2026, 1, 2)
SCHEMA = pa.schema(
    [pa.field("landed_day", pa.date32(), nullable=False), pa.field("word", pa.string())]
)


def reader(day, *words):
    batches = [pa.record_batch([[day] * len(words), list(words)], schema=SCHEMA)] if words else []
    return pa.RecordBatchReader.from_batches(SCHEMA, batches)


def write(conn, root, day, *words, name=NAME):
    """A version that nobody named: what a killed writer leaves."""
    with conn.transaction():
        tables.lock(conn, name)
        return tables.write(conn, root, name, reader(day, *words), days=[day])


def put(conn, root, day, *words, name=NAME):
    with conn.transaction():
        tables.lock(conn, name)
        version = tables.write(conn, root, name, reader(day, *words), days=[day])
        named.name(conn, name, version, inputs=f"{words}", numbers={"rows": len(words)})
    return version


def crumble(conn, root, day, *words):
    """Name a version whose day is one small file a word."""
    put(conn, root, day)
    table = DeltaTable(delta.address(root, NAME))
    for word in words:
        write_deltalake(table, reader(day, word), mode="append")
    with conn.transaction():
        tables.lock(conn, NAME)
        version = DeltaTable(delta.address(root, NAME)).version()
        named.name(conn, NAME, version, inputs="crumbs", due_on=B, numbers={"rows": len(words)})
    return version


def keep(conn, root, grace_s=0.0, **more):
    return upkeep.keep_table(conn, root, NAME, actor="test", grace_s=grace_s, **more)


def snapshot(conn, root):
    with conn.transaction():
        return tables.snapshot(conn, root, NAME)


def words(seen):
    return sorted(seen.to_table(["word"])["word"].to_pylist())


def events(conn, subject=NAME):
    """Those of the upkeep; a version that was written has one, too."""
    with conn.transaction():
        rows = conn.execute(
            "select kind from audit.event where subject = %s and kind like 'table.%%'", [subject]
        )
        return sorted(kind for (kind,) in rows)


def history(conn):
    with conn.transaction():
        return [
            version
            for (version,) in conn.execute(
                "select version from ops.version where table_name = %s order by version", [NAME]
            )
        ]


def parquet(root):
    return sorted(Path(delta.address(root, NAME)).glob("landed_day=*/*.parquet"))
