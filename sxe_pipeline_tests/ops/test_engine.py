"""Two engines by mistake: one works, the other stands by."""

import time

import pytest

from sxe_pipeline.ops.engine import Engine
from sxe_pipeline.store import sql


@pytest.fixture
def dsn(database):
    return database.dsn("sxe_social")


def test_one_of_two_works_and_the_other_stands_by(dsn):
    first, second = Engine(dsn, 60), Engine(dsn, 60)

    assert (first.works(), second.works(), first.works()) == (True, False, True)
    first.rest()
    second.rest()


def test_the_other_takes_over_when_the_lease_ends(dsn):
    first, second = Engine(dsn, 0.6), Engine(dsn, 0.6)
    assert first.works()
    assert not second.works()

    time.sleep(0.8)

    assert second.works()
    assert not first.works()
    first.rest()
    second.rest()


def test_one_that_rests_is_followed_at_once(dsn):
    first, second = Engine(dsn, 60), Engine(dsn, 60)
    assert first.works()
    first.rest()

    assert second.works()
    second.rest()


def test_one_that_does_not_reach_the_database_stops_when_its_lease_is_over(dsn):
    engine = Engine(dsn, 1)
    assert engine.works()
    with sql.connect(dsn) as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'sxe engine' and datname = current_database()"
        )
    engine._dsn = "postgresql://nobody@127.0.0.1:9/nowhere"
    time.sleep(0.3)

    assert engine.works(), "the lease holds"
    time.sleep(0.8)
    assert not engine.works()
