"""The process of a container: real children on a given database, asked by HTTP and ended."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psycopg
import pytest

from sxe_pipeline import sign
from sxe_pipeline.audit import checkpoints, seal
from sxe_pipeline.errors import BadInput
from sxe_pipeline.local import family, health, worker
from sxe_pipeline.settings import DATABASES, SECRETS, load
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests import databases
from sxe_pipeline_tests.places import settings_on, with_dagsters_tables
from sxe_pipeline_tests.ports import free_port

SXE = [sys.executable, "-m", "sxe_pipeline.cli", "worker"]
PATIENCE_S = 120


@pytest.fixture
def database(processes, server, tmp_path):
    """One whose Dagster tables stand, as `sxe migrate` leaves it, and the logins of the tier."""
    made = databases.copy_of(server, with_dagsters_tables(server))
    settings_on(made, tmp_path / "key")
    yield made
    databases.drop(made)


class Container:
    """`sxe worker KINDS` with an empty home and nothing but the environment of its process."""

    def __init__(self, kinds, home, logins):
        self.health, self.port = free_port(), free_port()
        mine = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}
        self.log = home.with_suffix(".log")
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [*SXE, *kinds, "--port", str(self.port), "--health-port", str(self.health)],
                env=mine | logins | {"SXE_HOME": str(home), "SXE_RUN_LEASE_S": "10"},
                stdout=out,
                stderr=out,
                # As a shell does in the background; Dagster would give it to SIGTERM as well.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
            )

    def says(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}{path}", timeout=5) as a:
                return a.status
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code
        except OSError:
            return None

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.printed()
            assert time.monotonic() < end, f"{what}: {self.printed()}"
            time.sleep(0.2)

    def printed(self):
        return self.log.read_text()[-3000:]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def test_d08_of_two_daemons_one_works_and_a_rollout_takes_over(database, tmp_path):
    """The new container is ready while it stands by, and works once the old one was told to end."""
    dagster = {"DAGSTER_DATABASE_URL": database.dsn("sxe_dagster")}
    social = dagster | {"SXE_SOCIAL_DATABASE_URL": database.dsn("sxe_social")}
    with contextlib.ExitStack() as ends:
        old = Container(["social", "daemon"], tmp_path / "old", social)
        ends.callback(old.process.kill)
        old.until(lambda: old.says("/readyz") == 200, "the first one is ready")
        old.until(lambda: "this engine works" in old.printed(), "and works")
        new = Container(["daemon"], tmp_path / "new", dagster)
        ends.callback(new.process.kill)
        new.until(lambda: "stands by" in new.printed(), "the second one stands by")
        new.until(lambda: new.says("/readyz") == 200, "and is ready, so a rollout goes on")
        alive = [old.says("/livez"), new.says("/livez")]

        code = old.end()
        new.until(lambda: "this engine works" in new.printed(), "and takes over")

        assert alive == [200, 200]
        assert code == 0, old.printed()
        assert new.end() == 0, new.printed()
    for home in ("old", "new"):
        assert _running(tmp_path / home) == []


@pytest.mark.parametrize(
    "kinds",
    [
        *[("contact", "social"), ("contact", "daemon"), ("relay", "social")],
        *[("contact_relay", "relay"), ("seal", "social"), ("daemon", "seal"), ("seal", "contact")],
    ],
)
def test_contact_data_relays_and_seals_share_a_container_with_nothing(kinds):
    with pytest.raises(BadInput, match="shares its container with nothing"):
        worker.process_of(kinds)


def test_a_container_is_told_what_runs_in_it():
    with pytest.raises(BadInput, match="name what is to run"):
        worker.process_of(())


def test_no_worker_starts_a_database_or_without_its_logins(tmp_path):
    done = subprocess.run(
        [*SXE, "social"],
        env={"PATH": os.environ["PATH"], "SXE_HOME": str(tmp_path / "h")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3
    assert "SXE_SOCIAL_DATABASE_URL" in done.stderr
    assert not (tmp_path / "h" / "postgres").exists()


def test_a_port_that_somebody_listens_on_is_refused_before_anything_starts(tmp_path):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        done = subprocess.run(
            [*SXE, "social", "--port", str(port), "--health-port", str(free_port())],
            env={
                "PATH": os.environ["PATH"],
                "SXE_HOME": str(tmp_path / "h"),
                "SXE_SOCIAL_DATABASE_URL": "postgresql://sxe_social@127.0.0.1:1/nowhere",
                "DAGSTER_DATABASE_URL": "postgresql://sxe_dagster@127.0.0.1:1/nowhere",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 2
    assert f"port {port} is taken" in done.stderr


def test_d09_each_child_of_a_container_knows_what_is_its_own(tmp_path, monkeypatch):
    for name in {*DATABASES.values(), *SECRETS} - {"SXE_ALERT_WEBHOOK_URL"}:
        monkeypatch.setenv(name, f"postgresql://{name}@h/d")
    monkeypatch.setenv("SXE_HOME", str(tmp_path))
    given = load()

    ours = {*DATABASES.values(), *SECRETS}
    held = {kind: ours & set(worker.told(given, kind, tmp_path)) for kind in worker.KINDS}

    dagster = "DAGSTER_DATABASE_URL"
    assert held["daemon"] == {dagster}
    assert {dagster, "SXE_SOCIAL_DATABASE_URL", "SXE_SIGNING_KEY"} <= held["social"]
    assert {dagster, "SXE_CONTACTS_DATABASE_URL", "SXE_KEYSET"} <= held["contact"]
    identities = {
        kind: {name.removesuffix("_SECRET_ACCESS_KEY") for name in names if "SECRET_ACC" in name}
        for kind, names in held.items()
    }
    assert identities == {
        "daemon": set(),
        "social": {
            *("SXE_LANDING_STORE", "SXE_TIER1_STORE", "SXE_HANDOFF_STORE"),
            "SXE_RUN_LOG_STORE",
        },
        "contact": {"SXE_CONTACT_HANDOFF_STORE"},
    }
    assert held["social"] & held["contact"] == {dagster, "SXE_SIGNING_KEY", "SXE_BROKER_URL"}


RUN = """
import multiprocessing, time
if __name__ == "__main__":
    run = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(15,))
    run.start()
    print("begun", flush=True)
    run.join()
