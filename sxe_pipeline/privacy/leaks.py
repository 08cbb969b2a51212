"""Whether a stored table holds contact data: the second detector over all that may hold some.

Here: which columns that is, by their class, counting, and the verdict on a version. A data file
never changes, so each is scanned once: what a version shares with the one before costs nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.ops import versions
from sxe_pipeline.redact import scan
from sxe_pipeline.schema import arrow
from sxe_pipeline.schema.columns import Column
from sxe_pipeline.schema.table import Table
from sxe_pipeline.store.tables import BUCKET, Snapshot

GUARD = "no_contact_data"
"""The name of the verdict."""


@dataclass(frozen=True)
class Leaks:
    """What the second detector sees, in values: `certain` contacts and open shapes."""

    certain: int = 0
    open: int = 0


def verdict(conn: psycopg.Connection, stored: Snapshot, table: Table) -> versions.Verdict:
    """Whether a version holds no contact data for certain: looked at once, then a row that stays.

    Args:
        conn: The social tier's login, in a transaction.
        stored: A version that was named.
        table: What its columns are.
    """

    def judge() -> versions.Verdict:
        seen = contact_data(conn, stored, table)
        return versions.Verdict(seen.certain == 0, {"certain": seen.certain, "open": seen.open})

    return versions.verdict(conn, stored.name, stored.version, GUARD, judge)


def contact_data(conn: psycopg.Connection, stored: Snapshot, table: Table) -> Leaks:
    """Scan every text and link of a version, lists and structs included.

    Args:
        conn: The social tier's login, in a transaction: it knows which files were scanned.
        stored: The version to scan.
        table: What its columns are. A stored column that it does not name counts as text.
    """
    detector = versions.code("redact/scan.py", "privacy/leaks.py", "schema")
    known = {
        name: Leaks(certain, open_)
        for name, certain, open_ in conn.execute(
            "select file_name, certain, open from ops.scan where table_name = %s and detector = %s",
            [stored.name, detector],
        )
    }
    schema = pa.schema(field for field in stored.schema if field.name != BUCKET)
    columns = [c for c in arrow.columns_of(schema, table.columns) if c.may_hold_contacts]
    found: dict[str, Leaks] = {}
    for fragment in stored.dataset().get_fragments():
        name = PurePosixPath(fragment.path).name
        found[name] = known.get(name) or _scanned(
            fragment.to_batches(schema=schema, columns=[c.name for c in columns]), columns
        )
    conn.execute("delete from ops.scan where table_name = %s", [stored.name])
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.scan (table_name, file_name, detector, certain, open) "
            "values (%s, %s, %s, %s, %s) on conflict do nothing",
            [(stored.name, name, detector, s.certain, s.open) for name, s in found.items()],
        )
    return Leaks(sum(s.certain for s in found.values()), sum(s.open for s in found.values()))


def _scanned(batches: Iterable[pa.RecordBatch], columns: list[Column]) -> Leaks:
    certain = shape = 0
    for batch in batches:
        for column in columns:
            for leaf in arrow.leaves(column, batch.column(column.name)):
                if leaf.column.may_hold_contacts:
                    verdicts = scan.scan_array(leaf.values.cast(pa.string()))
                    certain += pc.sum(pc.equal(verdicts, "certain")).as_py() or 0
                    shape += pc.sum(pc.equal(verdicts, "shape")).as_py() or 0
    return Leaks(certain, shape)
