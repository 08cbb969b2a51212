"""Migrating: homes of earlier catalogues, databases that cannot be migrated, kills, two at once."""

import gzip
import itertools
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql as compose

from sxe_pipeline.errors import BadConfig, Busy, Refused, StoreUnavailable
from sxe_pipeline.local import postgres
from sxe_pipeline.store import catalogue, migrate, sql

HOMES = Path(__file__).with_name("homes")
FROZEN = {
    1000: "b6afbce4c2f2dd32e87b496c48bb2ec3a84258ee5232290761cacbab8aba69d4",
    1001: "8ca202c654ebb6ed009ff599fadf2fe14954b8f6dd35352ea2803d2658bbd49b",
    1002: "0956ce8705430bc7d1630348cd125d1136874918629dab333007d5ddc55f4a9b",
    1003: "22286834757b92549f6a7392eb571d2c9a4dd8eb32ae6089e420a98cdaf31c51",
    1004: "9be3c56f3d6cf486739d8c3311ed8a3b28d2392e08ca04c796e4f48a8f478a14",
    1005: "685de444682f6783ded482815a230a6f1c4a778cd88cd98ac6cc9d4c2580ca9f",
    1006: "6f22ba461692a34ebcdc2a213b3bc3cc5efd0299e05ecb7b9d442774f7ae8a04",
    1007: "aa5c4fee0293d3633af0c0423d4f47b3eb8a379deae34091112c2a1754f2ca97",
}
"""A revision never changes once it has landed: add another one instead of editing it."""


def dump(dsn):
    with psycopg.connect(dsn) as conn:
        return catalogue.dump(conn)


def as_owner(database, statements):
    with psycopg.connect(database.dsn("sxe_admin")) as conn:
        conn.execute("set role sxe_owner")
        conn.execute(statements)


@pytest.fixture
def database(database):
    """One whose catalogue is compared at the next login: here catalogues are changed."""
    sql._fitting.clear()
    return database


@pytest.fixture
def empty(database):
    """The database of this test with nothing in it, as a service hands it out."""
    root = postgres.dsn(database.state, "postgres", "postgres")
    name = compose.Identifier(database.name)
    with psycopg.connect(root, autocommit=True) as conn:
        conn.execute(compose.SQL("drop database {} with (force)").format(name))
        conn.execute(compose.SQL("create database {} owner sxe_admin").format(name))
    return database


def test_the_revisions_are_the_ones_that_landed():
    assert {r.number: r.sha256 for r in catalogue.revisions()} == FROZEN


def test_the_catalogue_in_the_tree_is_that_of_a_fresh_database(database):
    made_from, lines = catalogue.golden()

    assert made_from == catalogue.files_sha256(), "SQL was edited: run `make golden`"
    assert dump(database.dsn("sxe_social")) == lines


def test_every_login_reads_the_same_catalogue(database):
    seen = {role: catalogue.digest(dump(database.dsn(role))) for role in (*ROLES, "sxe_admin")}

    assert len(set(seen.values())) == 1, seen


ROLES = ("sxe_social", "sxe_contacts", "sxe_api", "sxe_dagster")


ABOVE_THE_WALL = {
    "a rule that swallows a revocation": (
        "create rule keep as on update to gate.token do instead nothing"
    ),
    "the owner's rights": "grant sxe_owner to sxe_api",
    "the rights of another login": "grant sxe_contacts to sxe_social",
    "every table's rows": "grant pg_read_all_data to sxe_serve",
    "no row security": "alter role sxe_api bypassrls",
}


@pytest.mark.parametrize("said", ABOVE_THE_WALL.values(), ids=ABOVE_THE_WALL)
def test_what_goes_around_the_grants_shows_in_the_catalogue(database, said):
    with psycopg.connect(database.dsn("postgres")) as conn:
        conn.execute(said)
        lines = catalogue.dump(conn)
        # Logins are those of the whole server, and other tests compare them meanwhile.
        conn.rollback()

    assert len(lines) == len(catalogue.golden()[1]) + 1


