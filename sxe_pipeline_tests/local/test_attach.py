"""Which login a process gets, and what happens around the first one."""

import dataclasses
import json
import os
import secrets

import psycopg
import pytest

from sxe_pipeline import settings as environment
from sxe_pipeline import sign
from sxe_pipeline.errors import BadConfig, Busy, Refused, StoreUnavailable
from sxe_pipeline.local import attach, postgres
from sxe_pipeline.store import sql

SECRET = "s3cr3t-w0rd"


@pytest.fixture(scope="module")
def settings(processes, tmp_path_factory):
    """A home whose embedded server runs for all tests of this module."""
    home = tmp_path_factory.mktemp("home")
    given = environment.load({"SXE_HOME": str(home)})
    with attach.attached(given):
        yield given
    attach.stop(given, delete=True)


@pytest.fixture
def fresh(processes, tmp_path):
    given = environment.load({"SXE_HOME": str(tmp_path / "home")})
    yield given
    attach.stop(given, delete=True)


def logins(given):
    return {name for name in environment.DATABASES if getattr(given, name) is not None}


def runs(given):
    server = postgres.Server(given.home / "postgres")
    return (server.data / "postmaster.pid").exists()


def test_a_process_gets_the_logins_it_asks_for_and_no_other(settings):
    with attach.attached(settings, "social", "dagster") as given:
        assert logins(given.settings) == {"social_dsn", "dagster_dsn"}
        with sql.connect(given.settings.need("social_dsn")) as conn:
            assert conn.execute("select current_user").fetchone() == ("sxe_social",)
        with sql.connect(given.settings.need("dagster_dsn")) as conn:
            seen = conn.execute("select current_user, current_schema").fetchone()
        assert seen == ("sxe_dagster", "dagster")
        with pytest.raises(BadConfig, match="SXE_API_DATABASE_URL"):
            given.settings.need("api_dsn")
    with attach.attached(settings) as given:
        assert logins(given.settings) == set()


def test_no_text_of_what_was_given_shows_a_password(settings):
    with attach.attached(settings, "social", "api", "dagster", "admin") as given:
        password = psycopg.conninfo.conninfo_to_dict(given.settings.social_dsn)["password"]
        assert password not in repr(given)


def test_every_first_attach_migrates_and_the_next_does_not(settings, monkeypatch):
    with (
        attach.attached(settings, "social") as given,
        sql.connect(given.settings.need("social_dsn")) as conn,
    ):
        # One of each tier that hands batches over.
        assert conn.execute("select count(*) from handoff.signing_key").fetchone() == (2,)

    monkeypatch.setattr(attach.subprocess, "run", None)
    with attach.attached(settings, "social"):
        pass


def test_a_newer_package_migrates_again_and_keeps_the_data(settings):
    word = f"stage_{secrets.token_hex(4)}"
    with (
        attach.attached(settings, "social") as given,
        sql.connect(given.settings.need("social_dsn")) as conn,
    ):
        conn.execute("insert into cards.funnel values ('2026-01-01', 'a', 'x', %s, 1)", [word])
    with psycopg.connect(attach.superuser(settings)) as conn:
        conn.execute("update ops.stamp set files_sha256 = repeat('0', 64)")
    sql._fitting.clear()

    with (
        attach.attached(settings, "social") as given,
        sql.connect(given.settings.need("social_dsn")) as conn,
    ):
        found = conn.execute("select value from cards.funnel where stage = %s", [word]).fetchone()
        keys = conn.execute("select count(*) from handoff.signing_key").fetchone()

    assert (found, keys) == ((1,), (2,))


def test_a_database_that_was_changed_by_hand_is_left_alone_and_named(settings):
    with psycopg.connect(attach.superuser(settings)) as conn:
        conn.execute("create table gate.left_behind (x int)")
        conn.execute("alter table gate.left_behind owner to sxe_owner")
    sql._fitting.clear()
    try:
        with pytest.raises(Refused, match="changed by hand"), attach.attached(settings, "social"):
            pass
    finally:
        with psycopg.connect(attach.superuser(settings)) as conn:
            conn.execute("drop table gate.left_behind")


def test_a_malformed_signing_key_is_named_and_a_good_one_is_registered_later(fresh, monkeypatch):
    monkeypatch.setenv("SXE_SIGNING_KEY", SECRET)
    with (
        pytest.raises(BadConfig, match="32 bytes in base64") as refused,
        attach.attached(fresh, "social"),
    ):
        pass
    assert SECRET not in str(refused.value)
    monkeypatch.setenv("SXE_SIGNING_KEY", (good := sign.Signer.generate()).text())

    with attach.attached(fresh, "admin") as given, sql.connect(given.settings.admin_dsn) as conn:
        known = conn.execute("select key_id from handoff.signing_key").fetchall()

    assert (good.key_id,) in known


def test_a_child_inherits_what_keeps_the_server_up(settings):
    with attach.attached(settings) as given:
        (descriptor,) = given.descriptors
        assert (
            os.fstat(descriptor).st_ino == (settings.home / "postgres" / "use.lock").stat().st_ino
        )


def test_a_used_server_is_neither_deleted_nor_stopped(settings):
    with pytest.raises(Busy):
        attach.stop(settings, delete=True)
    with pytest.raises(Busy):
        attach.stop(settings, delete=False)

    assert runs(settings)


def test_the_superuser_sees_every_table(settings):
    with psycopg.connect(attach.superuser(settings)) as conn:
        assert conn.execute("select usesuper from pg_user where usename = user").fetchone() == (
            True,
        )


def test_given_logins_start_no_server_and_others_are_withheld(tmp_path):
    given = dataclasses.replace(
        environment.load({"SXE_HOME": str(tmp_path / "home")}),
        social_dsn=f"postgresql://u:{SECRET}@db/sxe",
        admin_dsn=f"postgresql://a:{SECRET}@db/sxe",
    )
    with attach.attached(given, "social") as attached:
        assert logins(attached.settings) == {"social_dsn"}
        assert attached.descriptors == ()
        assert not (tmp_path / "home").exists()


def test_a_failed_migration_names_its_log_and_may_be_tried_again(fresh, tmp_path, monkeypatch):
    monkeypatch.setenv("SXE_SIGNING_KEY", tmp_path.as_uri())  # a folder where a file should be
    with pytest.raises(StoreUnavailable) as caught, attach.attached(fresh, "social"):
        pass

    log = fresh.home / "migrate.log"
    state = json.loads((fresh.home / "postgres" / "state.json").read_text())
    assert str(log) in str(caught.value)
    assert not runs(fresh)
    for password in state["passwords"].values():
        assert password not in log.read_text()

    monkeypatch.delenv("SXE_SIGNING_KEY")
    with attach.attached(fresh, "social") as given:
        sql.connect(given.settings.need("social_dsn")).close()
    assert not runs(fresh)
