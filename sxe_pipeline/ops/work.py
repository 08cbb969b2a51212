"""What is due, and when a run is asked for again: the one retry engine.

A row says how often something was asked for and how that ended. Lost, transient and unexpected
failures are asked for again after a pause that doubles, until there were too many; a refusal at
once turns red, and so it stays until the inputs change. Nothing that may spend is asked for here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

from sxe_pipeline.settings import Pace

MOST_FAILURES = 5
"""In a row; then it is red until a person or its inputs change it."""

INTAKE, TABLES, NIGHT = "intake", "tables", "night"
"""A landed day, the tables behind all days, the publishing of a day."""

NIGHT_HOUR = 2
"""When a night begins, UTC."""

TICK_S = 30
"""Between two looks of an engine at what is due."""


@dataclass(frozen=True)
class Ask:
    """One run to ask for.

    Attributes:
        subjects: What it is to do, in order.
        attempt: The highest of theirs.
        ask_id: What ties the run to its rows (`runs.ASK`).
    """

    subjects: tuple[str, ...]
    attempt: int
    ask_id: UUID

    @property
    def run_key(self) -> str:
        """Never the same for two attempts: Dagster drops a key that it has seen, silently."""
        return f"{self.subjects[0]}:a{self.attempt}:{self.ask_id}"


@dataclass(frozen=True)
class Row:
    """Something that was asked for.

    Attributes:
        work: `INTAKE`, `TABLES` or `NIGHT`.
        subject: Such as a landing day.
        state: asked, waiting (for the next attempt), red (nobody asks again by itself), done.
        attempt: How often it was asked for.
        failures: How often in a row that failed, since the inputs changed.
        run_id: The newest run.
        retry_at: When it is asked for again.
        outcome: How the newest run ended, as in ops.run.
        reason: Why, in words of ours.
        changed_at: Since when it is so.
    """

    work: str
    subject: str
    state: str
    attempt: int
    failures: int
    run_id: str | None
    retry_at: datetime | None
    outcome: str | None
    reason: str | None
    changed_at: datetime


def ask(
    conn: psycopg.Connection,
    work: str,
    due: Mapping[str, str],
    pace: Pace,
    *,
    later: Collection[str] = (),
    queued: Collection[UUID] = (),
    together: Callable[[str, str], bool] = lambda left, right: False,
) -> list[Ask]:
    """Settle what was asked for before, and take what is to be asked for now.

    What is not due any more is done. One caller at a time; the rows commit before the runs are
    asked for, so a caller that dies leaves rows which are asked for again.

    Args:
        conn: The social tier's login, outside of a transaction.
        work: Of which kind.
        due: Subject -> digest of its inputs, for everything of this kind that is due.
        pace: After how long what never began is lost, and how long to wait before the next attempt.
        later: What is due and not to be asked for yet.
        queued: Asks whose run still waits for its turn.
        together: Whether a run may do the second right after the first; never something that
            failed before, so that one bad subject does not hold up its neighbours.
    """
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"work {work}"])
        rows = {row["subject"]: row for row in _rows(conn, work, pace)}
        # What no run is known of was done by one that somebody started by hand.
        begun = {s for s, r in rows.items() if r["run_id"] or r["ask_id"] in queued}
        is_open = {s for s, row in rows.items() if _is_open(row, queued)}
        _finish(conn, work, [s for s in rows if s not in due and s not in begun & is_open])
        asked: list[tuple[str, int, int]] = []
        for subject in sorted(due):
            row = rows.get(subject)
            if subject in later or subject in is_open:
                continue
            if row is not None and row["state"] == "asked":
                row = _settle(conn, row, pace, is_same=row["inputs"] == due[subject])
            if row is None:
                asked.append((subject, 1, 0))
            elif row["inputs"] != due[subject] or row["state"] == "done":
                asked.append((subject, row["attempt"] + 1, 0))
            elif row["state"] == "waiting" and row["is_time"]:
                asked.append((subject, row["attempt"] + 1, row["failures"]))
        return [_write(conn, work, group, due) for group in _grouped(asked, together)]


def finish(conn: psycopg.Connection, work: str, subject: str) -> None:
    """Something is done, in the transaction that does it."""
    _finish(conn, work, [subject])


def rows(
    conn: psycopg.Connection, states: Sequence[str] = ("asked", "waiting", "red")
) -> list[Row]:
    """What is under way, waits or is red, by kind and subject."""
    found = conn.execute(
        "select work, subject, state, attempt, failures, run_id, retry_at, outcome, reason, "
        "changed_at from ops.work where state = any(%s) order by work, subject",
        [list(states)],
    )
    return [Row(*row) for row in found]


def _rows(conn: psycopg.Connection, work: str, pace: Pace) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select w.subject, w.inputs, w.state, w.attempt, w.failures, w.ask_id, "
            "coalesce(w.retry_at <= clock_timestamp(), false) as is_time, "
            "w.asked_at <= clock_timestamp() - make_interval(secs => %s) as is_overdue, "
            "(select count(*) from ops.work o where o.ask_id = w.ask_id) as in_ask, "
            "r.run_id, r.outcome, r.reason "
            "from ops.work w left join ops.run r using (run_id) where w.work = %s for update of w",
            [pace.start_grace, work],
        ).fetchall()


def _is_open(row: dict[str, Any], queued: Collection[UUID]) -> bool:
    """Whether somebody works on what was asked for, or still may."""
    if row["state"] != "asked" or row["outcome"] is not None:
        return False
    return row["run_id"] is not None or not row["is_overdue"] or row["ask_id"] in queued


def _settle(
    conn: psycopg.Connection, row: dict[str, Any], pace: Pace, *, is_same: bool
) -> dict[str, Any]:
    """What became of an ask that is not open any more."""
    outcome, reason = row["outcome"] or "lost", row["reason"]
    if outcome == "ended" and not is_same:
        return row | {"state": "done"}  # it did what was due then
    if outcome == "ended":
        outcome, reason = "unexpected", "the run ended, and its work is still due"
    failures = row["failures"] + 1
    is_refused = outcome == "refused" and row["in_ask"] == 1
    state = "red" if is_refused or failures >= MOST_FAILURES else "waiting"
    conn.execute(
        "update ops.work set state = %(state)s, failures = %(failures)s, outcome = %(outcome)s, "
        "reason = %(reason)s, changed_at = clock_timestamp(), "
        "retry_at = case when %(state)s = 'waiting' then clock_timestamp() + "
        "make_interval(secs => %(pause)s) end "
        "where ask_id = %(ask_id)s and subject = %(subject)s",
        {
            "state": state,
            "failures": failures,
            "pause": 0 if outcome == "refused" else pace.retry_pause * 2 ** (failures - 1),
            "outcome": outcome,
            "reason": reason,
            "ask_id": row["ask_id"],
            "subject": row["subject"],
        },
    )
    return row | {"state": state, "failures": failures, "is_time": False}


def _finish(conn: psycopg.Connection, work: str, subjects: list[str]) -> None:
    conn.execute(
        "update ops.work set state = 'done', failures = 0, retry_at = null, outcome = null, "
        "reason = null, changed_at = clock_timestamp() "
        "where work = %s and subject = any(%s) and state <> 'done'",
        [work, subjects],
    )


def _grouped(
    asked: Sequence[tuple[str, int, int]], together: Callable[[str, str], bool]
) -> list[list[tuple[str, int, int]]]:
    groups: list[list[tuple[str, int, int]]] = []
    for one in asked:
        last = groups[-1][-1] if groups else None
        if last and not last[2] and not one[2] and together(last[0], one[0]):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _write(
    conn: psycopg.Connection,
    work: str,
    group: Sequence[tuple[str, int, int]],
    due: Mapping[str, str],
) -> Ask:
    ask_id = uuid4()
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.work (work, subject, inputs, state, attempt, failures, ask_id) "
            "values (%s, %s, %s, 'asked', %s, %s, %s) on conflict (work, subject) do update set "
            "inputs = excluded.inputs, state = 'asked', attempt = excluded.attempt, "
            "failures = excluded.failures, ask_id = excluded.ask_id, "
            "asked_at = clock_timestamp(), run_id = null, retry_at = null, "
            "changed_at = clock_timestamp()",
            [(work, s, due[s], attempt, failures, ask_id) for s, attempt, failures in group],
        )
    return Ask(tuple(s for s, _, _ in group), max(a for _, a, _ in group), ask_id)
