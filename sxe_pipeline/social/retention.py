"""Landed days that are too old leave the observations and the quarantine; their counts stay.

Here: which days, and emptying their partitions as one named version with its event. Not here: how
long (`ops.periods`), the files of the versions before (`ops.upkeep` deletes them after the grace),
landing files (`ingest.retention`).
"""

from datetime import date, datetime
from typing import LiteralString

import psycopg
import pyarrow as pa

from sxe_pipeline import audit
from sxe_pipeline.ops import versions
from sxe_pipeline.ops.retention import Gone, Terms, days_before
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import OBSERVATION, QUARANTINE
from sxe_pipeline.store import tables

_MOST_DAYS = 366
"""In one version and one event."""

_EXPIRED: dict[str, LiteralString] = {
    "observations": "observations_expired_at",
    "quarantine": "quarantine_expired_at",
}
_TABLES = {"observations": OBSERVATION, "quarantine": QUARANTINE}


def expire_days(conn: psycopg.Connection, root: str, line: str, terms: Terms) -> Gone:
    """Empty the days whose newest file came before the period began.

    Args:
        conn: The social tier's login, outside of a transaction.
        root: URL of the Tier 1 store.
        line: 'observations' or 'quarantine'.
        terms: Under which.

    Returns:
        The days, by their landing day.

    Raises:
        StoreUnavailable: The store failed; what was emptied before stays so.
    """
    before = terms.before(line)
    gone: list[date] = []
    while before is not None:
        days = _expire(conn, root, line, before, terms)
        gone += days
        if terms.is_dry_run or len(days) < _MOST_DAYS:
            break
    return days_before(line, gone)


def _expire(
    conn: psycopg.Connection, root: str, line: str, before: datetime, terms: Terms
) -> list[date]:
    table = _TABLES[line]
    with conn.transaction():
        tables.lock(conn, table.name)
        days = _old_days(conn, line, before, None if terms.is_dry_run else _MOST_DAYS)
        if not days or terms.is_dry_run:
            return days
        rows = _emptied(conn, line, days, terms.now)
        version = tables.write(conn, root, table.name, _nothing(table), days=days)
        event = audit.record(
            f"{line}.expired",
            actor=terms.actor,
            subject=table.name,
            key=f"v{version}@{terms.now.isoformat()}",
            day_count=len(days),
            row_count=rows,
            first_day=days[0],
            last_day=days[-1],
            version=version,
        )
        versions.name(
            conn,
            table.name,
            version,
            inputs=f"expired:{version}",
            event=event,
            recheck=terms.recheck,
        )
    return days


def _old_days(
    conn: psycopg.Connection, line: str, before: datetime, limit: int | None
) -> list[date]:
    """A day that a file came to lately is young, however old its name is."""
    rows = conn.execute(
        "select c.landed_day from social.day_count c left join "
        "(select landed_day, max(registered_at) as newest from ingest.landing_file group by 1) f "
        f"using (landed_day) where c.{_EXPIRED[line]} is null and c.inputs <> 'lost' "
        "and greatest(f.newest, c.landed_day::timestamp at time zone 'UTC' + interval '1 day') "
        "<= %s order by c.landed_day limit %s",
        [before, limit],
    )
    return [day for (day,) in rows]


def _emptied(conn: psycopg.Connection, line: str, days: list[date], now: datetime) -> int:
    column = "observation_count" if line == "observations" else "quarantine_count"
    rows = conn.execute(
        f"update social.day_count set {_EXPIRED[line]} = %s where landed_day = any(%s) "
        f"returning {column}",
        [now, days],
    ).fetchall()
    return sum(count for (count,) in rows)


def _nothing(table: Table) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(table.schema, [])
