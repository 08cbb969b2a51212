"""How things stand, read from rows of ours: what runs, waits, is red, was done last and comes next.

Here: pure reading, by whoever may look. Not here: which days are pending (`ingest.register`), how
full a disk is (`local.usage`), and how it is printed. Nothing in here comes from a profile: days,
ids of runs, counts, moments, and reasons in words of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import psycopg

from sxe_pipeline.ops import continuity, days, work
from sxe_pipeline.store import sql

TABLES_DONE = "cards/audience_pools"
"""The last of the tables behind all days that holds rows to look at."""


@dataclass(frozen=True)
class Running:
    """A run that took its lease up and did not give it back.

    Attributes:
        run_id: As Dagster names it.
        work: What it was asked for, such as ('intake 2031-02-01',); empty where a person began it.
        begun_at: Since when.
        lease_until: When it is lost, unless it beats before.
        is_beating: False: its lease ran out, and it is about to be given up.
    """

    run_id: str
    work: tuple[str, ...]
    begun_at: datetime
    lease_until: datetime
    is_beating: bool


@dataclass(frozen=True)
class Status:
    """How things stand at one moment.

    Attributes:
        at: By the database's clock.
        engine_until: Until when an engine holds the lease; None where none works.
        running: By begin.
        waiting: What is asked for again by itself, soonest first.
        red: What nobody asks for again before a person or its inputs change it.
        last_success: Intake, tables, night -> when one was last done; None where never.
        next_night: When the schedule publishes yesterday.
        early_days: Landed days before the first one that is built, and not taken in before.
        doubts: Why the database may not publish or pay: it was restored, or failed over.
    """

    at: datetime
    engine_until: datetime | None
    running: tuple[Running, ...]
    waiting: tuple[work.Row, ...]
    red: tuple[work.Row, ...]
    last_success: Mapping[str, datetime | None]
    next_night: datetime
    early_days: tuple[date, ...]
    doubts: tuple[str, ...]

    @property
    def is_red(self) -> bool:
        """Whether a person has something to do."""
        return bool(self.red or self.doubts)


def read(conn: psycopg.Connection, *, first_day: date | None = None) -> Status:
    """How things stand now.

    Args:
        conn: The login of the api, or the social tier's, which sees the runs of its own tier only.
        first_day: Of the settings; None leaves no day out.
    """
    at = sql.now(conn)
    listed = work.rows(conn, ["waiting", "red"])
    return Status(
        at=at,
        engine_until=_engine_until(conn),
        running=_running(conn),
        waiting=tuple(
            sorted((r for r in listed if r.state == "waiting"), key=lambda r: r.retry_at or at)
        ),
        red=tuple(row for row in listed if row.state == "red"),
        last_success=_last_success(conn),
        next_night=next_night(at),
        early_days=tuple(days.older_than(conn, first_day).waiting),
        doubts=tuple(continuity.doubts(conn)),
    )


def set_aside(conn: psycopg.Connection) -> int:
    """How many collections are not taken in before a person mends their description or mapping.

    Args:
        conn: The social tier's login.
    """
    [(count,)] = conn.execute(
        "select count(*) from ingest.collection where problem is not null"
    ).fetchall()
    return int(count)


def next_night(at: datetime) -> datetime:
    """The next time that the schedule publishes a day.

    Example:
        >>> next_night(datetime(2031, 2, 1, 2, 0, tzinfo=UTC)).isoformat()
        '2031-02-02T02:00:00+00:00'
    """
    at = at.astimezone(UTC)
    today = datetime.combine(at.date(), time(work.NIGHT_HOUR), UTC)
    return today if today > at else today + timedelta(days=1)


def _engine_until(conn: psycopg.Connection) -> datetime | None:
    row = conn.execute(
        "select lease_until from ops.engine where lease_until > clock_timestamp()"
    ).fetchone()
    return row[0] if row else None


def _running(conn: psycopg.Connection) -> tuple[Running, ...]:
    rows = conn.execute(
        "select r.run_id, coalesce(array_agg(w.work || ' ' || w.subject order by w.subject) "
        "filter (where w.subject is not null), '{}'), r.begun_at, r.lease_until, "
        "r.lease_until > clock_timestamp() from ops.run r "
        "left join ops.work w on w.run_id = r.run_id and w.state = 'asked' "
        "where r.ended_at is null group by r.run_id order by r.begun_at, r.run_id"
    )
    return tuple(Running(run, tuple(asked), *times) for run, asked, *times in rows)


def _last_success(conn: psycopg.Connection) -> dict[str, datetime | None]:
    """By what was written, as a person may have begun it, and by what was asked for and done."""
    done: dict[str, datetime | None] = dict(
        conn.execute(
            "select work, max(changed_at) from ops.work where state = 'done' group by work"
        ).fetchall()
    )
    written = conn.execute(
        "select (select max(counted_at) from social.day_count), "
        "(select max(named_at) from ops.version where table_name = %s), "
        "(select max(published_at) from handoff.batch where contract <> 'lead_contact')",
        [TABLES_DONE],
    ).fetchone() or (None, None, None)
    kinds = (work.INTAKE, work.TABLES, work.NIGHT)
    return {
        kind: max((at for at in (done.get(kind), when) if at), default=None)
        for kind, when in zip(kinds, written, strict=True)
    }
