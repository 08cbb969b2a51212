"""What the register holds, in numbers: of a landing day, and of all.

Here: counting for people. Not here: the register itself (`register`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import psycopg


@dataclass(frozen=True, slots=True)
class DayFiles:
    """The files of a landing day that count; withdrawn ones do not. `by_collection`: largest first.

    `all_files` are those of every day.
    """

    files: int
    bytes: int
    by_collection: Mapping[str, int]
    all_files: int


def files_of(conn: psycopg.Connection, day: date) -> DayFiles:
    """Count the files of a day; zeros where none landed.

    Args:
        conn: The social tier's login.
        day: A landing day.
    """
    rows = conn.execute(
        "select collection, count(*), sum(byte_count) from ingest.landing_file "
        "where landed_day = %s and withdrawn_at is null group by 1 order by 2 desc, 1",
        [day],
    ).fetchall()
    row = conn.execute(
        "select count(*) from ingest.landing_file where withdrawn_at is null"
    ).fetchone()
    return DayFiles(
        files=sum(count for _, count, _ in rows),
        bytes=int(sum(size for _, _, size in rows)),
        by_collection={name: count for name, count, _ in rows},
        all_files=row[0] if row else 0,
    )
