"""What each login may do, asked of a real server."""

import psycopg
import pytest
from psycopg import sql as compose

from sxe_pipeline import audit
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.local import postgres
from sxe_pipeline.store import catalogue, migrate, roles, sql
from sxe_pipeline_tests import named

TIERS = list(roles.TIERS)
BATCH = "0" * 32
SHA = "0" * 64

FOREIGN = [
    ("sxe_api", "insert into cards.funnel values ('2026-01-01', 'a', 'x', 'a', 1)"),
    ("sxe_api", "insert into audit.event (event_id, kind, actor, subject, payload) "
                "values (gen_random_uuid(), 'a', 'a', 'a', '{}')"),
    ("sxe_api", "select path from ingest.landing_file"),
    ("sxe_api", "select * from ingest.collection"),
    ("sxe_api", "select problem from ingest.collection"),
    ("sxe_api", "delete from cards.facet"),
    ("sxe_contacts", "select gate.show_market_cost('a')"),
    ("sxe_api", "select * from social.card"),
    ("sxe_api", "update handoff.batch set state = 'abandoned' where false"),
    ("sxe_api", "delete from handoff.batch where false"),
    ("sxe_api", "select * from handoff.signing_key"),
    ("sxe_contacts", "select * from social.card"),
    ("sxe_contacts", "select * from ops.version"),
    ("sxe_contacts", "select * from cards.audience_pool"),
    ("sxe_contacts", "select * from ingest.landing_file"),
    ("sxe_contacts", "delete from handoff.batch where false"),
    ("sxe_contacts", "select * from social.alias"),
    ("sxe_contacts", "select * from gate.budget"),
    ("sxe_contacts", "update gate.budget set cap = 1 where false"),
    ("sxe_contacts", "insert into gate.approval (request_id) values (null)"),
    ("sxe_contacts", "delete from contacts.contact_point where false"),
    ("sxe_contacts", "update contacts.contact_point set ciphertext = '' where false"),
    ("sxe_social", "select contacts.reseal_points('{}', '{}', '{}', '')"),
    ("sxe_contacts", "update audit.attestation set event_count = 1 where false"),
    ("sxe_social", "select * from contacts.contact_point"),
    ("sxe_social", "select * from gate.candidate"),
    ("sxe_api", "select * from contacts.contact_point"),
    ("sxe_api", "select * from gate.token"),
    ("sxe_contacts", "select payload from audit.event"),
    ("sxe_contacts", "insert into cards.funnel values ('2026-01-01', 'a', 'x', 'a', 1)"),
    ("sxe_dagster", "select * from social.card"),
    ("sxe_dagster", "select * from ingest.landing_file"),
    ("sxe_dagster", "select * from cards.funnel"),
    ("sxe_dagster", "select * from handoff.batch"),
    ("sxe_dagster", "select event_id from audit.event"),
    ("sxe_dagster", "insert into ops.version (table_name, version, inputs) values ('a/b', 1, '')"),
    ("sxe_social", "insert into ops.version (table_name, version, inputs) values ('a/b', 1, '')"),
    ("sxe_social", "update ops.version set version = 1 where false"),
    ("sxe_social", "insert into ingest.landing_file default values"),
    ("sxe_social", "update ingest.landing_file set path = 'x' where false"),
    ("sxe_social", "insert into social.card default values"),
    ("sxe_social", "insert into social.alias default values"),
    ("sxe_social", "insert into handoff.batch default values"),
    ("sxe_contacts", "insert into handoff.batch default values"),
    ("sxe_contacts", "insert into contacts.contact_point default values"),
    ("sxe_social", "select payload from audit.event"),
    ("sxe_social", "delete from handoff.batch where false"),
    ("sxe_social", "update handoff.batch set row_count = 1 where false"),
    ("sxe_social", "update handoff.batch set batch_id = 'x' where false"),
    ("sxe_social", "insert into handoff.signing_key (key_id, public_key) values ('a', '')"),
    ("sxe_social", "delete from social.card where false"),
    ("sxe_social", "delete from ingest.landing_file where false"),
    ("sxe_social", "delete from audit.attestation where false"),
    ("sxe_social", "update audit.attestation set event_count = 1 where false"),
    ("sxe_social", "update audit.attested_event set digest = digest where false"),
]  # fmt: skip

