"""The days before the first one that this deployment shows and builds.

Here: which of them hold landed files, for whoever has to name them. Not here: the register itself.
"""

from dataclasses import dataclass
from datetime import date

import psycopg


@dataclass(frozen=True, slots=True)
class Older:
    """Landed days before the first one, oldest first; `waiting`: those never taken in."""

    days: list[date]
    waiting: list[date]


def older_than(conn: psycopg.Connection, first_day: date | None) -> Older:
    """Landed days that are neither shown nor built.

    Args:
        conn: A login that may see the register: of the social tier, or the api's.
        first_day: Of the settings; None leaves no day out.
    """
    if first_day is None:
        return Older([], [])
    rows = conn.execute(
        "select f.landed_day, bool_or(c.landed_day is not null) "
        "from ingest.landing_file f left join social.day_count c using (landed_day) "
        "where f.landed_day < %s group by 1 order by 1",
        [first_day],
    ).fetchall()
    return Older([day for day, _ in rows], [day for day, is_observed in rows if not is_observed])


def oldest(conn: psycopg.Connection) -> date | None:
    """The oldest landed day that is registered; None where nothing landed yet."""
    row = conn.execute("select min(landed_day) from ingest.landing_file").fetchone()
    return row[0] if row else None
