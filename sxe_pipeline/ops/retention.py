"""What is too old goes, each batch with its event; and what operations themselves keep.

Here: what a deletion answers, and the history of runs and of work that is done. Not here: how long
(`periods`), and what other rooms hold: each has a `retention` of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg

from sxe_pipeline import audit
from sxe_pipeline.errors import SxeError
from sxe_pipeline.ops import versions
from sxe_pipeline.ops.periods import Periods
from sxe_pipeline.settings import Settings

ASSET, CONTACT_ASSET = "ops/expired_data", "contacts/expired_data"
RUNS = "run_history"


@dataclass(frozen=True)
class Gone:
    """What was deleted of one kind, or would be.

    Attributes:
        line: Which line of the policy.
        count: Files, days, rows: as `unit` says.
        unit: What is counted.
        first_day: The oldest of it; null where there is none.
        last_day: The newest of it.
        byte_count: Of files; null for rows.
    """

    line: str
    count: int
    unit: str
    first_day: date | None = None
    last_day: date | None = None
    byte_count: int | None = None


@dataclass(frozen=True)
class Terms:
    """Under which a deletion works.

    Attributes:
        periods: How long what is kept.
        now: The database's time, or a test's.
        actor: Who started it.
        recheck: Refuses where another run took over.
        is_dry_run: Only say what would go.
    """

    periods: Periods
    now: datetime
    actor: str
    recheck: versions.Recheck = versions.unleased
    is_dry_run: bool = False

    def before(self, line: str) -> datetime | None:
        """What is older goes; None where nothing does."""
        period = self.periods.of(line)
        return None if period is None else self.now - period


Expire = Callable[[psycopg.Connection, Settings, Terms], list[Gone]]
"""Deletes what a tier holds; `definitions` puts it together."""


def expire_runs(
    conn: psycopg.Connection, terms: Terms, *, kind: str = "run_history.expired"
) -> Gone:
    """Delete ended runs of this login, and work that is done; what is red or open stays.

    Args:
        conn: The tier's login, outside of a transaction.
        terms: Under which.
        kind: Of the event; each tier has its own.
    """
    before = terms.before(RUNS)
    if before is None:
        return Gone(RUNS, 0, "rows")
    is_social = kind == "run_history.expired"
    with conn.transaction():
        ended = (
            "from ops.run r where r.ended_at <= %(before)s and not exists "
            "(select from ops.work w where w.run_id = r.run_id and w.state <> 'done')"
            if is_social
            else "from ops.run r where r.ended_at <= %(before)s"
        )
        done = "from ops.work where state = 'done' and changed_at <= %(before)s"
        statements = [ended, done] if is_social else [ended]
        verb = "select 1" if terms.is_dry_run else "delete"
        count = sum(
            conn.execute(f"{verb} {statement}", {"before": before}).rowcount
            for statement in statements
        )
        if count and not terms.is_dry_run:
            terms.recheck(conn)
            audit.append(
                conn,
                kind,
                actor=terms.actor,
                subject=RUNS,
                key=terms.now.isoformat(),
                row_count=count,
                before=before,
            )
    return Gone(RUNS, count, "rows")


def days_before(line: str, days: Sequence[date]) -> Gone:
    """The answer for some landing days."""
    return Gone(line, len(days), "days", min(days, default=None), max(days, default=None))


def row(gone: Gone) -> dict[str, str | int]:
    """The same for a table that people read."""
    return {
        "kind": gone.line,
        "gone": gone.count,
        "unit": gone.unit,
        "from": str(gone.first_day or "-"),
        "to": str(gone.last_day or "-"),
        "bytes": "-" if gone.byte_count is None else str(gone.byte_count),
    }


def one_by_one(steps: Sequence[Callable[[], Gone]]) -> list[Gone]:
    """Take every step, also after one that failed.

    Raises:
        SxeError: The first failure, when all were tried.
    """
    gone, failed = [], []
    for step in steps:
        try:
            gone.append(step())
        except SxeError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return gone