def test_a_second_migration_changes_nothing(database):
    stamped = "select files_sha256, catalogue_sha256, stamped_at from ops.stamp"
    with psycopg.connect(database.dsn("postgres")) as conn:
        before = conn.execute(stamped).fetchone()

    done = migrate.upgrade(database.dsn("sxe_admin"))

    with psycopg.connect(database.dsn("postgres")) as conn:
        assert conn.execute(stamped).fetchone() == before
    assert not done.is_change


@pytest.mark.parametrize("home", sorted(HOMES.glob("*.sql.gz")), ids=lambda file: file.name)
def test_a_home_of_an_earlier_catalogue_becomes_a_fresh_one(empty, home, server, tmp_path):
    restore(home, empty.dsn("sxe_admin"), tmp_path)

    done = migrate.upgrade(empty.dsn("sxe_admin"), server["passwords"])

    assert dump(empty.dsn("sxe_api")) == catalogue.golden()[1]
    assert done.revisions == tuple(
        r.number for r in catalogue.revisions() if r.number > int(home.name.split(".")[0])
    )


def test_older_function_bodies_are_replaced_and_strays_dropped(database):
    as_owner(
        database,
        "create or replace function gate.reason_code(_reason text) returns text "
        "language sql immutable as 'select _reason'; "
        "create function gate.old_way() returns int language sql as 'select 1'; "
        "drop function gate.stop(uuid, bigint, text, text); "
        "update ops.routine_file set sha256 = repeat('0', 64)",
    )

    done = migrate.upgrade(database.dsn("sxe_admin"))

    assert dump(database.dsn("sxe_api")) == catalogue.golden()[1]
    assert done.dropped == ("function gate.old_way()",)


def test_a_home_of_the_time_before_is_refused_with_the_way_on(empty):
    with psycopg.connect(empty.dsn("sxe_admin")) as conn:
        conn.execute("create schema ops authorization sxe_owner")
        conn.execute("set role sxe_owner")
        conn.execute("create table ops.migration (version_num text)")
        conn.execute("insert into ops.migration values ('0003')")

    with pytest.raises(BadConfig, match=r"copy its landing folder .* `sxe down --reset`"):
        migrate.upgrade(empty.dsn("sxe_admin"))


def test_a_newer_database_is_refused_by_migration_and_by_every_login(database):
    as_owner(database, "insert into ops.revision values (9000, repeat('a', 64))")

    with pytest.raises(BadConfig, match="9000"):
        migrate.upgrade(database.dsn("sxe_admin"))
    with pytest.raises(BadConfig, match="9000"):
        sql.connect(database.dsn("sxe_social"))


def test_an_edited_revision_is_refused(database):
    as_owner(database, "update ops.revision set sha256 = repeat('b', 64)")

    with pytest.raises(BadConfig, match="revision 1000"):
        migrate.upgrade(database.dsn("sxe_admin"))


def test_a_database_that_was_never_migrated_lets_nobody_work(empty):
    with pytest.raises(BadConfig, match="sxe migrate"):
        sql.connect(empty.dsn("sxe_admin"))


def test_a_function_edited_by_hand_stops_every_login_until_the_next_migration(database):
    as_owner(
        database,
        "create or replace function gate.reason_code(_reason text) returns text "
        "language sql immutable as 'select _reason'",
    )

    with pytest.raises(Refused, match="changed by hand"):
        sql.connect(database.dsn("sxe_contacts"))
    done = migrate.upgrade(database.dsn("sxe_admin"))

    assert "gate/sql/refusals.sql" in done.files
    sql.connect(database.dsn("sxe_contacts")).close()


def test_a_table_changed_by_hand_is_named_and_nothing_is_migrated(database):
    as_owner(database, "alter table gate.budget add column bonus bigint")
    before = dump(database.dsn("sxe_api"))

    with pytest.raises(Refused, match=r"column gate\.budget\.bonus"):
        migrate.upgrade(database.dsn("sxe_admin"))

    assert dump(database.dsn("sxe_api")) == before


