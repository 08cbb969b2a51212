"""A managed PostgreSQL: five URLs as its panel prints them, TLS, a pooler, and no superuser.

It needs packages of the system and skips where they are missing. Verbs that start Dagster are in
`test_managed_verbs`.
"""

import psycopg
import pytest
from click.testing import CliRunner

from sxe_pipeline.cli import main
from sxe_pipeline.demo import dump, home
from sxe_pipeline.errors import BadInput, StoreUnavailable
from sxe_pipeline.settings import load
from sxe_pipeline.store import catalogue, migrate, roles, sql
from sxe_pipeline_tests.local import managed
from sxe_pipeline_tests.local.managed import rows, state

EDIT = (
    "create or replace function gate.reason_code(_reason text) returns text "
    "language sql immutable as 'select _reason'"
)
CRASHES = {"2.3": ["gate.inspect"]}
"""Version of plpgsql_check -> functions that make it end the server (composite OUT parameters)."""


@pytest.fixture(scope="module")
def passwords(service):
    """What `sxe migrate` reads off the URLs of the tiers."""
    return {role: service.passwords[role] for role in roles.TIERS}


@pytest.fixture
def empty(service):
    """A database as the panel makes it."""
    return service.new_database()


@pytest.fixture
def migrated(service, passwords, empty):
    """A migrated database."""
    migrate.upgrade(service.admin(empty), passwords)
    return empty


def refusal(service, database, home, *arguments, **variables):
    """Exit code and the one sentence of a verb that refuses."""
    env = service.variables(database) | {"SXE_HOME": str(home)} | variables
    done = CliRunner(env=env).invoke(main, list(arguments))
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.output
    assert not any(password in done.output for password in service.passwords.values())
    return done.exit_code, lines[0]


def test_d07_a_login_through_the_pooler_has_the_settings_of_its_role(service, migrated):
    wanted = {
        "TimeZone": "UTC",
        "search_path": "pg_catalog",
        "statement_timeout": "5min",
        "lock_timeout": "1min",
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    with sql.connect(service.pooled("sxe_social", migrated)) as conn:
        seen = {name: conn.execute(f"show {name}").fetchone()[0] for name in wanted}
        tls = conn.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone()

    assert seen == wanted
    assert tls == (True,)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param("=require", "=disable", "it wants TLS", id="without TLS"),
        pytest.param("=require", "=verify-full", "sslrootcert", id="an unknown authority"),
        pytest.param("/d_", "/no_", "no such database", id="another database"),
        pytest.param("@", "x@", "wrong password", id="another password"),
    ],
)
def test_what_is_wrong_with_a_url_is_told_alike_by_server_and_pooler(
    service, migrated, old, new, reason
):
    for url in (service.pooled("sxe_api", migrated), service.admin(migrated)):
        with pytest.raises(StoreUnavailable, match=reason):
            sql.open_unchecked(url.replace(old, new))


def test_a_client_of_the_pooler_has_another_session_in_each_transaction(service, migrated):
    pids = set()
    clients = [sql.connect(service.pooled("sxe_api", migrated)) for _ in range(3)]
    for conn in clients:
        conn.execute("select 1")
    for conn in clients:
        conn.rollback()
    for _ in range(12):  # a driver that prepares what it repeats would fail here
        with clients[0].transaction():
            pids |= {clients[0].execute("select pg_backend_pid()").fetchone()[0]}
    for conn in clients:
        conn.close()

    assert len(pids) > 1, "the test would say nothing about poolers"


def test_a_role_that_is_missing_and_may_not_be_made_is_named(panel, tmp_path):
    managed.make_roles(panel, *(role for role in roles.TIERS if role != "sxe_contacts"))
    database = panel.new_database()
    before = state(panel, database)

    code, sentence = refusal(panel, database, tmp_path, "migrate")

    assert code == 3
    assert "roles missing: sxe_contacts;" in sentence
    assert state(panel, database) == before


def test_a_database_of_somebody_else_is_refused(service, tmp_path):
    database = service.new_database(owner="postgres")
    before = state(service, database)

    code, sentence = refusal(service, database, tmp_path, "migrate")

    assert code == 5
    assert "belongs to another role" in sentence
    assert state(service, database) == before


def test_a_pool_that_is_not_called_like_its_database_serves_the_admin_too(service, passwords):
    service.new_database(managed.POOLED)

    done = migrate.upgrade(service.pooled(managed.ADMIN, managed.POOL), passwords)

    assert done.revisions == tuple(r.number for r in catalogue.revisions())
    sql.connect(service.pooled("sxe_social", managed.POOL)).close()


def test_a_server_that_is_too_old_is_refused_before_anything(service, empty, tmp_path, monkeypatch):
    monkeypatch.setattr(migrate, "OLDEST", 160000)
    before = state(service, empty)

    code, sentence = refusal(service, empty, tmp_path, "migrate")

    assert (code, "the server is PostgreSQL 15; this package needs 16" in sentence) == (3, True)
    assert state(service, empty) == before


def test_a_newer_database_is_refused_by_the_verb_and_by_every_login(service, migrated, tmp_path):
    service.run("insert into ops.revision values (9000, repeat('a', 64))", database=migrated)
    before = state(service, migrated)

    for verb in (["migrate"], ["market", "list"], ["keys", "register", str(pem(tmp_path))]):
        code, sentence = refusal(service, migrated, tmp_path, *verb)
        assert (code, "revision 9000" in sentence) == (3, True)
    assert state(service, migrated) == before


