"""The lease of a run: whether it is alive is a row of ours, never what an orchestrator believes.

Here: taking up, beating, giving up; what a run that failed reports; which runs are lost. Not here:
who asks for a run (`work`), and what Dagster is told about a lost one (`sensors`).
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

import psycopg

from sxe_pipeline import logs
from sxe_pipeline.errors import Busy, SxeError, Terminal, Transient
from sxe_pipeline.store import sql

ASK = "sxe/ask"
"""The tag of a run that was asked for: its row in ops.work."""

LOCATIONS = ("social_tier", "contact_tier")
"""The code locations that launch runs, one of each tier."""

Guard = Callable[[psycopg.Connection], None]
"""Looks at a tier before a run of it works, and again when it has; may refuse."""

_LONGEST_REASON = 500
_BEATS_A_LEASE = 4


class RunLease:
    """The lease that a run holds while it works, and its connections."""

    def __init__(self, dsn: str, run_id: str, lease_s: float, guard: Guard) -> None:
        self.run_id = run_id
        self._dsn, self._lease_s, self._guard = dsn, lease_s, guard
        self._is_guarded = False
        self._stop = threading.Event()
        self._failure: tuple[str, str] | None = None

    def connect(self) -> psycopg.Connection:
        """Log in for this run: the connection carries its id, so that a reaper can end it.

        Raises:
            Refused: The first time, where the guard of the tier lets no run begin.
        """
        conn = sql.connect(self._dsn, application_name=_application(self.run_id))
        if not self._is_guarded:
            try:
                self._guard(conn)
            except BaseException:
                conn.close()
                raise
            self._is_guarded = True
        return conn

    def recheck(self, conn: psycopg.Connection) -> None:
        """Make sure, until the writing transaction ends, that nobody gave this run up.

        Raises:
            Busy: The lease ran out, and the work was or will be given to another run.
        """
        alive = conn.execute(
            "select from ops.run where run_id = %s and ended_at is null "
            "and lease_until > clock_timestamp() for share",
            [self.run_id],
        ).fetchone()
        if alive is None:
            raise Busy("this run's lease ran out before it was done; nothing of it counts")

    def report(self, error: BaseException) -> None:
        """Remember why the run fails, in words of ours, until the lease is given back."""
        self._failure = (outcome_of(error), _reason(error))

    def _beat(self) -> None:
        """Until the end is asked for; a lost connection is opened anew while the lease lasts."""
        conn: psycopg.Connection | None = None
        while not self._stop.wait(self._lease_s / _BEATS_A_LEASE):
            try:
                if conn is None:
                    conn = sql.open_unchecked(self._dsn)
                    conn.autocommit = True
                conn.execute(_BEAT, [self._lease_s, self.run_id])
            except (psycopg.Error, SxeError):
                logs.get("ops").warning("beat_failed", run_id=self.run_id)
                if conn is not None:
                    conn.close()
                conn = None
        if conn is not None:
            conn.close()

    def _end(self) -> None:
        outcome, reason = self._failure or ("ended", None)
        with sql.open_unchecked(self._dsn) as conn:
            if self._is_guarded:
                self._guard_again(conn)
            conn.execute(
                "update ops.run set ended_at = clock_timestamp(), outcome = %s, reason = %s "
                "where run_id = %s and ended_at is null",
                [outcome, reason, self.run_id],
            )

    def _guard_again(self, conn: psycopg.Connection) -> None:
        """What it did is counted now; where that fails, the next run does it."""
        try:
            self._guard(conn)
        except SxeError as error:
            logs.get("ops").warning("guard_failed", run_id=self.run_id, kind=type(error).__name__)


_BEAT = (
    "update ops.run set lease_until = clock_timestamp() + make_interval(secs => %s) "
    "where run_id = %s and ended_at is null and lease_until > clock_timestamp()"
)


@contextmanager
def held(
    dsn: str,
    run_id: str,
    tags: Mapping[str, str],
    *,
    lease_s: float,
    guard: Guard = lambda conn: None,
) -> Iterator[RunLease]:
    """Hold the lease of a run, beaten on a connection of its own: a writer's may be busy for long.

    Args:
        dsn: The login of the run's tier.
        run_id: The run.
        tags: Of the run; `ASK` ties it to the work that it was asked for.
        lease_s: Seconds without a beat after which the run is lost.
        guard: Run before the run's first work and after its last.

    Raises:
        Busy: This run was given up before it began.
    """
    with sql.connect(dsn) as conn:
        _take(conn, run_id, tags, lease_s)
    lease = RunLease(dsn, run_id, lease_s, guard)
    beating = threading.Thread(target=lease._beat, name="beat", daemon=True)
    beating.start()
    try:
        yield lease
    finally:
        lease._stop.set()
        beating.join(timeout=lease_s)
        _end_if_reachable(lease)


def _end_if_reachable(lease: RunLease) -> None:
    """A lease that cannot be given back runs out by itself."""
    try:
        lease._end()
    except (psycopg.Error, SxeError):
        logs.get("ops").warning("lease_left", run_id=lease.run_id)


def _take(conn: psycopg.Connection, run_id: str, tags: Mapping[str, str], lease_s: float) -> None:
    row = conn.execute(
        "insert into ops.run as r (run_id, lease_until) "
        "values (%s, clock_timestamp() + make_interval(secs => %s)) "
        "on conflict (run_id) do update set lease_until = excluded.lease_until, "
        "ended_at = null, outcome = null, reason = null "
        "where r.outcome is distinct from 'lost' returning 1",
        [run_id, lease_s],
    ).fetchone()
    if row is None:
        raise Busy("this run was given up before it began; another one does its work")
    if ask_id := tags.get(ASK):
        conn.execute("update ops.work set run_id = %s where ask_id = %s", [run_id, ask_id])


def outcome_of(error: BaseException) -> str:
    """How a failed run is asked for again: `refused` not before its inputs change."""
    if isinstance(error, Transient):
        return "transient"
    return "refused" if isinstance(error, Terminal) else "unexpected"


def _reason(error: BaseException) -> str:
    return logs.scrub(str(error))[:_LONGEST_REASON]


def _application(run_id: str) -> str:
    return f"sxe run {run_id}"


def give_up(conn: psycopg.Connection, open_runs: Collection[str], *, grace_s: float) -> list[str]:
    """Which of the runs that look alive are lost: nothing beats for them.

    Their transactions are ended on the server, so that no table stays locked. A run that never
    took its lease up is lost `grace_s` after it was seen here first; from then on it may not
    begin.

    Args:
        conn: The login of the runs' tier, outside of a transaction.
        open_runs: Ids of the runs that the orchestrator takes for starting, running or ending.
        grace_s: Seconds.

    Returns:
        Those that are lost, sorted. A run that ended is among them once that is over, as
        whoever should have said so is gone.
    """
    ids = sorted(set(open_runs))
    with conn.transaction():
        conn.execute(
            "insert into ops.run (run_id, lease_until) "
            "select unnest(%s::text[]), clock_timestamp() + make_interval(secs => %s) "
            "on conflict (run_id) do nothing",
            [ids, grace_s],
        )
        conn.execute(
            "update ops.run set ended_at = clock_timestamp(), outcome = 'lost' "
            "where ended_at is null and lease_until <= clock_timestamp()"
        )
        found = conn.execute(
            "select run_id from ops.run where run_id = any(%s) and ended_at is not null and "
            "(outcome = 'lost' or ended_at <= clock_timestamp() - make_interval(secs => %s)) "
            "order by run_id",
            [ids, grace_s],
        )
        lost = [run_id for (run_id,) in found]
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = any(%s) and usename = current_user "
            "and datname = current_database()",
            [[_application(run_id) for run_id in lost]],
        )
    return lost
