"""`sxe worker relay`: the relay of a tier as a process, without Dagster."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from sxe_pipeline.settings import load, variables
from sxe_pipeline_tests.handoff import queues
from sxe_pipeline_tests.ports import free_port

SXE = [sys.executable, "-m", "sxe_pipeline.cli"]


@pytest.fixture
def outbox(database):
    with contextlib.closing(queues.Outbox(database)) as made:
        yield made


def environment(database, home, **more):
    mine = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}
    login = {"SXE_SOCIAL_DATABASE_URL": database.dsn("sxe_social")}
    return mine | login | {"SXE_HOME": str(home)} | more


def test_once_sends_what_is_due_and_says_so(processes, database, outbox, tmp_path):
    url = queues.broker("rabbitmq")
    consumer = outbox.subscribe()
    outbox.fill(3, consumer)

    done = [
        subprocess.run(
            [*SXE, "worker", "relay", "--once"],
            env=environment(database, tmp_path, **given),
            capture_output=True,
            text=True,
            check=False,
        )
        for given in ({}, {"SXE_BROKER_URL": url}, {"SXE_BROKER_URL": url})
    ]

    assert [one.returncode for one in done] == [0, 0, 0]
    assert done[0].stdout.startswith("no broker is set, Postgres is the queue: 3 notices wait")
    assert done[1].stdout.startswith("3 notices sent")
    assert done[2].stdout == "nothing waits; 0 notices are dead\n"
    with queues.reading(url) as read:
        assert len(read(consumer)) == 3


def test_it_runs_until_it_is_ended_and_asks_again_for_a_broker_that_is_away(
    processes, database, outbox, tmp_path
):
    consumer = outbox.subscribe()
    outbox.fill(1, consumer)
    line = queues.Line(queues.broker("rabbitmq"))
    line.cuts_at_answer = True
    health = free_port()
    with contextlib.closing(line), (tmp_path / "log").open("w") as log:
        relay = subprocess.Popen(
            [*SXE, "worker", "relay", "--health-port", str(health)],
            env=environment(database, tmp_path, SXE_BROKER_URL=line.url),
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: "the broker cannot be reached" in printed(tmp_path), relay)
            ready_while_away = answers(health, "/readyz")
            line.cuts_at_answer = False
            until(lambda: outbox.rows() == [True], relay)
            until(lambda: answers(health, "/readyz"), relay)
            relay.send_signal(signal.SIGTERM)
            code = relay.wait(30)
        finally:
            relay.kill()

    assert not ready_while_away
    assert code == 0, printed(tmp_path)
    assert "guest" not in printed(tmp_path), "no address stands in a log"


def until(condition, process):
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)


def printed(folder):
    return (folder / "log").read_text()


def answers(port, path):
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).status == 200
    return False


def test_a_relay_of_production_holds_its_login_and_its_broker_and_nothing_else(tmp_path):
    given = {
        "SXE_ENV": "production",
        "SXE_HOME": str(tmp_path),
        "SXE_SOCIAL_DATABASE_URL": "postgresql://u:p@db:25060/sxe?sslmode=verify-full",
        "SXE_BROKER_URL": "amqps://u:p@broker/cards",
    }

    assert load(given, process="relay").broker_url == "amqps://u:p@broker/cards"
    foreign = variables.PROCESSES["relay"].foreign
    assert {"SXE_CONTACTS_DATABASE_URL", "SXE_SIGNING_KEY", "SXE_KEYSET"} <= foreign


@pytest.mark.parametrize("url", ["amqp://u:p@broker/", "redis://broker/0", "kafka://broker"])
def test_production_speaks_to_no_broker_without_tls(url):
    said = list(variables.unfit({"SXE_BROKER_URL": url}))

    assert said == ["SXE_BROKER_URL does without TLS; begin it with amqps:// or rediss://"]
    assert list(variables.unfit({"SXE_BROKER_URL": "amqp://guest:guest@localhost//"})) == []
