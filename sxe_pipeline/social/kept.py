"""The rows that stay although their file cannot be read again: it expired, or is being mended.

Here: a day's stored observations and quarantine rows of some files, in the schema of today. Not
here: which files those are (the register says so).
"""

import datetime as dt
from collections.abc import Collection, Iterator

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sxe_pipeline.schema.table import Table
from sxe_pipeline.store import tables

_Name = tuple[str, str]


def rows(
    conn: psycopg.Connection,
    root: str,
    table: Table,
    day: dt.date,
    files: Collection[_Name],
) -> Iterator[pa.RecordBatch]:
    """The stored rows of some files of a day.

    Args:
        conn: The writing transaction.
        root: URL of the Tier 1 store.
        table: `OBSERVATION` or `QUARANTINE`.
        day: The landing day.
        files: Their collections and hashes.

    Yields:
        Batches in the table's schema; a column that is new since then is null.

    Raises:
        NotFound: Stored files of that day are not what was written.
    """
    stored = tables.snapshot(conn, root, table.name) if files else None
    if stored is None:
        return
    stored.check(p for p in stored.parts if str(p.partition["landed_day"]) == str(day))
    hashes = pa.array(sorted({file_sha256 for _, file_sha256 in files}))
    wanted = pa.array(sorted(_joined(*name) for name in files))
    of_day = (ds.field("landed_day") == pa.scalar(day, pa.date32())) & ds.field("file_sha256").isin(
        hashes
    )
    for batch in stored.dataset().to_batches(filter=of_day):
        names = pc.binary_join_element_wise(
            *(batch.column(n).cast(pa.string()) for n in ("collection", "file_sha256")), "\n"
        )
        kept = batch.filter(pc.is_in(names, wanted))
        if kept.num_rows:
            yield _conformed(kept, table.schema)


def _joined(collection: str, file_sha256: str) -> str:
    return f"{collection}\n{file_sha256}"


def _conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
