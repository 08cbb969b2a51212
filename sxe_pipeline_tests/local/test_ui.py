"""The Dagster UI as a user starts it: real processes, a real page, and nothing left behind."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from psycopg.types.json import Jsonb

from sxe_pipeline.local import family, sealer, ui
from sxe_pipeline.settings import DATABASES, load
from sxe_pipeline.store import sql
from sxe_pipeline_tests.cli.terminal import typed
from sxe_pipeline_tests.ports import free_port

SXE = [sys.executable, "-m", "sxe_pipeline.cli"]
LOADED_S = 30
"""At the first question, but for a machine so slow that a location ran into its deadline."""
ASSETS = {"cards/lead_cards", "contacts/contact_points"}
"""One of each code location."""


def environment(home):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}
    return env | {"SXE_HOME": str(home)}


@pytest.fixture(scope="module")
def port(processes):
    return free_port()


def ask(address, query):
    """Ask as a program does, with the token of the address that was printed."""
    base, token = address.split("/?token=")
    request = urllib.request.Request(
        f"{base}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def running(home):
    """Processes that still name the home."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(home) in line]


@pytest.fixture(scope="module")
def lived(processes, port, tmp_path_factory):
    """What was seen of one UI: its assets, the loss of its code servers' sockets, and its end."""
    home = tmp_path_factory.mktemp("ui") / "h"
    seen = SimpleNamespace(home=home, key=home / "dagster" / f"ui.{port}.token", assets=set())
    with subprocess.Popen(
        [*SXE, "ui", "--port", str(port)],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            seen.line = server.stdout.readline()
            seen.rights_of_key = stat.S_IMODE(seen.key.stat().st_mode)
            address = re.search(r"http://127.0.0.1:\d+/\?token=\S+", seen.line)[0]
            end = time.monotonic() + LOADED_S
            while not seen.assets >= ASSETS and time.monotonic() < end:
                nodes = ask(address, "{ assetNodes { assetKey { path } } }")["assetNodes"]
                seen.assets = {"/".join(node["assetKey"]["path"]) for node in nodes}
            workspace = next((home / "dagster").glob("workspace.*.yaml")).read_text()
            seen.sockets = [Path(found) for found in re.findall(r"socket: (.+)", workspace)]
            seen.before = [socket for socket in seen.sockets if is_listening(socket)]
            shutil.rmtree(seen.sockets[0].parent)  # as a clean-up of temporary folders does
            seen.after, end = [], time.monotonic() + 240
            while len(seen.after) < len(seen.sockets) and time.monotonic() < end:
                time.sleep(0.5)
                seen.after = [socket for socket in seen.sockets if is_listening(socket)]
        finally:
            server.send_signal(signal.SIGINT)
            _, seen.errors = server.communicate(timeout=60)
    seen.code, seen.left, seen.is_key_left = server.returncode, running(home), seen.key.exists()
    seen.logs = "\n".join(log.read_text() for log in (home / "dagster").glob("*.log"))
    seen.checkpoints = [file.name for file in (home / "audit" / "checkpoints").glob("*.json")]
    subprocess.run([*SXE, "down", "--reset", "--yes"], env=environment(home), check=True)
    return seen


def test_the_ui_shows_the_assets_and_leaves_nothing_behind(lived, port):
    assert f":{port}/" in lived.line, lived.errors
    assert lived.rights_of_key == 0o600
    assert lived.assets >= ASSETS, lived.logs
    assert lived.code == 0, lived.errors
    assert lived.left == []
    assert not lived.is_key_left


def test_what_was_done_is_sealed_while_the_ui_runs(lived):
    assert "0000000001.json" in lived.checkpoints, lived.logs


def test_code_servers_that_cannot_be_reached_any_more_are_started_anew(lived):
    assert len(lived.before) == len(lived.after) == 2, lived.errors
    assert lived.code == 0, lived.errors
    assert lived.left == []
    assert not lived.sockets[0].parent.exists()


def test_a_code_server_that_is_cut_off_right_after_its_start_is_lost(monkeypatch):
    reached = [True, False]  # seen once, before the pause between two looks
    child = family.Child(lambda: subprocess.Popen(["sleep", "60"]), lambda: reached.pop(0))
    try:
        assert not child.is_lost()
        monkeypatch.setattr(family, "WATCH_S", 0)
        assert child.is_lost()
    finally:
        child.process.kill()
        child.end(time.monotonic())


def test_a_child_that_ends_again_and_again_is_started_with_a_growing_pause(monkeypatch):
    clock = iter(range(0, 10_000, 4))
    monkeypatch.setattr(family.time, "monotonic", lambda: next(clock))
    begun = []

    def start():
        begun.append(subprocess.Popen(["true"]))
        begun[-1].wait()
        return begun[-1]

    child = family.Child(start, lambda: True)
    looks = []
    for _ in range(100):
        looks.append(child.is_lost())
        if looks[-1]:
            child.begin()

    pauses = [len(few) for few in "".join(".x"[look] for look in looks).split("x")][:-1]
    assert pauses[0] == 0  # at once
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30 // 4
    assert not child.answered


def test_a_code_server_without_its_database_ends_instead_of_answering_an_error_for_ever(tmp_path):
    nowhere = "postgresql+psycopg2://sxe_dagster:none@127.0.0.1:1/none"
    (tmp_path / "dagster.yaml").write_text(f"storage:\n  postgres:\n    postgres_url: {nowhere}\n")
    address = tmp_path / "socket"
    told = environment(tmp_path) | {"DAGSTER_HOME": str(tmp_path), "DAGSTER_STORAGE_URL": nowhere}

    server = family.start(family.code_server("social_tier", address), told, log=tmp_path / "log")

    assert server.wait(90) != 0
    assert not family.listens(address)


def test_a_code_server_that_never_answers_is_lost_once_it_should_have(monkeypatch):
    child = family.Child(lambda: subprocess.Popen(["sleep", "60"]), lambda: False)
    try:
        assert not child.is_lost()
        monkeypatch.setattr(family, "READY_S", 0)
        assert child.is_lost()
    finally:
        child.process.kill()
        child.end(time.monotonic())


def is_listening(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


class Kin:
    """Children of a UI: how many runs they have, and who was started anew."""

    def __init__(self, runs=0):
        self.count, self.renewed = runs, []

    def runs(self, name):
        return self.count

    def renew(self, name):
        self.renewed.append(name)


@pytest.mark.parametrize(
    ("shown", "landed", "runs", "becomes"),
    [
        pytest.param("2026-03-05", "2026-03-02", 0, "2026-03-02", id="an older day landed"),
        pytest.param("2026-03-05", "2026-03-02", 1, "2026-03-05", id="a run is under way"),
        pytest.param("2026-03-05", "2026-03-05", 0, "2026-03-05", id="none is older"),
        pytest.param("2026-03-05", None, 0, "2026-03-05", id="nothing landed"),
        pytest.param(None, "2026-03-02", 0, None, id="every day is shown"),
    ],
)
def test_a_day_that_lands_older_than_the_first_one_shown_is_shown_too(
    tmp_path, database, shown, landed, runs, becomes
):
    given = load({"SXE_HOME": str(tmp_path), "SXE_SOCIAL_DATABASE_URL": database.dsn("sxe_social")})
    file = {"collection": "c", "file_sha256": "ab" * 32, "path": "c/x", "byte_count": 1}
    if landed:
        with sql.connect(database.dsn("sxe_social")) as conn:
            files = Jsonb([file | {"landed_day": landed, "is_again": False}])
            conn.execute("select ingest.register_files(%s, now(), 'test')", [files])
    social, kin = {"SXE_FIRST_DAY": shown} if shown else {}, Kin(runs)

    for _ in range(2):
        ui.show_older_days(given, social, kin)

    assert social.get("SXE_FIRST_DAY") == becomes
    assert kin.renewed == (["social_tier"] if shown != becomes else []), "once"


def test_a_child_that_is_renewed_starts_with_the_environment_of_then(monkeypatch):
    told, environment = [], {"DAY": "1"}

    def start():
        told.append(environment["DAY"])
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    with family.family(family.Stop()) as kin:
        kin.start("a", start)
        environment["DAY"] = "2"
        kin.renew("a")
        end = time.monotonic() + 30
        while len(told) < 2 and time.monotonic() < end:
            kin.revive()
            time.sleep(0.05)

    assert told == ["1", "2"]


def test_a14_each_process_holds_the_logins_and_secrets_of_its_tier_alone(tmp_path, monkeypatch):
    secrets = ["SXE_KEYSET", "SXE_TOKEN", "APOLLO_API_KEY", "ENFORMION_AP_PASSWORD"]
    keys = ["SXE_SIGNING_KEY", "SXE_AUDIT_SIGNING_KEY", "SXE_BROKER_URL"]
    for name in [*DATABASES.values(), *secrets, *keys]:
        monkeypatch.setenv(name, f"postgresql://{name}@h/d")
    monkeypatch.setenv("SXE_HOME", str(tmp_path))
    given = load()

    both, servers = ui._environments(given, tmp_path, is_read_only=False)

    ours = {*DATABASES.values(), *secrets, *keys}
    told = servers | {"both": both, "seal": sealer.told(given)}
    held = {name: ours & set(env) for name, env in told.items()}
    dagsters = "DAGSTER_DATABASE_URL"
    assert held == {
        "both": {dagsters},
        "social_tier": {dagsters, "SXE_SOCIAL_DATABASE_URL", "SXE_SIGNING_KEY", "SXE_BROKER_URL"},
        "contact_tier": {dagsters, "SXE_CONTACTS_DATABASE_URL", "SXE_SIGNING_KEY"}
        | {"SXE_KEYSET", "APOLLO_API_KEY", "ENFORMION_AP_PASSWORD"},
        "seal": {"SXE_SEALER_DATABASE_URL", "SXE_AUDIT_SIGNING_KEY"},
    }
    keys = [servers[tier]["SXE_SIGNING_KEY"] for tier in ("social_tier", "contact_tier")]
    assert keys[0] != keys[1]


def test_the_ui_of_the_demo_tells_no_broker_of_invented_people(tmp_path, monkeypatch):
    served = []
    monkeypatch.setattr(ui, "serve", lambda given, **_: served.append(given))
    (tmp_path / "demo").mkdir()

    for more in ([], ["--demo"]):
        typed(tmp_path, "ui", *more, SXE_BROKER_URL="amqp://u:p@localhost//")

    assert [given.broker_url for given in served] == ["amqp://u:p@localhost//", None]


def test_who_only_looks_holds_no_login_of_a_tier(tmp_path):
    logins = {name: f"postgresql://{name}@h/d" for name in DATABASES}
    given = replace(load({"SXE_HOME": str(tmp_path)}), **logins)

    both, servers = ui._environments(given, tmp_path, is_read_only=True)

    held = {name for env in (both, *servers.values()) for name in env if name in DATABASES.values()}
    assert held == {"DAGSTER_DATABASE_URL"}
    assert "--read-only" in ui._web(3000, tmp_path, tmp_path, is_read_only=True)


def test_a_taken_port_is_one_sentence(tmp_path, port):
    with socket.socket() as taken:
        # The UI that was looked at before may have left connections that are still closing.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()

        done = typed(tmp_path, "ui", "--port", str(port))

    assert done.exit_code == 2
    assert "is taken" in done.stderr


def test_who_starts_the_ui_loads_no_dagster():
    """It lives as long as the UI does, whose other processes have Dagster: that is 100 MB."""
    looks = "import sys; from sxe_pipeline.local import ui; sys.exit('dagster' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", looks], check=False).returncode == 0
