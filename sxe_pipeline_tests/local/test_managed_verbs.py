"""Verbs on a managed PostgreSQL, each in a process of its own: migrating with Dagster, the demo.

They take minutes and need packages of the system: `make platform` runs them.
"""

import json

import pytest

from sxe_pipeline.store import catalogue, roles
from sxe_pipeline_tests.local import managed
from sxe_pipeline_tests.local.managed import rows, state, sxe

pytestmark = pytest.mark.platform


def test_d06_five_urls_as_printed_are_all_that_a_migration_needs(tmp_path):
    managed.require(managed.POSTGRES / "initdb", managed.PGBOUNCER)
    with managed.serving() as service:
        database = service.new_database()
        before = state(service, database)
        plan = sxe(service, database, tmp_path, "migrate", "--dry-run", "--json")
        assert plan.returncode == 0, plan.stderr
        assert json.loads(plan.stdout)["revisions"] == [r.number for r in catalogue.revisions()]
        assert state(service, database) == before

        first = sxe(service, database, tmp_path, "migrate")
        assert first.returncode == 0, first.stderr
        after = state(service, database)
        second = sxe(service, database, tmp_path, "migrate")
        assert (second.returncode, second.stdout) == (0, "0 files of living SQL replayed\n")
        assert state(service, database) == after

        owner = "select tableowner, schemaname from pg_tables where tablename = 'runs'"
        assert rows(service, database, owner) == [("sxe_dagster", "dagster")]
        assert rows(service, database, "select * from handoff.signing_key") == []
        doctor = json.loads(sxe(service, database, tmp_path, "doctor", "--json").stdout)
        assert {row["check"] for row in doctor["rows"] if row["state"] != "ok"} <= {"disk"}

        assert sxe(service, database, tmp_path, "keys", "create").returncode == 0
        assert sxe(service, database, tmp_path, "keys", "register").returncode == 0
        assert len(rows(service, database, "select * from handoff.signing_key")) == 1


def test_d03_roles_of_the_panel_get_their_statements_printed_and_nothing_is_guessed(
    panel, tmp_path
):
    managed.make_roles(panel, *roles.TIERS)
    database = panel.new_database()

    first = sxe(panel, database, tmp_path, "migrate", "--json")

    assert first.returncode == 3, first.stderr
    statements = json.loads(first.stdout)["role_statements"]
    assert len(statements) == sum(map(len, roles.SESSION.values()))
    assert rows(panel, database, "select from pg_tables where schemaname = 'dagster'") == []

    panel.run(*statements)
    second = sxe(panel, database, tmp_path, "migrate", "--json")

    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["role_statements"] == []
    assert rows(panel, database, "select from pg_tables where tablename = 'runs'") == [()]


def test_the_whole_demo_walks_through_on_five_urls(service, tmp_path):
    database = service.new_database()
    assert sxe(service, database, tmp_path, "migrate").returncode == 0

    done = sxe(service, database, tmp_path, "demo", "--managed", "--accounts", "1500", "--json")

    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    answer = json.loads(done.stdout)
    claims = answer["enrichment"]["claims"]
    assert (answer["planted"] >= 100, answer["planted_found"]) == (True, 0)
    assert answer["audit"]["findings"] == {}
    assert answer["audit"]["events"] > 100
    assert claims["faults"] == []
    assert claims["paid_calls"] == claims["audited"] == claims["approved_before"] > 0
    assert not (tmp_path / "demo" / "postgres").exists(), "no embedded server beside it"
    assert rows(service, database, "select count(*) > 0 from dagster.runs") == [(True,)]
    whole = state(service, database)
    again = sxe(service, database, tmp_path, "demo", "--managed", "--accounts", "1500")
    assert again.returncode == 5
    assert state(service, database) == whole
