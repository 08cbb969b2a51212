"""The lease of a run on a real Postgres: who beats is alive, whoever else says so is wrong."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import psycopg
import pytest

from sxe_pipeline.errors import BadInput, Busy, StoreUnavailable
from sxe_pipeline.ops import runs
from sxe_pipeline.store import sql, tables

RUN, OTHER = "run-1", "run-2"


@pytest.fixture
def dsn(database):
    return database.dsn("sxe_social")


@pytest.fixture
def conn(dsn):
    with sql.connect(dsn) as conn:
        yield conn


def outcome(conn, run_id=RUN):
    row = conn.execute("select outcome, reason from ops.run where run_id = %s", [run_id]).fetchone()
    conn.commit()
    return row


def held(dsn, run_id=RUN, *, lease_s=60.0, tags=None):
    return runs.held(dsn, run_id, tags or {}, lease_s=lease_s)


def test_a_run_that_beats_outlives_its_first_lease(dsn, conn):
    with held(dsn, lease_s=0.6) as lease:
        time.sleep(1.5)
        with lease.connect() as writer:
            lease.recheck(writer)
        assert runs.give_up(conn, [RUN], grace_s=0) == []

    assert outcome(conn) == ("ended", None)


def test_a_busy_transaction_does_not_keep_a_run_from_beating(dsn, conn):
    with held(dsn, lease_s=0.6) as lease, lease.connect() as writer:
        writer.execute("select pg_sleep(1.5)")
        lease.recheck(writer)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(StoreUnavailable("the store is away"), "transient", id="another try helps"),
        pytest.param(BadInput("no such thing"), "refused", id="another try is the same"),
        pytest.param(RuntimeError("KeyError in profiles"), "unexpected", id="a fault of ours"),
    ],
)
def test_a_run_that_fails_says_how(dsn, conn, error, said):
    with held(dsn) as lease:
        lease.report(error)

    assert outcome(conn) == (said, str(error))


def test_a_reason_holds_no_contact(dsn, conn):
    with held(dsn) as lease:
        lease.report(RuntimeError("row of ana.writes@protonmail.com"))

    assert "protonmail" not in outcome(conn)[1]


CHILD = """
    import sys, time
    from sxe_pipeline.ops import runs
    from sxe_pipeline.store import tables

    dsn, run_id, lease_s = sys.argv[1:]
    with runs.held(dsn, run_id, {}, lease_s=float(lease_s)) as lease, lease.connect() as conn:
        tables.lock(conn, "social/profiles")
        print("writing", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def writer(dsn):
    """A run in a process of its own, inside its writing transaction."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), dsn, RUN, "1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "writing\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


def given_up_within(conn, seconds):
    end = time.monotonic() + seconds
    while not (lost := runs.give_up(conn, [RUN], grace_s=60)):
        assert time.monotonic() < end, "nobody noticed"
        time.sleep(0.1)
    return lost


def test_d01_a_killed_run_is_lost_when_its_lease_ends(conn, writer):
    writer.send_signal(signal.SIGKILL)

    assert given_up_within(conn, 5) == [RUN]
    assert outcome(conn)[0] == "lost"


def test_a_run_that_hangs_loses_its_transaction_and_its_locks(dsn, conn, writer):
    os.kill(writer.pid, signal.SIGSTOP)

    given_up_within(conn, 5)

    with conn.transaction():
        conn.execute("set local lock_timeout = '5s'")
        tables.lock(conn, "social/profiles")
    os.kill(writer.pid, signal.SIGCONT)


def test_what_was_given_up_may_neither_write_nor_begin_again(dsn, conn):
    with held(dsn) as lease:
        with conn.transaction():
            conn.execute("update ops.run set lease_until = clock_timestamp()")
        runs.give_up(conn, [RUN], grace_s=60)

        with lease.connect() as writer, pytest.raises(Busy, match="lease"):
            lease.recheck(writer)

    assert outcome(conn)[0] == "lost", "its own end does not hide that"
    with pytest.raises(Busy, match="given up"), held(dsn):
        pass


def test_a_recheck_holds_until_the_writer_commits(dsn, conn):
    """Between the recheck and the commit nobody may give the run up."""
    with held(dsn) as lease, lease.connect() as writer:
        lease.recheck(writer)

        conn.execute("set lock_timeout = '300ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable), conn.transaction():
            conn.execute("update ops.run set outcome = 'lost', ended_at = clock_timestamp()")


def test_d01_a_run_that_never_began_is_lost_after_the_grace(dsn, conn):
    assert runs.give_up(conn, [OTHER], grace_s=0.4) == []
    time.sleep(0.5)

    assert runs.give_up(conn, [OTHER], grace_s=0.4) == [OTHER]
    with pytest.raises(Busy, match="given up"), held(dsn, OTHER):
        pass


def test_a_run_that_begins_within_the_grace_takes_its_lease_up(dsn, conn):
    runs.give_up(conn, [OTHER], grace_s=60)

    with held(dsn, OTHER):
        assert runs.give_up(conn, [OTHER], grace_s=60) == []


def test_a_run_whose_end_nobody_told_is_lost_after_the_grace(dsn, conn):
    """Its process died between giving the lease back and telling Dagster."""
    with held(dsn):
        pass

    assert runs.give_up(conn, [RUN], grace_s=60) == []
    assert runs.give_up(conn, [RUN], grace_s=0) == [RUN]
    assert outcome(conn) == ("ended", None)


def test_a_lost_connection_is_opened_anew_while_the_lease_lasts(dsn, conn, server):
    with held(dsn, lease_s=2) as lease:
        time.sleep(0.7)
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() "
            "and usename = current_user"
        )
        conn.commit()
        time.sleep(2.5)

        assert runs.give_up(conn, [RUN], grace_s=60) == []
        with lease.connect() as writer:
            lease.recheck(writer)


def test_a_tier_sees_the_runs_of_its_own_login_alone(database, dsn):
    with held(dsn), sql.connect(database.dsn("sxe_contacts")) as other:
        assert other.execute("select count(*) from ops.run").fetchone() == (0,)
        assert other.execute("update ops.run set lease_until = 'infinity'").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute(
                "insert into ops.run (run_id, login, lease_until) "
                "values ('run-9', 'sxe_social', clock_timestamp())"
            )
