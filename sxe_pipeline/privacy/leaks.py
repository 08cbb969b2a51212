"""Whether a stored table holds contact data: the second detector over all that may hold some.

Here: which columns that is, by their class, counting, and the verdict on a version. A data file
never changes, so what a version shares with the one before costs nothing: `ops.scan` knows of each
file who scanned it. All files are scanned again in another week, by another detector, and where
anything was found, so that nothing rests for ever on one look.
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
from sxe_pipeline.store.snapshot import BUCKET, Snapshot

GUARD = "no_contact_data"
"""The name of the verdict."""

_BATCHES_AHEAD = 2
"""Arrow reads more of a large file ahead by default."""


@dataclass(frozen=True)
class Leaks:
    """What the second detector sees, in values: `certain` contacts and open shapes."""

    certain: int = 0
    open: int = 0


def verdict(conn: psycopg.Connection, stored: Snapshot, table: Table) -> versions.Verdict:
    """Whether a version holds no contact data for certain; looked at again each week.

    Args:
        conn: The social tier's login, in a transaction.
        stored: A version that was named.
        table: What its columns are.
    """

    def judge() -> versions.Verdict:
        seen = contact_data(conn, stored, table)
        return versions.Verdict(seen.certain == 0, {"certain": seen.certain, "open": seen.open})

    [(is_by_now,)] = conn.execute(
        "select bool_and(detector = %s) from ops.scan where table_name = %s",
        [_detector(conn), stored.name],
    ).fetchall()
    return versions.verdict(conn, stored.name, stored.version, GUARD, judge, is_due=not is_by_now)


def contact_data(conn: psycopg.Connection, stored: Snapshot, table: Table) -> Leaks:
    """Scan every text and link of a version, lists and structs included.

    Args:
        conn: The social tier's login, in a transaction: it knows which files were scanned.
        stored: The version to scan.
        table: What its columns are. A stored column that it does not name counts as text.
    """
    detector = _detector(conn)
    known = _known(conn, stored.name, detector)
    schema = pa.schema(field for field in stored.schema if field.name != BUCKET)
    columns = [c for c in arrow.columns_of(schema, table.columns) if c.may_hold_contacts]
    fragments = {PurePosixPath(f.path).name: f for f in stored.dataset().get_fragments()}
    scanned = {
        name: _scanned(
            fragment.to_batches(
                schema=schema,
                columns=[column.name for column in columns],
                batch_readahead=_BATCHES_AHEAD,
            ),
            columns,
        )
        for name, fragment in fragments.items()
        if name not in known
    }
    conn.execute(
        "delete from ops.scan where table_name = %s and file_name <> all(%s)",
        [stored.name, list(fragments.keys() & known.keys())],
    )
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.scan (table_name, file_name, detector, certain, open) "
            "values (%s, %s, %s, %s, %s) on conflict do nothing",
            [(stored.name, name, detector, s.certain, s.open) for name, s in scanned.items()],
        )
    found = [(scanned.get(name) or known[name]) for name in fragments]
    return Leaks(sum(s.certain for s in found), sum(s.open for s in found))


def _detector(conn: psycopg.Connection) -> str:
    """Who scans now: the code, in this week."""
    row = conn.execute("select to_char(now() at time zone 'UTC', 'IYYY-\"W\"IW')").fetchone()
    [week] = row or ("",)
    return f"{week} {versions.code('redact/scan.py', 'privacy/leaks.py', 'schema')}"


def _known(conn: psycopg.Connection, table: str, detector: str) -> dict[str, Leaks]:
    """What this detector found in the files of a table; nothing counts where that was contacts."""
    rows = conn.execute(
        "select file_name, certain, open from ops.scan where table_name = %s and detector = %s",
        [table, detector],
    ).fetchall()
    known = {name: Leaks(certain, open_) for name, certain, open_ in rows}
    return {} if any(seen.certain for seen in known.values()) else known


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