def test_schemas_of_somebody_else_are_refused(empty):
    with psycopg.connect(empty.dsn("sxe_admin")) as conn:
        conn.execute("create schema gate")

    with pytest.raises(Refused, match=r"1 schemas belong to another role \(gate\)"):
        migrate.upgrade(empty.dsn("sxe_admin"))


def test_a_database_of_somebody_else_is_refused(empty):
    root = postgres.dsn(empty.state, "postgres", "postgres")
    with psycopg.connect(root, autocommit=True) as conn:
        conn.execute(
            compose.SQL("alter database {} owner to postgres").format(
                compose.Identifier(empty.name)
            )
        )

    with pytest.raises(Refused, match="belongs to another role"):
        migrate.upgrade(empty.dsn("sxe_admin"))


@pytest.mark.parametrize("version", [140012, 120000])
def test_an_older_server_is_refused(version):
    class Info:
        server_version = version

    class Connection:
        info = Info()

    with pytest.raises(BadConfig, match=f"PostgreSQL {version // 10000}"):
        migrate._check_server(Connection())


def test_two_migrations_at_once_run_one_after_the_other(empty):
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(migrate.upgrade, empty.dsn("sxe_admin")) for _ in range(2)]
        done = sorted((one.result() for one in both), key=lambda m: m.revisions)

    assert [m.revisions for m in done] == [(), tuple(r.number for r in catalogue.revisions())]
    assert dump(empty.dsn("sxe_api")) == catalogue.golden()[1]


def test_a_migration_waits_for_another_one_only_so_long(database, monkeypatch):
    monkeypatch.setattr(migrate, "WAIT_S", 1)
    with psycopg.connect(database.dsn("sxe_admin")) as other:
        other.execute("select pg_advisory_xact_lock(hashtext('sxe migration'))")

        with pytest.raises(Busy, match="for 1 s; nothing was migrated"):
            migrate.upgrade(database.dsn("sxe_admin"))


def test_a_migration_that_dies_at_any_statement_leaves_nothing(empty, monkeypatch):
    """Its session is killed on the server before every statement in turn, at growing steps."""
    admin, root = empty.dsn("sxe_admin"), postgres.dsn(empty.state, "postgres", "postgres")
    before, died, at = dump(empty.dsn("postgres")), 0, 0
    execute = psycopg.Connection.execute

    def dying_at(last):
        numbers = itertools.count()

        def dying(self, *args, **kwargs):
            if next(numbers) == last:
                with psycopg.connect(root, autocommit=True) as other:
                    execute(other, "select pg_terminate_backend(%s)", [self.info.backend_pid])
            return execute(self, *args, **kwargs)

        return dying

    while True:
        monkeypatch.setattr(psycopg.Connection, "execute", dying_at(at))
        try:
            done = migrate.upgrade(admin)
        except StoreUnavailable:
            died += 1
            monkeypatch.setattr(psycopg.Connection, "execute", execute)
            assert dump(empty.dsn("postgres")) == before, f"half migrated at statement {at}"
        else:
            break
        at += 1 + at // 3
    monkeypatch.setattr(psycopg.Connection, "execute", execute)

    assert died > 10
    assert done.revisions == tuple(r.number for r in catalogue.revisions())
    assert dump(empty.dsn("sxe_api")) == catalogue.golden()[1]


def restore(home, admin, tmp_path):
    """Read the dump of a home, as `pg_dump` of its time wrote it."""
    psql, text = postgres.Server(tmp_path / "server").bin / "psql", tmp_path / "home.sql"
    text.write_bytes(gzip.decompress(home.read_bytes()))
    done = subprocess.run(
        [psql, "-q", "-v", "ON_ERROR_STOP=1", "-f", text, admin],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
