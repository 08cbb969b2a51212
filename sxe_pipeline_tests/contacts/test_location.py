"""The contact location as a process of its own: what it gets, what it loads, what it may do."""

import contextlib
import io
import json
import os
import subprocess
import sys
from unittest import mock

import psycopg
import pytest

from sxe_pipeline import settings as environment
from sxe_pipeline.gate import reads
from sxe_pipeline.local import contact
from sxe_pipeline.local import contact_once as contact_process
from sxe_pipeline.ops import continuity
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.contacts.harness import CREDENTIALS

SEEN = """
import json, os, sys
from sxe_pipeline.local import contact_once
variables = dict(os.environ)
contact_once.main()
print(json.dumps({"variables": variables, "modules": sorted(sys.modules)}), file=sys.stderr)
"""
CLOSED_ROOMS = ("sxe_pipeline.social", "sxe_pipeline.cards", "sxe_pipeline.ingest")


def settings_of(harness, home):
    """What the parent knows: every login and every credential."""
    database = harness.world.database
    return environment.load(
        {
            "SXE_HOME": str(home),
            **{
                variable: database.dsn(f"sxe_{name.removesuffix('_dsn')}")
                for name, variable in environment.DATABASES.items()
            },
            "DAGSTER_DATABASE_URL": f"{database.dsn('sxe_dagster')}"
            "?options=-csearch_path%3Ddagster",
            "SXE_APOLLO_URL": harness.emulator.url,
            "SXE_ENFORMION_URL": harness.emulator.url,
            "APOLLO_API_KEY": CREDENTIALS["apollo"]["api_key"],
            "ENFORMION_AP_NAME": CREDENTIALS["enformion"]["name"],
            "ENFORMION_AP_PASSWORD": CREDENTIALS["enformion"]["password"],
            "SXE_APOLLO_SINK_URL": f"{harness.emulator.url}/sink",
            "SXE_TOKEN": "sxe_of_a_person",
        }
    )


def contact_once(settings, *arguments):
    """Start the contact process with exactly the variables that it gets; it must end well."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=contact.variables(settings),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def rows_of(settings, work):
    """The rows that the work of the contact process prints, in this process with its variables."""
    printed = io.StringIO()
    with (
        mock.patch.dict(os.environ, contact.variables(settings), clear=True),
        contextlib.redirect_stdout(printed),
    ):
        work()
    return [json.loads(line) for line in printed.getvalue().splitlines() if line.startswith("{")]


def test_the_contact_process_alone_runs_what_was_approved(due, tmp_path):
    harness, made = due
    settings = settings_of(harness, tmp_path / "home")

    done = contact_once(settings, "-c", SEEN)

    runs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [run["request_id"] for run in runs if run["ok"]] == [str(made.request_id)] * len(runs)
    assert len(runs) > 1, "the numbers came with a later run"
    gate = harness.world
    assert reads.find(gate.api, made.request_id).state == "DONE"
    assert gate.one("select count(*) from contacts.contact_point") > 0
    assert harness.open_calls() == []
    harness.assert_all_is_over()
    noted = continuity.since(Objects(settings.contact_handoff_url), 0)
    asked = gate.owner("select card_id from gate.request_item order by position")
    assert noted[0].content["cards"] == [card for (card,) in asked]
    seen = json.loads(done.stderr.splitlines()[-1])
    assert [m for m in seen["modules"] if m.startswith(CLOSED_ROOMS)] == []
    variables = seen["variables"]
    logins = {name for name in (*environment.DATABASES.values(), "DAGSTER_STORAGE_URL")}
    assert logins & variables.keys() == {
        "SXE_CONTACTS_DATABASE_URL",
        "DAGSTER_DATABASE_URL",
        "DAGSTER_STORAGE_URL",
    }
    assert variables.keys() - contact.variables(settings).keys() <= {"LC_CTYPE"}
    for other in ("sxe_social", "sxe_api", "sxe_admin", "sxe_of_a_person"):
        assert not any(other in value for value in variables.values()), other
    assert "SXE_HOME" not in variables


def test_started_again_it_finds_nothing_to_do(due, tmp_path):
    harness, _ = due
    settings = settings_of(harness, tmp_path / "home")
    assert rows_of(settings, contact_process.main)
    calls = harness.emulator.stats()["calls"]

    again = rows_of(settings, contact_process.main)

    assert again == []
    assert harness.emulator.stats()["calls"] == calls


FORBIDDEN = [
    "select * from social.card",
    "select * from social.alias",
    "select * from cards.audience_pool",
    "select * from cards.funnel",
    "select * from ingest.landing_file",
    "select payload from audit.event",
    "update audit.event set actor = 'x'",
    "delete from audit.event",
    "truncate audit.event",
    "update audit.attestation set digest = digest",
    "delete from audit.attested_event",
    "update gate.budget set cap = 1",
    "select * from gate.budget",
    "insert into gate.approval default values",
    "update gate.approval set decision = 'approve'",
    "select inputs from gate.request_item",
    "select inputs from gate.candidate",
    "update gate.call set state = 'RELEASED'",
    "delete from gate.transfer",
    "update gate.setting set quorum = 1",
    "update contacts.contact_point set dnc = false",
    "delete from contacts.contact_point",
    "truncate contacts.contact_point",
    "delete from contacts.quarantine",
    "select * from privacy.suppression",
    "delete from privacy.suppression",
    "select * from gate.token",
    "select gate.submit('x', '{}')",
    "select gate.approve('x', gen_random_uuid(), 1, 'x', 'x')",
    "select gate.decide('x', gen_random_uuid(), true)",
    "select gate.resolve_unknown(gen_random_uuid(), 0, 'x')",
    "select gate.charge(gen_random_uuid(), '{sync}', 0)",
    "select gate.set_circuit('apollo', 'closed', 'x', 'x')",
    "select gate.family('x')",
    "select audit.append('call.settled', 'x', 'x', 'x', '{}')",
    "set role sxe_owner",
    "set role sxe_social",
    "alter table gate.approval disable trigger all",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_contact_login_may_not(contact_login, statement):
    with pytest.raises(psycopg.Error) as refused, contact_login.transaction():
        contact_login.execute(statement)

    assert refused.value.sqlstate == "42501"


@pytest.fixture(scope="module")
def contact_login(opened):
    from sxe_pipeline_tests.databases import copy_of, drop
    from sxe_pipeline_tests.gate.world import World

    template, *_ = opened
    database = copy_of(template.state, template.name)
    world = World(database)
    yield world.contacts
    world.close()
    drop(database)
