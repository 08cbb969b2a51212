"""Twenty-seven ways to set a deployment up wrongly, each named by the doctor of that process.

A managed database (TLS, a pooler, no superuser) and object storage on a socket. It needs packages
of the system and skips where they are missing.
"""

import json
from datetime import UTC, datetime

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql as compose

from sxe_pipeline import sign
from sxe_pipeline.cli import main
from sxe_pipeline.handoff import record
from sxe_pipeline.settings import variables
from sxe_pipeline.store import key_files, migrate, roles, sql
from sxe_pipeline_tests.handoff import queues
from sxe_pipeline_tests.local import buckets

SOCIAL, CONTACT, HALF = (sign.Signer.generate() for _ in range(3))
KEYSET = "SXE_KEYSET"


class Deployment:
    """A migrated database, buckets, registered keys, and the environment of each process."""

    def __init__(self, service, database, s3, objects, home):
        self.service, self.database, self.objects = service, database, objects
        ca = f"?sslmode=verify-full&sslrootcert={service.folder}/ca.pem"
        urls = {
            name: url.replace("?sslmode=require", ca)
            for name, url in service.variables(database).items()
        }
        common = {"SXE_ENV": "production", "SXE_HOME": str(home), **s3}
        self.environments = {
            "migrate": common | urls,
            "social": common
            | {
                "SXE_SOCIAL_DATABASE_URL": urls["SXE_SOCIAL_DATABASE_URL"],
                "DAGSTER_DATABASE_URL": urls["DAGSTER_DATABASE_URL"],
                "SXE_LANDING_STORE_URL": "s3://landing/at",
                "SXE_TIER1_STORE_URL": "s3://tier1",
                "SXE_HANDOFF_STORE_URL": "s3://handoff",
                "SXE_SIGNING_KEY": SOCIAL.text(),
            },
            "contact": common
            | {
                "SXE_CONTACTS_DATABASE_URL": urls["SXE_CONTACTS_DATABASE_URL"],
                "DAGSTER_DATABASE_URL": urls["DAGSTER_DATABASE_URL"],
                "SXE_CONTACT_HANDOFF_STORE_URL": "s3://contacts",
                "SXE_KEYSET": new_keyset(),
                "SXE_SIGNING_KEY": CONTACT.text(),
                "APOLLO_API_KEY": "hunter2",
                "SXE_APOLLO_SINK_URL": "https://sink.example",
            },
            "seal": common
            | {
                "SXE_SEALER_DATABASE_URL": urls["SXE_SEALER_DATABASE_URL"],
                "SXE_AUDIT_STORE_URL": "s3://audit",
                "SXE_AUDIT_SIGNING_KEY": SOCIAL.text(),
            },
            "api": common
            | {
                "SXE_SERVE_DATABASE_URL": urls["SXE_SERVE_DATABASE_URL"],
                "SXE_HANDOFF_STORE_URL": "s3://handoff",
            },
            "relay": common
            | {
                "SXE_SOCIAL_DATABASE_URL": urls["SXE_SOCIAL_DATABASE_URL"],
                "SXE_BROKER_URL": queues.URLS["rabbitmq"],
            },
            "contact_relay": common
            | {
                "SXE_CONTACTS_DATABASE_URL": urls["SXE_CONTACTS_DATABASE_URL"],
                "SXE_BROKER_URL": queues.URLS["redis"],
            },
            "web": common | {"DAGSTER_DATABASE_URL": urls["DAGSTER_DATABASE_URL"]},
        }

    def examine(self, process, **changes):
        """Exit code and the rows of the doctor; None takes a variable away."""
        cleared = dict.fromkeys({*variables.KNOWN, *variables.CREDENTIALS, "DAGSTER_DATABASE_URL"})
        env = cleared | self.environments[process] | changes
        done = CliRunner(env=env).invoke(main, ["doctor", "--as", process, "--json"])
        assert not isinstance(done.exception, Exception), done.exception
        assert not any(secret in done.output for secret in self.secrets(env)), "a secret was shown"
        return done.exit_code, json.loads(done.stdout)["rows"]

    def second(self, variable):
        """The same login to another database of the server, which is empty."""
        other = self.service.new_database()
        # Who has no right there would only be told so.
        role = {"SXE_SOCIAL_DATABASE_URL": "sxe_social"}.get(variable, "sxe_dagster")
        self.service.run(
            compose.SQL("grant connect on database {} to {}").format(
                compose.Identifier(other), compose.Identifier(role)
            )
        )
        return edited(variable, self.database, other)(self)

    def empty(self):
        """The admin of a database that nobody migrated."""
        return edited("SXE_ADMIN_DATABASE_URL", self.database, self.service.new_database())(self)

    def secrets(self, env):
        passwords = {*self.service.passwords.values()}
        keys = {env[n] for n in variables.SECRETS if env.get(n) and ":" in env[n]}
        return passwords | {key for key in keys if not key.startswith("file:")}


