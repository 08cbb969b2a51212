"""What a production environment may not be: every fault in one sentence, all of them at once."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import sxe_pipeline
from sxe_pipeline import definitions, settings, sign
from sxe_pipeline.cli import main
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.settings import variables

TLS = "?sslmode=verify-full"
DATABASE = "postgresql://u:hunter2@db.example:25060/sxe"
SIGNING = sign.Signer.from_text("sxe-signing:" + "A" * 43 + "=").text()
PRODUCTION = {"SXE_ENV": "production"}
SOCIAL = PRODUCTION | {
    "SXE_SOCIAL_DATABASE_URL": DATABASE + TLS,
    "DAGSTER_DATABASE_URL": DATABASE + TLS,
    "SXE_LANDING_STORE_URL": "s3://one/at",
    "SXE_TIER1_STORE_URL": "s3://two",
    "SXE_HANDOFF_STORE_URL": "s3://three",
    "SXE_SIGNING_KEY": SIGNING,
}
CONTACT = PRODUCTION | {
    "SXE_CONTACTS_DATABASE_URL": DATABASE + TLS,
    "DAGSTER_DATABASE_URL": DATABASE + TLS,
    "SXE_CONTACT_HANDOFF_STORE_URL": "s3://four",
    "SXE_KEYSET": "sxe-keyset:hunter2",
    "SXE_SIGNING_KEY": SIGNING,
    "APOLLO_API_KEY": "hunter2",
}


def faults(environment, process=None):
    """The sentences of a refusal; none where the environment is taken."""
    try:
        settings.load(environment, process)
    except BadConfig as error:
        told, code = str(error), error.exit_code
    else:
        return []
    assert "hunter2" not in told
    assert code == 3
    return told.splitlines()


@pytest.mark.parametrize(("given", "process"), [(SOCIAL, "social"), (CONTACT, "contact")])
def test_what_a_process_needs_and_no_more_is_taken(given, process):
    assert faults(given, process) == []
    assert settings.load(given, process).is_production


def test_what_runs_print_may_be_kept_by_the_social_side_in_a_bucket_alone():
    kept = {
        "SXE_RUN_LOG_STORE_URL": "s3://five",
        "SXE_RUN_LOG_STORE_ACCESS_KEY_ID": "hunter2",
        "SXE_RUN_LOG_STORE_SECRET_ACCESS_KEY": "hunter2",
    }

    assert faults(SOCIAL | kept, "social") == []
    assert len(faults(CONTACT | kept, "contact")) == 2, "its identity is another process's"
    [sentence] = faults({"SXE_RUN_LOG_STORE_URL": "file:///srv"})
    assert "must start with s3://" in sentence


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param(
            {"SXE_SOCIAL_DB_URL": DATABASE}, ["SXE_SOCIAL_DATABASE_URL is meant"], id="misspelt"
        ),
        pytest.param({"SXE_ZZZ": "1"}, ["SXE_ZZZ is no variable", "remove it"], id="unknown"),
        pytest.param({"SXE_SOCIAL_DATABASE_URL": ""}, ["is not set"], id="no login"),
        pytest.param({"SXE_LANDING_STORE_URL": ""}, ["is not set"], id="no store"),
        pytest.param(
            {"SXE_LANDING_STORE_URL": "file:///srv"}, ["folder of this machine"], id="a folder"
        ),
        pytest.param({"SXE_SIGNING_KEY": ""}, ["is not set"], id="no key"),
        pytest.param({"SXE_SIGNING_KEY": "file:///k"}, ["file of this machine"], id="a key file"),
        pytest.param({"SXE_SOCIAL_DATABASE_URL": DATABASE}, ["without TLS"], id="no sslmode"),
        pytest.param(
            {"DAGSTER_DATABASE_URL": DATABASE + "?sslmode=prefer"}, ["without TLS"], id="prefer"
        ),
        pytest.param(
            {"SXE_TIER1_STORE_URL": "s3://one"},
            ["SXE_LANDING_STORE_URL and SXE_TIER1_STORE_URL are one bucket"],
            id="one bucket",
        ),
        pytest.param(
            {"AWS_ENDPOINT_URL": "http://s3.example"},
            ["begin it with https"],
            id="an open endpoint",
        ),
        pytest.param(
            {"SXE_CONTACTS_DATABASE_URL": DATABASE + TLS},
            ["SXE_CONTACTS_DATABASE_URL is set, and belongs to another process"],
            id="a login of the contact tier",
        ),
        pytest.param({"SXE_KEYSET": "sxe-keyset:hunter2"}, ["another process"], id="the keyset"),
        pytest.param(
            {"SXE_RUN_LOG_STORE_URL": "file:///srv"}, ["folder of this machine"], id="logs here"
        ),
        pytest.param(
            {"SXE_RUN_LOG_STORE_URL": "s3://one"}, ["are one bucket"], id="logs beside landing"
        ),
        pytest.param({"SXE_ENV": "prod"}, ["SXE_ENV is development or production"], id="mode"),
    ],
)
def test_d05_each_fault_of_production_is_one_sentence(changed, words):
    [sentence] = faults(SOCIAL | changed, "social")

    assert all(word in sentence for word in words), sentence
    assert next(iter(changed)) in sentence or "bucket" in sentence


def test_d05_all_faults_are_told_at_once():
    given = PRODUCTION | {
        "SXE_SOCAL_DATABASE_URL": DATABASE,
        "SXE_TIER1_STORE_URL": "file:///srv",
        "SXE_FIRST_DAY": "november",
        "SXE_SETTLE_S": "soon",
    }

    found = faults(given, "social")

    assert len(found) == len(set(found)) == 9, found
    assert sum("is not set" in sentence for sentence in found) == 5


def test_a_login_that_is_no_address_of_postgresql_is_named_and_not_repeated():
    given = {
        "SXE_SOCIAL_DATABASE_URL": DATABASE.replace("sql:", "sql+psycopg:"),
        "SXE_API_DATABASE_URL": "mysql://u:hunter2@db/sxe",
        "DAGSTER_DATABASE_URL": "hunter2",
    }

    assert faults(given) == [
        "DAGSTER_DATABASE_URL is postgresql://USER:PASSWORD@HOST/DATABASE; correct it",
        "SXE_API_DATABASE_URL is postgresql://USER:PASSWORD@HOST/DATABASE; correct it",
    ]


def test_a_lease_of_no_time_is_refused_and_a_pause_of_none_is_not():
    given = {"SXE_RUN_LEASE_S": "0", "SXE_SETTLE_S": "0", "SXE_RETRY_PAUSE_S": "0"}

    assert faults(given) == ["SXE_RUN_LEASE_S is a number of seconds, from 1 to a year; correct it"]


def test_d05_a_misspelt_name_is_a_warning_on_a_laptop(monkeypatch, tmp_path):
    env = {"SXE_SOCIAL_DB_URL": DATABASE, "SXE_HOME": str(tmp_path)}

    done = CliRunner(env=env).invoke(main, ["contracts", "list"])

    assert done.exit_code == 0
    assert done.stderr == (
        "sxe: warning: SXE_SOCIAL_DB_URL is no variable of SXE; "
        "SXE_SOCIAL_DATABASE_URL is meant, rename it\n"
    )
    assert faults(env) == []


def test_d05_a_verb_of_production_starts_no_database_of_its_own(tmp_path):
    env = PRODUCTION | {"SXE_HOME": str(tmp_path)} | dict.fromkeys(settings.DATABASES.values())

    for verb in (["market", "list"], ["migrate"], ["env"], ["keys", "register"]):
        done = CliRunner(env=env).invoke(main, verb)
        assert (done.exit_code, "set" in done.stderr) == (3, True), done.output
    assert not (tmp_path / "postgres").exists()


def test_d04_production_makes_no_secret_at_its_first_use(tmp_path):
    env = PRODUCTION | {"SXE_HOME": str(tmp_path), "SXE_SIGNING_KEY": None}

    for verb in (["keys", "create"], ["keys", "public"]):
        done = CliRunner(env=env).invoke(main, verb)
        assert done.exit_code == 3
        assert "keys create --print" in done.stderr
    assert list(tmp_path.iterdir()) == []
    printed = CliRunner(env=env).invoke(main, ["keys", "create", "--print"])
    assert printed.exit_code == 0


def test_d14_verifying_without_dagsters_login_says_so(tmp_path):
    cleared = dict.fromkeys(settings.DATABASES.values())
    env = cleared | {"SXE_HOME": str(tmp_path), "SXE_API_DATABASE_URL": DATABASE}

    done = CliRunner(env=env).invoke(main, ["audit", "verify"])

    assert done.exit_code == 3
    assert "DAGSTER_DATABASE_URL is not set" in done.stderr


def test_the_demo_invents_nobody_in_production(tmp_path):
    done = CliRunner(env=PRODUCTION | {"SXE_HOME": str(tmp_path)}).invoke(main, ["demo"])

    assert done.exit_code == 5
    assert "invents people" in done.stderr


@pytest.mark.parametrize(
    ("location", "given"),
    [(definitions.social_tier, SOCIAL), (definitions.contact_tier, CONTACT)],
    ids=["social", "contact"],
)
def test_d09_a_code_location_loads_with_its_own_environment_and_refuses_the_others_secrets(
    location, given, monkeypatch
):
    for name in {*variables.KNOWN, *variables.CREDENTIALS, "DAGSTER_DATABASE_URL"}:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert location().resolve_asset_graph().get_all_asset_keys()

    for name, value in (SOCIAL | CONTACT).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadConfig, match="belongs to another process"):
        location()


def test_every_name_that_is_read_is_known_and_every_process_is_told_apart():
    package = Path(sxe_pipeline.__file__).parent
    reader = (package / "settings" / "__init__.py").read_text()
    read = set(re.findall(r'env(?:\.get\(|\[|, )"(SXE_\w+)"', reader))

    assert len(read) > 8
    assert read <= variables.KNOWN
    assert set(variables.PACE) == set(settings.Pace.__dataclass_fields__)
    social, contact = (variables.PROCESSES[name] for name in ("social", "contact"))
    assert {*contact.needs, *contact.may} & {*settings.DATABASES.values(), *settings.SECRETS} <= (
        social.foreign | {"DAGSTER_DATABASE_URL", "SXE_SIGNING_KEY", "SXE_BROKER_URL"}
    )


def test_d10_a_store_may_have_an_identity_of_its_own():
    given = settings.load(
        {
            "SXE_LANDING_STORE_URL": "s3://one",
            "SXE_LANDING_STORE_ACCESS_KEY_ID": "hunter2",
            "SXE_LANDING_STORE_SECRET_ACCESS_KEY": "hunter2",
            "SXE_LANDING_STORE_REGION": "ams3",
        }
    )

    assert given.landing_url.options == {
        "AWS_ACCESS_KEY_ID": "hunter2",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_REGION": "ams3",
    }
    assert given.tier1_url.options == {}
    assert "hunter2" not in repr(given)
    half = {"SXE_TIER1_STORE_URL": "s3://t", "SXE_TIER1_STORE_ACCESS_KEY_ID": "hunter2"}
    assert ["set both" in sentence for sentence in faults(half)] == [True]
