"""What landed, and what became of it: for whoever looks after the landing store.

Here: the register beside the counts of each file, its quarantine rows, its columns. Never a value
of a row. Not here: changing anything (`mend`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from sxe_pipeline.ingest import register
from sxe_pipeline.ingest.landing import LandingTier
from sxe_pipeline.ingest.look import Look
from sxe_pipeline.ingest.mend import Known
from sxe_pipeline.schema.tables import QUARANTINE
from sxe_pipeline.store import tables


@dataclass(frozen=True)
class Line:
    """One file of the register; the counts are null until its day was built with it.

    `post_count` says how many of the observations were posts. `state`: registered (not yet built),
    observed, set_aside (its collection is), withdrawn; of a withdrawn file the counts are those
    that still stand in Tier 1.
    """

    landed_day: date
    collection: str
    file_sha256: str
    path: str
    state: str
    is_expired: bool
    input_count: int | None
    observation_count: int | None
    post_count: int | None
    quarantine_count: int | None


@dataclass(frozen=True)
class ColumnFill:
    """How a column of one file was filled: of the observations, those that hold a value.

    `unread`: rows in which it is null because its value could not be read; `refused`: rows that are
    in quarantine because of its value.
    """

    column: str
    filled: int
    share: float | None
    unread: int
    refused: int


@dataclass(frozen=True)
class FileReport:
    """What one file brought; no counts where its day was not built with it."""

    line: Line
    reasons: Mapping[str, int]
    columns: list[ColumnFill]

    def warnings(self) -> Iterator[str]:
        """What somebody should look at."""
        if not self.line.observation_count:
            return
        empty = [each.column for each in self.columns if each.share == 0 and not each.unread]
        if empty:
            yield (
                f"mapped columns that hold nothing in any row: {', '.join(empty)}; where the file "
                "does say it, the path in the mapping is wrong"
            )
        for each in self.columns:
            if each.unread:
                yield f"{each.column}: values that could not be read and are null: {each.unread}"


def lines(
    conn: psycopg.Connection, *, day: date | None = None, collection: str | None = None
) -> list[Line]:
    """The registered files, by day, collection and path.

    Args:
        conn: The social tier's login.
        day: Of this landing day only.
        collection: Of this collection only.
    """
    return [
        Line(*row)
        for row in conn.execute(
            "select f.landed_day, f.collection, f.file_sha256, f.path, "
            "case when f.withdrawn_at is not null then 'withdrawn' "
            "when n.file_sha256 is not null then 'observed' "
            "when c.problem is not null then 'set_aside' else 'registered' end, "
            "f.expired_at is not null, n.input_count, n.observation_count, n.post_count, "
            "n.quarantine_count "
            "from ingest.landing_file f left join ingest.collection c using (collection) "
            "left join social.file_count n using (collection, file_sha256) "
            "where (%(day)s::date is null or f.landed_day = %(day)s) "
            "and (%(collection)s::text is null or f.collection = %(collection)s) "
            "order by f.landed_day, f.collection, f.path, f.file_sha256",
            {"day": day, "collection": collection},
        )
    ]


def problems(conn: psycopg.Connection) -> dict[str, str]:
    """The collections that are set aside, and what is wrong with them."""
    return dict(
        conn.execute(
            "select collection, problem from ingest.collection "
            "where problem is not null order by collection"
        ).fetchall()
    )


def report(conn: psycopg.Connection, file: Known) -> FileReport:
    """What one file brought, column by column."""
    [line] = [
        each
        for each in lines(conn, day=file.landed_day, collection=file.collection)
        if each.file_sha256 == file.file_sha256
    ]
    row = conn.execute(
        "select reasons, filled, nulled, refused from social.file_count "
        "where (collection, file_sha256) = (%s, %s)",
        [file.collection, file.file_sha256],
    ).fetchone()
    reasons, filled, nulled, refused = row or ({}, {}, {}, {})
    rows = line.observation_count or 0
    columns = [
        ColumnFill(
            name,
            filled.get(name, 0),
            filled.get(name, 0) / rows if rows else None,
            nulled.get(name, 0),
            refused.get(name, 0),
        )
        for name in sorted({*filled, *nulled, *refused})
    ]
    return FileReport(line, reasons, columns)


_LOOKED_INTO = frozenset(
    ("unknown_shape", "unsupported_format", "malformed", "encoding", "too_large", "unreadable")
)


def look(conn: psycopg.Connection, landing_url: str, found: FileReport) -> Look | None:
    """What stands in the way of a file, told from the file itself.

    Args:
        conn: The social tier's login.
        landing_url: The landing store.
        found: What the file brought.

    Returns:
        None where nothing does, or where the file can no longer be read.
    """
    line = found.line
    if line.is_expired or (line.input_count is not None and _LOOKED_INTO.isdisjoint(found.reasons)):
        return None
    same = (line.collection, line.file_sha256)
    files = register.day_of(conn, line.landed_day).files
    file = next((each for each in files if (each.collection, each.file_sha256) == same), None)
    seen = LandingTier(landing_url).look(file) if file else None
    return seen if seen and (seen.proposal or seen.advice) else None


def quarantine(
    conn: psycopg.Connection,
    root: str,
    *,
    day: date | None = None,
    file: Known | None = None,
    limit: int | None = None,
) -> tuple[list[dict[str, Any]], int]:
    """Quarantine rows as they are stored, and how many there are.

    Args:
        conn: The social tier's login.
        root: URL of the Tier 1 store.
        day: Of this landing day only.
        file: Of this file only.
        limit: Rows at most; None for all.

    Returns:
        `{landed_day, collection, path, file_sha256, row, shape, reason}`, by file and row; the
        total without the limit.
    """
    import pyarrow.dataset as ds

    stored = tables.snapshot(conn, root, QUARANTINE.name)
    if stored is None:
        return [], 0
    kept = ds.field("row") >= 0
    wanted = file.landed_day if file else day
    if wanted is not None:
        kept &= ds.field("landed_day") == wanted
    if file is not None:
        kept &= ds.field("file_sha256") == file.file_sha256
        kept &= ds.field("collection") == file.collection
    found = stored.dataset().to_table(filter=kept)
    order = [(name, "ascending") for name in ("landed_day", "collection", "file_sha256", "row")]
    rows = found.sort_by(order).slice(0, limit).to_pylist()
    paths = _paths(conn, {row["file_sha256"] for row in rows})
    named = [
        {
            "landed_day": row["landed_day"],
            "collection": row["collection"],
            "path": paths.get((row["collection"], row["file_sha256"])),
            "file_sha256": row["file_sha256"],
            "row": row["row"],
            "shape": row["shape"],
            "reason": row["reason"],
        }
        for row in rows
    ]
    return named, found.num_rows


def _paths(conn: psycopg.Connection, hashes: set[str]) -> dict[tuple[str, str], str]:
    rows = conn.execute(
        "select collection, file_sha256, path from ingest.landing_file "
        "where file_sha256::text = any(%s)",
        [sorted(hashes)],
    )
    return {(collection, sha): path for collection, sha, path in rows}
