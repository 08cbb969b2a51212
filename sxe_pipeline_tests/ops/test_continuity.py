"""A database that was restored, or a standby that took over, knows that it is behind its stores."""

import uuid
from datetime import UTC, datetime

import psycopg
import pytest

from sxe_pipeline.errors import Refused
from sxe_pipeline.ops import continuity
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests import databases, named
from sxe_pipeline_tests.places import TODAY, land, person


def name_version(conn, number):
    with conn.transaction():
        named.name(conn, "social/profiles", number, inputs="a")


@pytest.fixture
def store(tmp_path):
    return Objects((tmp_path / "tier1").as_uri())


@pytest.fixture
def stores(store):
    return {continuity.TIER1: store}


def copied(database):
    """The database as it is now, as a backup would bring it back in its place."""
    root = databases.superuser(database.state)
    root.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [database.name]
    )
    return databases.copy_of(database.state, database.name)


def forget_where_it_lives(database):
    """As a dump that is restored elsewhere, or a standby that took over, finds itself."""
    with psycopg.connect(database.dsn("postgres")) as conn:
        conn.execute("update ops.server set timeline = timeline - 1")


def test_a_store_follows_what_the_database_counts(conn, stores, store):
    continuity.keep_up(conn, stores)
    assert continuity.newest_number(store) == 0  # nothing was named, nothing is written

    for number in (1, 2):
        name_version(conn, number)
    continuity.keep_up(conn, stores)
    continuity.keep_up(conn, stores)

    assert continuity.newest_number(store) == continuity.counted(conn, "tier1") == 2
    assert [m.number for m in continuity.since(store, 0)] == [2]
    assert continuity.doubts(conn) == []


def test_k01_a_database_that_is_older_than_its_store_is_doubted(conn, database, stores):
    name_version(conn, 1)
    continuity.keep_up(conn, stores)
    backup = copied(database)
    with sql.connect(database.dsn("sxe_social")) as later:
        name_version(later, 2)
        continuity.keep_up(later, stores)

    with sql.connect(backup.dsn("sxe_social")) as restored:
        with pytest.raises(Refused, match=r"tier1 store counts 2 .* restored"):
            continuity.keep_up(restored, stores)

        assert continuity.doubts(restored) == ["tier1"]
        events = restored.execute("select subject from audit.event where kind = 'database.doubted'")
        assert events.fetchall() == [("tier1",)]
    databases.drop(backup)


def test_two_databases_that_count_into_one_store_find_each_other(database, stores):
    backup = copied(database)
    for one in (database, backup):
        with sql.connect(one.dsn("sxe_social")) as conn:
            name_version(conn, 1)
    with sql.connect(database.dsn("sxe_social")) as conn:
        continuity.keep_up(conn, stores)

    with (
        sql.connect(backup.dsn("sxe_social")) as conn,
        pytest.raises(Refused, match="another one writes there"),
    ):
        continuity.keep_up(conn, stores)
    databases.drop(backup)


def test_a_server_that_took_over_publishes_nothing(conn, database):
    assert continuity.doubts(conn) == []

    forget_where_it_lives(database)

    assert continuity.doubts(conn) == ["server"]
    with pytest.raises(psycopg.Error, match="restored or failed over") as caught:
        conn.execute(
            "select handoff.build(%s, 'lead_card', '1.0.0', 'm', %s, null, null, null, 0, '', %s, "
            "now(), 'test')",
            [uuid.uuid4().hex, TODAY, "0" * 64],
        )
    assert caught.value.sqlstate == "SXREF"


def test_d13_a_dump_that_is_restored_beside_the_original_is_doubted(database):
    with psycopg.connect(database.dsn("postgres")) as conn:
        conn.execute("update ops.server set database_oid = '1'")  # that of the original

        assert conn.execute("select ops.doubts()").fetchone() == (["server"],)


def test_only_the_tier_that_holds_a_store_doubts_it(database):
    with (
        sql.connect(database.dsn("sxe_contacts")) as conn,
        pytest.raises(psycopg.Error, match="by the login of its tier"),
    ):
        conn.execute("select ops.doubt_store('tier1', 5)")


def test_old_markers_are_cleared_and_enough_of_them_stay(store, monkeypatch):
    monkeypatch.setattr(continuity, "KEPT", 3)
    monkeypatch.setattr(continuity, "_CLEARED_EACH", 5)
    for number in range(1, 11):
        continuity.note(store, number, uuid.uuid4(), datetime.now(UTC), cards=["a"])

    assert [m.number for m in continuity.since(store, 0)] == [7, 8, 9, 10]


def test_a_run_of_a_restored_database_builds_and_mints_nothing(place):
    land(place.settings.home, TODAY, [person(1)])
    place.tick()
    assert place.run("tier1_intake", TODAY).is_success
    [(number,)] = place.rows("select number from ops.marker where store = 'tier1'")
    store = Objects(place.settings.tier1_url)
    continuity.note(store, number + 4, uuid.uuid4(), datetime.now(UTC))
    land(place.settings.home, TODAY, [person(2)], name="more.json")
    place.tick()

    done = place.run("tier1_intake", TODAY)

    assert not done.is_success
    assert "restored" in (done.failure or "")
    assert place.rows("select count(*) from social.card") == [(1,)]