def new_keyset():
    from sxe_pipeline.contacts.vault import Vault

    return Vault.generate_text()


@pytest.fixture(scope="module")
def deployed(service, tmp_path_factory):
    database = service.new_database()
    migrate.upgrade(
        service.admin(database), {role: service.passwords[role] for role in roles.TIERS}
    )
    with sql.connect(service.admin(database)) as conn:
        of_keys = ((SOCIAL, key_files.SOCIAL), (CONTACT, key_files.CONTACT), (HALF, ["lead_card"]))
        for signer, contracts in of_keys:
            known = {"contracts": contracts, "actor": "test", "now": datetime.now(UTC)}
            record.know_key(conn, signer.public_key, **known)
    with psycopg.connect(service.pooled("sxe_dagster", database)) as conn:
        conn.execute("create table dagster.runs (id int)")
    with buckets.serving() as (s3, objects):
        yield Deployment(service, database, s3, objects, tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize("process", variables.PROCESSES)
def test_d05_a_sound_process_is_green(deployed, process):
    if needed := {"relay": "rabbitmq", "contact_relay": "redis"}.get(process):
        queues.broker(needed)

    code, rows = deployed.examine(process)

    assert [row for row in rows if row["state"] != "ok" and row["check"] != "disk"] == []
    assert code == 0
    assert deployed.objects == {}, "the probes are gone"


def pooled(role):
    return lambda d: d.environments["migrate"]["SXE_API_DATABASE_URL"].replace(
        f"sxe_api:{d.service.passwords['sxe_api']}", f"{role}:{d.service.passwords[role]}"
    )


def edited(variable, old, new):
    return lambda d: next(e[variable] for e in d.environments.values() if variable in e).replace(
        old, new
    )


SOCIAL_URL, CONTACTS_URL = "SXE_SOCIAL_DATABASE_URL", "SXE_CONTACTS_DATABASE_URL"
LANDING, HANDOFF = "SXE_LANDING_STORE_URL", "SXE_HANDOFF_STORE_URL"
WRONG = [
    ("a typo in a name", "social", {"SXE_SOCIAL_DB_URL": "x"}, "SXE_SOCIAL_DATABASE_URL is meant"),
    ("a login is not set", "social", {SOCIAL_URL: None}, "SXE_SOCIAL_DATABASE_URL is not set"),
    ("logins swapped", "social", {SOCIAL_URL: pooled("sxe_api")}, "logs in as sxe_api"),
    ("the login of another tier", "contact", {SOCIAL_URL: "x"}, "belongs to another process"),
    (
        "no broker there",
        "relay",
        {"SXE_BROKER_URL": "amqp://u:p@localhost:1//"},
        "cannot be reached",
    ),
    (
        "a broker of another kind",
        "relay",
        {"SXE_BROKER_URL": "kafka://localhost"},
        "must start with",
    ),
    ("a superuser", "migrate", {"SXE_ADMIN_DATABASE_URL": pooled("postgres")}, "is a superuser"),
    ("no sslmode", "social", {SOCIAL_URL: edited(SOCIAL_URL, "sslmode=verify-full&", "")}, "TLS"),
    (
        "sslmode=disable",
        "web",
        {"DAGSTER_DATABASE_URL": edited("DAGSTER_DATABASE_URL", "verify-full", "disable")},
        "it wants TLS",
    ),
    (
        "no authority",
        "social",
        {SOCIAL_URL: edited(SOCIAL_URL, "&sslrootcert=", "&sslcrl=/x&sslrootcert=/nowhere")},
        "no authority is named",
    ),
    (
        "another authority",
        "social",
        {SOCIAL_URL: edited(SOCIAL_URL, "/ca.pem", "/cert.pem")},
        "certificate is not trusted",
    ),
    (
        "another host's certificate",
        "social",
        {SOCIAL_URL: edited(SOCIAL_URL, "127.0.0.1", "localhost")},
        "another host's",
    ),
    ("a wrong password", "social", {SOCIAL_URL: edited(SOCIAL_URL, "@", "x@")}, "wrong password"),
    ("another database", "social", {SOCIAL_URL: edited(SOCIAL_URL, "/d_", "/no_")}, "no such data"),
    (
        "the host is down",
        "contact",
        {CONTACTS_URL: "postgresql://u:p@127.0.0.1:9/x?sslmode=require"},
        "at 127.0.0.1:9 does not let u in (nothing listens there)",
    ),
    (
        "an unknown host",
        "web",
        {"DAGSTER_DATABASE_URL": edited("DAGSTER_DATABASE_URL", "127.0.0.1", "nowhere.invalid")},
        "unknown host",
    ),
    ("two databases", "social", {SOCIAL_URL: lambda d: d.second(SOCIAL_URL)}, "the logins reach 2"),
    (
        "not migrated",
        "migrate",
        dict.fromkeys((SOCIAL_URL, CONTACTS_URL, "SXE_API_DATABASE_URL", "DAGSTER_DATABASE_URL"))
        | {"SXE_ADMIN_DATABASE_URL": lambda d: d.empty()},
        "not migrated",
    ),
    (
        "no schema for Dagster",
        "web",
        {"DAGSTER_DATABASE_URL": lambda d: d.second("DAGSTER_DATABASE_URL")},
        "its tables are not there",
    ),
    ("garbage for a keyset", "contact", {KEYSET: "sxe-keyset:eA=="}, "keyset"),
    ("a keyset file", "contact", {KEYSET: "file:///tmp/never-made/keyset"}, "file of this machine"),
    ("garbage for a key", "social", {"SXE_SIGNING_KEY": "sxe-signing:eA=="}, "32 bytes in base64"),
    (
        "an unregistered key",
        "contact",
        {"SXE_SIGNING_KEY": sign.Signer.generate().text()},
        "is not registered",
    ),
    (
        "the key of the other tier",
        "social",
        {"SXE_SIGNING_KEY": CONTACT.text()},
        "was not registered for lead_card",
    ),
    (
        "a key for half of what is published",
        "social",
        {"SXE_SIGNING_KEY": HALF.text()},
        "was not registered for audience_pool",
    ),
    ("no such policy", "social", {"SXE_POLICY_FILE": "/nowhere.yaml"}, "/nowhere.yaml cannot be"),
    ("half a credential", "contact", {"ENFORMION_AP_NAME": "x"}, "access profile of Enformion"),
    ("one bucket for two tiers", "social", {HANDOFF: "s3://landing/h"}, "are one bucket"),
    ("no such bucket", "social", {LANDING: "s3://missing"}, "there is no such bucket"),
    ("a key that may not write", "social", {HANDOFF: "s3://read-only"}, "no right to do that"),
    ("a key that may not read", "social", {LANDING: "s3://write-only"}, "no right to do that"),
    ("an unknown access key", "social", {LANDING: "s3://stranger"}, "access key is unknown"),
    ("a wrong secret key", "social", {LANDING: "s3://forged"}, "secret key is wrong"),
    (
        "f8: If-None-Match is ignored",
        "social",
        {HANDOFF: "s3://careless"},
        "overwrites what exists",
    ),
    ("f8: If-None-Match is refused", "social", {HANDOFF: "s3://old"}, "write only what is new"),
    ("a service that is down", "social", {LANDING: "s3://busy"}, "busy or out of order"),
    (
        "nobody at the endpoint",
        "contact",
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        "nobody answers at its endpoint",
    ),
    (
        "an open endpoint",
        "contact",
        {"AWS_ENDPOINT_URL": "http://nowhere.invalid"},
        "AWS_ENDPOINT_URL does without TLS",
    ),
    ("http without leave", "contact", {"AWS_ALLOW_HTTP": None}, "its endpoint is http://"),
    (
        "no credentials",
        "contact",
        {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
        "no credentials are set",
    ),
    (
        "a folder for a bucket",
        "social",
        {LANDING: "file:///tmp/never-made"},
        "folder of this machine",
    ),
    ("an unwritable home", "web", {"SXE_HOME": "/proc/nowhere"}, "cannot be written"),
]


@pytest.mark.parametrize(
    ("process", "changes", "words"), [pytest.param(*rest, id=name) for name, *rest in WRONG]
)
def test_d05_what_is_wrong_is_named_and_ends_with_3(deployed, process, changes, words):
    made = {n: value(deployed) if callable(value) else value for n, value in changes.items()}

    code, rows = deployed.examine(process, **made)

    failed = [row for row in rows if row["state"] == "fail"]
    assert any(words in row["seen"] for row in failed), failed or rows
    assert all(row["fix"] for row in failed)
    assert code == 3


def test_a_key_of_apollo_without_the_address_for_phones_is_a_warning_that_names_it(deployed):
    code, rows = deployed.examine("contact", SXE_APOLLO_SINK_URL=None)

    [row] = [row for row in rows if row["state"] != "ok"]
    assert (code, row["state"]) == (0, "warn")
    assert "no phone number" in row["seen"]
    assert "SXE_APOLLO_SINK_URL" in row["fix"]