FOR_NOBODY = [
    "create table public.x (a int)",
    "create temporary table x (a int)",
    "create table audit.x (a int)",
    "create schema x",
    "set role sxe_owner",
    "set session_replication_role = replica",
    "alter table audit.event disable trigger all",
    "update audit.event set actor = 'x'",
    "update audit.event set actor = 'x' where false",
    "delete from audit.event",
    "delete from audit.event where false",
    "truncate audit.event",
    "truncate audit.event cascade",
    "insert into audit.event (event_id, recorded_at, kind, actor, subject, payload) "
    "values (gen_random_uuid(), '2020-01-01', 'a', 'a', 'a', '{}')",
    "insert into audit.event (event_id, kind, actor, subject, payload, leaf_hash) "
    "values (gen_random_uuid(), 'a', 'a', 'a', '{}', sha256('a'))",
    "insert into audit.event (event_id, kind, actor, subject, payload) "
    "values (gen_random_uuid(), 'a', 'a', 'a', '{}') "
    "on conflict (event_id) do update set actor = 'x'",
    "select audit.seal_leaf()",
]

CHANGES = [
    "update audit.event set actor = 'x'",
    "update audit.event set actor = 'x' where false",
    "delete from audit.event where false",
    "truncate audit.event cascade",
]


def refusal(dsn, statement, *before):
    with sql.connect(dsn) as conn:
        for earlier in before:
            conn.execute(earlier)
        with pytest.raises(psycopg.Error) as caught:
            conn.execute(statement)
        conn.rollback()
    return caught.value.sqlstate


def event(database):
    with sql.connect(database.dsn("sxe_social")) as conn:
        return audit.append(conn, "table.vacuum_begun", actor="t", subject="s", key="1")


def test_a_login_is_refused_what_belongs_to_others(database):
    said = {
        (role, statement): refusal(database.dsn(role), statement) for role, statement in FOREIGN
    }

    assert {case: state for case, state in said.items() if state != "42501"} == {}


@pytest.mark.parametrize("role", TIERS)
def test_no_login_creates_outside_its_own_or_touches_the_log(database, role):
    event(database)
    dsn = database.dsn(role)

    said = {statement: refusal(dsn, statement) for statement in FOR_NOBODY}

    assert {case: state for case, state in said.items() if state != "42501"} == {}


@pytest.mark.parametrize("role", ["sxe_social", "sxe_api", "sxe_contacts"])
def test_no_tier_reads_the_schema_of_dagster(database, role):
    with sql.connect(database.dsn("sxe_dagster")) as conn:
        conn.execute("create table dagster.event_logs (a int)")

    assert refusal(database.dsn(role), "select * from dagster.event_logs") == "42501"
    assert refusal(database.dsn(role), "create table dagster.x (a int)") == "42501"


def test_a_tier_does_not_become_another_tier(database):
    for role in TIERS:
        for other in TIERS:
            if other != role:
                assert refusal(database.dsn(role), f"set role {other}") == "42501"


def test_the_tiers_can_do_their_work(database):
    with sql.connect(database.dsn("sxe_social")) as conn:
        conn.execute("select event_id, kind, recorded_at from audit.event")
        conn.execute("insert into cards.funnel values ('2026-01-01', 'a', 'x', 'a', 1)")
        named.name(conn, "social/profiles", 1, inputs="")
    with sql.connect(database.dsn("sxe_contacts")) as conn:
        for _ in range(2):
            audit.append(conn, "contact_run_history.expired", actor="t", subject="s", key="1")
    with sql.connect(database.dsn("sxe_api")) as conn:
        assert conn.execute("select count(*) from audit.event").fetchone() == (2,)
        assert conn.execute("select value from cards.funnel").fetchone() == (1,)


@pytest.mark.parametrize("statement", CHANGES)
def test_a_trigger_refuses_even_the_owner_of_the_log(database, statement):
    event(database)

    assert refusal(database.dsn("sxe_admin"), statement, "set role sxe_owner") == "42501"


@pytest.mark.parametrize("statement", CHANGES)
def test_a_superuser_in_replica_mode_is_refused_too(database, statement):
    event(database)
    replica = "set session_replication_role = replica"

    assert refusal(database.dsn("postgres"), statement, replica) == "42501"