def test_a_function_edited_by_hand_stops_every_login_until_the_next_migration(
    service, passwords, migrated, tmp_path
):
    whole = state(service, migrated)
    service.run(EDIT, database=migrated)

    for login in roles.TIERS:
        sql._fitting.clear()
        with pytest.raises(Exception, match="changed by hand") as caught:
            sql.connect(service.pooled(login, migrated))
        assert caught.value.exit_code == 5
    code, sentence = refusal(service, migrated, tmp_path, "market", "list")
    assert (code, "`sxe migrate` puts back" in sentence) == (5, True)

    done = migrate.upgrade(service.admin(migrated), passwords)
    assert "gate/sql/refusals.sql" in done.files
    assert state(service, migrated) == whole
    sql.connect(service.pooled("sxe_api", migrated)).close()


def test_a_url_of_another_role_than_its_tier_is_refused(service, empty, tmp_path):
    wrong = {"SXE_API_DATABASE_URL": service.pooled("sxe_social", empty)}

    code, sentence = refusal(service, empty, tmp_path, "migrate", **wrong)

    assert code == 3
    assert "SXE_API_DATABASE_URL must log in as sxe_api" in sentence


def test_a_demo_needs_all_five_urls_and_an_empty_database(service, migrated, tmp_path):
    kept = tmp_path / "demo" / "kept"
    kept.parent.mkdir()
    kept.touch()
    missing = {"SXE_CONTACTS_DATABASE_URL": ""}
    code, sentence = refusal(service, migrated, tmp_path, "demo", "--managed", **missing)
    assert (code, "SXE_CONTACTS_DATABASE_URL is not set" in sentence) == (3, True)

    env = service.variables(migrated) | {"SXE_HOME": str(tmp_path)}
    assert CliRunner(env=env).invoke(main, ["people", "bootstrap", "ana", "ben"]).exit_code == 0
    code, sentence = refusal(service, migrated, tmp_path, "demo", "--managed")
    assert (code, "2 principals" in sentence) == (5, True)
    assert kept.exists(), "a refusal deletes nothing"


def test_each_login_reads_out_its_part_and_all_together_every_table(service, migrated, tmp_path):
    given = load(service.variables(migrated) | {"SXE_HOME": str(tmp_path)})
    service.run(
        "insert into cards.funnel values ('2026-01-01', 'a', 'x', 'needle', 1)",
        "create schema apart",
        database=migrated,
    )

    read = {
        where for where, piece in dump.dump_by_logins(home.readers(given)) if b"needle" in piece
    }

    assert "cards.funnel as sxe_owner" in read
    assert "cards.funnel as sxe_api" in read
    assert "cards.funnel as sxe_contacts" not in read
    service.run("create table apart.unread (x int)", database=migrated)
    with pytest.raises(BadInput, match=r"1 tables cannot be read \(apart\.unread\)"):
        list(dump.dump_by_logins(home.readers(given)))


def test_the_catalogue_is_the_same_text_as_on_the_embedded_server(service, migrated, database):
    def dumped(dsn):
        with psycopg.connect(dsn) as conn:
            return conn.info.server_version // 10000, catalogue.dump(conn)

    (older, theirs), (newer, ours) = (
        dumped(service.admin(migrated)),
        dumped(database.dsn("sxe_api")),
    )

    assert (older, newer) == (15, 18)
    assert theirs == ours == catalogue.golden()[1]


def test_plpgsql_check_finds_nothing_in_any_function(service, migrated):
    known = rows(service, migrated, "select default_version from pg_available_extensions "
                                    "where name = 'plpgsql_check'")  # fmt: skip
    if not known:
        pytest.skip("not installed: plpgsql_check (Debian: postgresql-15-plpgsql-check)")
    service.run("create schema checker", "create extension plpgsql_check schema checker",
                database=migrated)  # fmt: skip
    functions = rows(
        service,
        migrated,
        "select p.oid, p.oid::regprocedure::text, coalesce(tgrelid, 0) from pg_proc p "
        "join pg_language l on l.oid = prolang and lanname = 'plpgsql' "
        "left join (select distinct tgfoid, tgrelid from pg_trigger where not tgisinternal) t "
        "on tgfoid = p.oid where proowner = 'sxe_owner'::regrole order by 2",
    )
    left_out = CRASHES.get(known[0][0], [])
    checked = [f for f in functions if f[1].split("(")[0] not in left_out]

    findings = {}
    for oid, name, table in checked:
        # A connection each: a crash names its function.
        with psycopg.connect(service.superuser(migrated)) as conn:
            lines = conn.execute(
                "select checker.plpgsql_check_function(%s::oid::regprocedure, %s::oid::regclass, "
                "other_warnings := false, extra_warnings := false, performance_warnings := false)",
                [oid, table],
            ).fetchall()
        if lines:
            findings[name] = lines

    assert findings == {}
    assert len(checked) > 40
    assert len(functions) - len(checked) <= len(left_out)


def pem(folder):
    """Somebody's public key."""
    from sxe_pipeline import sign

    file = folder / "some.pub"
    file.write_bytes(sign.Signer.generate().public_pem())
    return file
