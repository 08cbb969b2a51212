"""Logging in: what the caller is told, and what never stands in a text."""

import traceback

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from sxe_pipeline.errors import BadConfig, StoreUnavailable
from sxe_pipeline.store import sql

SECRET = "s3cr3t-w0rd"


def told(dsn, kind):
    with pytest.raises(kind) as caught:
        sql.connect(dsn)
    text = "".join(traceback.format_exception(caught.value, limit=0))
    assert SECRET not in str(caught.value)
    assert SECRET not in text
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_a_url_of_any_service_logs_in_and_waits_only_so_long(database, scheme):
    dsn = database.dsn("sxe_social").replace("postgresql", scheme, 1)
    with sql.connect(dsn) as conn:
        seen = conn.execute(
            "select current_user, current_setting('statement_timeout'), "
            "current_setting('lock_timeout'), current_setting('timezone')"
        ).fetchone()

    assert seen == ("sxe_social", "5min", "1min", "UTC")


def test_the_session_of_a_role_needs_no_option_of_the_url(database):
    with sql.connect(database.dsn("sxe_dagster")) as conn:
        seen = conn.execute(
            "select current_setting('search_path'), current_setting('timezone'), "
            "current_setting('statement_timeout')"
        ).fetchone()

    assert seen == ("dagster", "UTC", "0")


def test_the_options_of_a_url_are_kept(database):
    with sql.connect(f"{database.dsn('sxe_social')}?options=-clock_timeout%3D7s") as conn:
        seen = conn.execute("select current_setting('lock_timeout')").fetchone()

    assert seen == ("7s",)


def test_nothing_is_prepared_on_the_server(database):
    with sql.connect(database.dsn("sxe_social")) as conn:
        for _ in range(20):
            conn.execute("select %s::int", [1])
        prepared = conn.execute("select count(*) from pg_prepared_statements").fetchone()

    assert prepared == (0,)


def test_statements_stand_in_a_transaction(database):
    with sql.connect(database.dsn("sxe_social")) as conn:
        conn.execute("insert into cards.funnel values ('2026-01-01', 'a', 'x', 'a', 1)")
        conn.rollback()
        assert conn.execute("select count(*) from cards.funnel").fetchone() == (0,)


def test_the_database_is_asked_for_its_time_and_a_transaction_stays_as_it_was(database):
    with sql.connect(database.dsn("sxe_social")) as conn:
        first = sql.now(conn)
        assert conn.info.transaction_status == TransactionStatus.IDLE
        [(begun,)] = conn.execute("select now()").fetchall()

        seen = [sql.now(conn), sql.now(conn)]

        assert conn.info.transaction_status == TransactionStatus.INTRANS
        assert first < begun < seen[0] < seen[1], "not the time at which a transaction began"


def test_a_wrong_password_is_named_as_such_and_not_repeated(server):
    place = f"postgresql://sxe_social:{SECRET}@127.0.0.1:{server['port']}/sxe"

    assert "wrong password" in told(place, StoreUnavailable)


def test_a_server_that_is_not_there_is_named_with_its_place():
    said = told(f"postgresql://sxe_social:{SECRET}@127.0.0.1:1/sxe", StoreUnavailable)

    assert "127.0.0.1:1" in said
    assert "nothing listens" in said


def test_a_database_that_is_not_there_is_named(server):
    dsn = f"postgresql://postgres:{server['passwords']['postgres']}@127.0.0.1:{server['port']}/nix"
    with pytest.raises(StoreUnavailable, match="no such database"):
        sql.connect(dsn)


@pytest.mark.parametrize(
    "dsn",
    [
        f"mysql://u:{SECRET}@h/db",
        f"postgresql://u:{SECRET}@[h/db",
        f"postgresql://u:{SECRET}@h/db?nonsense={SECRET}",
        SECRET,
        "",
    ],
)
def test_a_url_that_cannot_be_read_is_a_wrong_setting(dsn):
    assert "correct it" in told(dsn, BadConfig)


def test_a_broken_statement_leaves_the_session_usable_after_a_rollback(database):
    with sql.connect(database.dsn("sxe_api")) as conn:
        with pytest.raises(psycopg.errors.UndefinedTable):
            conn.execute("select * from cards.nothing")
        conn.rollback()
        assert conn.execute("select 1").fetchone() == (1,)