"""


def test_the_runs_of_a_code_server_are_counted_while_they_last(tmp_path):
    (tmp_path / "server.py").write_text(RUN)
    stop = family.Stop.__new__(family.Stop)
    stop.times = 0
    kin = family.Family(stop)
    log = tmp_path / "log"
    kin.start("server", lambda: family.start([str(tmp_path / "server.py")], os.environ, log=log))
    try:
        end = time.monotonic() + PATIENCE_S
        while kin.runs("server") != 1:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
    finally:
        kin.end()


def test_a_loop_that_hangs_is_not_alive_and_one_that_drains_is_not_ready(monkeypatch):
    seen = health.Health()
    before = [seen.answer(path) for path in ("/livez", "/readyz", "/other")]
    seen.beat(is_ready=True)
    ready = [seen.answer(path) for path in ("/livez", "/readyz")]
    monkeypatch.setattr(health, "STALE_S", -1)

    assert before == [200, 503, 404]
    assert ready == [200, 200]
    assert [seen.answer(path) for path in ("/livez", "/readyz")] == [503, 503]


def _running(home):
    """Processes that were told this home."""
    mark, found = f"DAGSTER_HOME={home}/dagster".encode(), []
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as told:  # noqa: PTH123
            if mark in told.read().split(b"\0"):
                found.append(pid)
    return found


def test_a_container_seals_by_its_own_login_and_key_and_its_end_is_clean(database, tmp_path):
    store = Objects((tmp_path / "audit").as_uri())
    key = sign.Signer.generate()
    told = {
        "SXE_SEALER_DATABASE_URL": database.dsn("sxe_sealer"),
        "SXE_AUDIT_STORE_URL": store.url,
        "SXE_AUDIT_SIGNING_KEY": key.text(),
    }

    container = Container(["seal"], tmp_path / "home", told)
    try:
        container.until(lambda: container.says("/readyz") == 200, "it is ready")
        container.until(lambda: store.exists(seal.key_of(1)), "it seals")
    finally:
        code = container.end()

    assert code == 0, container.printed()
    assert "sealed in 1 seals" in container.printed()
    said = checkpoints.read(store.get(seal.key_of(1)), [key.public_key])
    with psycopg.connect(database.dsn("postgres")) as conn:
        assert conn.execute("select count(*) from audit.event").fetchone() == (said.tree_size,)
    assert not (tmp_path / "home" / "keys").exists(), "a container makes no key"


def test_who_seals_loads_neither_dagster_nor_what_reads_tables():
    loaded = "import sys, sxe_pipeline.local.sealer; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )

    assert {"dagster", "pandas", "pyarrow", "duckdb"}.isdisjoint(done.stdout.split())
