"""`sxe enrich run` that ends inside a paid call: Ctrl-C, and kill -9 of all of it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from sxe_pipeline_tests.contacts.harness import CREDENTIALS


def environment(harness, home):
    ours = ("SXE_", "DAGSTER_", "APOLLO_", "ENFORMION_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    database, url = harness.world.database, harness.emulator.url
    return inherited | {
        "SXE_HOME": str(home),
        "SXE_CONTACTS_DATABASE_URL": database.dsn("sxe_contacts"),
        "DAGSTER_DATABASE_URL": database.dsn("sxe_dagster"),
        "SXE_KEYSET": harness.keyset,
        "SXE_APOLLO_URL": url,
        "SXE_ENFORMION_URL": url,
        "SXE_APOLLO_SINK_URL": f"{url}/sink",
        "APOLLO_API_KEY": CREDENTIALS["apollo"]["api_key"],
        "ENFORMION_AP_NAME": CREDENTIALS["enformion"]["name"],
        "ENFORMION_AP_PASSWORD": CREDENTIALS["enformion"]["password"],
    }


@pytest.fixture
def run(due, processes, tmp_path):
    """A run whose first paid call was heard and charged, and is not answered."""
    harness, _ = due
    harness.emulator.mode("apollo", "hang", on="paid", times=1)
    begun = subprocess.Popen(
        [sys.executable, "-m", "sxe_pipeline.cli", "enrich", "run"],
        env=environment(harness, tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 120
    while not harness.paid_calls() and begun.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    yield begun
    if begun.poll() is None:
        os.killpg(begun.pid, signal.SIGKILL)
    begun.communicate()


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_ends_inside_a_paid_call_loses_nothing_and_pays_nobody_twice(due, run, name):
    harness, made = due
    assert len(harness.paid_calls()) == 1, run.communicate(timeout=60)

    asked = time.monotonic()
    if name == signal.SIGKILL:
        os.killpg(run.pid, name)
    else:
        run.send_signal(name)
    stdout, errors = run.communicate(timeout=90)

    assert time.monotonic() - asked < 60
    assert stdout == ""
    assert run.returncode == (-name if name == signal.SIGKILL else 130)
    if name != signal.SIGKILL:
        assert errors.splitlines()[-1] == "sxe: interrupted; run it again, what was finished stays"
        assert "Traceback" not in errors
    assert [provider for provider, _ in harness.open_calls()] == ["apollo"], "nobody released it"
    assert harness.world.money("apollo")[0] > 0

    harness.recover(made)

    harness.assert_all_is_over()