def test_the_server_sets_time_and_hash_even_for_the_owner(database):
    with sql.connect(database.dsn("sxe_admin")) as conn:
        conn.execute("set role sxe_owner")
        row = conn.execute(
            "insert into audit.event values (gen_random_uuid(), '2020-01-01', 'a', 'a', 'a', %s, "
            "sha256('a')) returning recorded_at > now() - interval '1 minute', "
            "leaf_hash <> sha256('a')",
            [b'{"actor":"a","data":{},"key":"k","kind":"a","subject":"a"}'],
        ).fetchone()

    assert row == (True, True)


@pytest.mark.parametrize("role", ["sxe_social", "sxe_admin"])
def test_a_published_batch_does_not_change(database, role):
    before = ["set role sxe_owner"] if role == "sxe_admin" else []
    with sql.connect(database.dsn("sxe_social")) as conn:
        conn.execute(
            "select handoff.build(%s, 'lead_card', '1.0.0', 'x', '2026-01-01', null, null, null, "
            "0, '', %s, now(), 'test')",
            [BATCH, SHA],
        )
        conn.execute("select handoff.finish(%s, 'test')", [BATCH])

    for statement in (
        "update handoff.batch set state = 'abandoned', published_at = null",
        "update handoff.batch set manifest = 'x'",
    ):
        assert refusal(database.dsn(role), statement, *before) == "42501"
    assert refusal(
        database.dsn("sxe_admin"), "delete from handoff.batch", "set role sxe_owner"
    ) == ("42501")


def test_roles_and_migrations_run_twice_and_change_nothing(database, server):
    def state():
        with psycopg.connect(database.dsn("postgres")) as conn:
            return [
                conn.execute(query).fetchall()
                for query in (
                    "select revision, sha256, applied_at from ops.revision",
                    "select oid::regclass::text, relacl::text from pg_class where relnamespace "
                    "in (select oid from pg_namespace where nspowner = 'sxe_owner'::regrole) "
                    "order by 1",
                    "select rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, "
                    "rolreplication, rolbypassrls from pg_roles order by 1",
                    "select roleid::regrole::text, member::regrole::text, admin_option "
                    "from pg_auth_members order by 1, 2",
                    "select datacl::text from pg_database where datname = current_database()",
                )
            ]

    before = state()
    migrate.upgrade(database.dsn("sxe_admin"), server["passwords"])

    assert state() == before
    assert all(not is_super for name, is_super, *_ in before[2] if name.startswith("sxe_"))


def test_roles_are_only_checked_where_no_password_is_given(database):
    with sql.open_unchecked(database.dsn("sxe_admin")) as conn:
        roles.ensure(conn, {})
    with sql.open_unchecked(database.dsn("sxe_social")) as conn:
        who = conn.execute("select current_user").fetchone()

    assert who == ("sxe_social",), "its password is still the same"


def test_a_login_without_rights_is_told_what_it_lacks(database):
    with pytest.raises(BadConfig, match="no member of sxe_owner"):
        migrate.upgrade(database.dsn("sxe_social"))


def test_a_database_lets_nobody_in_but_the_tiers(database):
    with psycopg.connect(database.dsn("postgres"), autocommit=True) as conn:
        name = f"guest_{database.name}"
        role = compose.Identifier(name)
        conn.execute(compose.SQL("create role {} login password 'x'").format(role))
        try:
            state = {**database.state, "passwords": {**database.state["passwords"], name: "x"}}
            place = type(database)(state, database.name).dsn(name)
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(place)
        finally:
            conn.execute(compose.SQL("drop role {}").format(role))


def test_roles_that_another_admin_made_are_left_and_their_statements_told(processes, tmp_path):
    """Since PostgreSQL 16 an admin alters only roles that it made, or has the ADMIN option of."""
    embedded = postgres.Server(tmp_path / "home", durable=False)
    with embedded.attached() as state:
        migrate.upgrade(postgres.dsn(state, "sxe_admin"), state["passwords"])
        with psycopg.connect(postgres.dsn(state, "postgres"), autocommit=True) as conn:
            conn.execute("create role other login createrole password 'x'")
            conn.execute("grant sxe_owner to other")
            conn.execute("create database second owner other")
            conn.execute("alter role sxe_api reset lock_timeout")
        state["passwords"]["other"] = "x"

        done = migrate.upgrade(postgres.dsn(state, "other", "second"), state["passwords"])

        assert done.revisions == tuple(r.number for r in catalogue.revisions())
        assert done.role_statements == ('alter role "sxe_api" set "lock_timeout" = \'60s\';',)
    embedded.reset()
