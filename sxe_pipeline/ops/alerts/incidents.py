"""What is wrong: found by rows of ours, noted once, said once.

Here: incidents that Postgres knows by itself, the list of those that are open, and which messages
are to be sent. Not here: what Dagster knows (`sensors`), how a message leaves (`webhook`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import psycopg

from sxe_pipeline.audit import seal

RUN_FAILED, WORK_RED, STALE, CHECK_FAILED = "run_failed", "work_red", "stale", "check_failed"
UNSEALED = "unsealed"
NOTICE_DEAD = "notice_dead"

RUNBOOKS = {
    RUN_FAILED: "docs/runbooks/run-failed.md",
    WORK_RED: "docs/runbooks/work-red.md",
    STALE: "docs/runbooks/stale.md",
    CHECK_FAILED: "docs/runbooks/check-failed.md",
    UNSEALED: "docs/runbooks/seals.md",
    NOTICE_DEAD: "docs/runbooks/notice-dead.md",
}
"""Kind of incident -> the page that says what to do."""

STALE_AFTER = timedelta(hours=26)
"""A day and the time that a night may take."""

STUCK_AFTER = timedelta(hours=6)
"""What was asked for and is neither done nor failed by then is stuck."""

KEPT = timedelta(days=90)
"""How long a resolved incident is kept."""

MESSAGES_A_TICK = 10

Message = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that is wrong now.

    Attributes:
        kind: A key of `RUNBOOKS`.
        subject: What it is about: a job, a day's work, a check; words of ours, never of a profile.
        since: Since when.
        run_id: The run that shows it; None where none does.
    """

    kind: str
    subject: str
    since: datetime
    run_id: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same incident at the next look."""
        return self.kind, self.subject


def red_work(conn: psycopg.Connection) -> list[Incident]:
    """What nobody asks for again by itself, and what was asked for and does not end."""
    found = conn.execute(
        "select work || ' ' || subject, case state when 'red' then changed_at else asked_at end, "
        "run_id from ops.work "
        "where state = 'red' or (state = 'asked' and asked_at < clock_timestamp() - %s) order by 1",
        [STUCK_AFTER],
    )
    return [Incident(WORK_RED, *row) for row in found]


def unsealed(conn: psycopg.Connection) -> list[Incident]:
    """Whether events of the audit log wait for their seal for too long."""
    row = conn.execute(
        "select s.since from audit.unsealed_since() s (since) "
        "where s.since < clock_timestamp() - %s",
        [seal.LATE],
    ).fetchone()
    return [Incident(UNSEALED, "audit log", row[0])] if row else []


def dead_notices(conn: psycopg.Connection) -> list[Incident]:
    """Consumers and contracts of which a notice could not be sent, of both tiers."""
    found = conn.execute("select * from handoff.dead_notices()")
    return [Incident(NOTICE_DEAD, f"{consumer} {contract}", at) for consumer, contract, at in found]


def late(
    conn: psycopg.Connection, night: str, intake: str, last_night: datetime | None, first_day: date
) -> list[Incident]:
    """Which of the two daily works did not succeed for too long.

    Where nothing ever landed nothing is late. The intake is late where a file waits; a day on which
    nothing lands is none of its failures.

    Args:
        conn: The social tier's login.
        night: The subject of a late night.
        intake: The subject of a late intake.
        last_night: When a night succeeded last; None: never.
        first_day: Earlier landed days are not taken in.
    """
    row = conn.execute(
        "select min(f.registered_at), min(f.registered_at) filter (where f.withdrawn_at is null "
        "and f.expired_at is null and f.registered_at > coalesce(c.counted_at, '-infinity')), "
        "clock_timestamp() - %s "
        "from ingest.landing_file f left join social.day_count c using (landed_day) "
        "where f.landed_day >= %s",
        [STALE_AFTER, first_day],
    ).fetchone()
    first_file, waiting, limit = row or (None, None, None)
    since = {night: last_night or first_file, intake: waiting}
    return [
        Incident(STALE, subject, at)
        for subject, at in since.items()
        if first_file is not None and at is not None and at < limit
    ]


def note(
    conn: psycopg.Connection,
    found: Iterable[Incident],
    unsure: Collection[tuple[str, str]] = (),
) -> tuple[int, int]:
    """Note what is wrong now and was not, and what was and is not any more.

    Args:
        conn: The social tier's login, outside of a transaction.
        found: Everything that is wrong now.
        unsure: Keys that cannot be told at the moment: they stay as they are.

    Returns:
        How many are open, and how many were resolved.
    """
    now = {incident.key: incident for incident in found}
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(hashtextextended('alerts', 0))")
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into ops.alert (kind, subject, since, run_id) values (%s, %s, %s, %s) "
                "on conflict (kind, subject) where resolved_at is null do nothing",
                [(i.kind, i.subject, i.since, i.run_id) for i in now.values()],
            )
        listed = conn.execute(
            "select alert_id, kind, subject from ops.alert where resolved_at is null"
        )
        over = [
            alert_id
            for alert_id, *key in listed.fetchall()
            if tuple(key) not in now and tuple(key) not in unsure
        ]
        conn.execute(
            "update ops.alert set resolved_at = clock_timestamp() where alert_id = any(%s)", [over]
        )
        conn.execute("delete from ops.alert where resolved_at < clock_timestamp() - %s", [KEPT])
    return len(now), len(over)


def say(conn: psycopg.Connection, send: Callable[[Message], bool]) -> tuple[int, bool]:
    """Send what was not said yet, oldest first, until one message is not taken.

    What was over before anybody heard of it is not said at all. A message counts as said when the
    receiver took it: one that was taken and not noted (a crash in between) is sent twice, with the
    same id.

    Args:
        conn: The social tier's login, outside of a transaction.
        send: Answers whether the message was taken.

    Returns:
        How many were taken, and whether the last one was.
    """
    for sent in range(MESSAGES_A_TICK):
        with conn.transaction():
            row = conn.execute(
                "select alert_id, kind, subject, since, run_id, resolved_at from ops.alert "
                "where (said_at is null and resolved_at is null) or (said_at is not null "
                "and resolved_at is not null and resolved_said_at is null) "
                "order by coalesce(resolved_at, seen_at) limit 1 for update skip locked"
            ).fetchone()
            if row is None:
                return sent, True
            alert_id, *incident, resolved_at = row
            if not send(message(str(alert_id), Incident(*incident), resolved_at)):
                return sent, False
            conn.execute(
                "update ops.alert set said_at = coalesce(said_at, clock_timestamp()), "
                "resolved_said_at = case when resolved_at is not null then clock_timestamp() end "
                "where alert_id = %s",
                [alert_id],
            )
    return MESSAGES_A_TICK, True


def message(alert_id: str, incident: Incident, resolved_at: datetime | None) -> Message:
    """What is sent of an incident: its kind, what it is about, since when, and where to read on."""
    is_over, page = resolved_at is not None, RUNBOOKS[incident.kind]
    said = f"{incident.kind.replace('_', ' ')}: {incident.subject}"
    return {
        "alert_id": alert_id,
        "state": "resolved" if is_over else "open",
        "kind": incident.kind,
        "subject": incident.subject,
        "since": incident.since.isoformat(),
        "resolved_at": resolved_at.isoformat() if resolved_at else None,
        "run_id": incident.run_id,
        "runbook": page,
        "text": f"resolved: {said}" if is_over else f"{said}; see {page}",
    }
