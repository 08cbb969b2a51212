"""The demo says what it measured, and would say so if it were bad."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = [sys.executable, "-m", "sxe_pipeline.cli", "demo", "--json"]


def demo(home, *arguments):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}
    done = subprocess.run(
        [*DEMO, *arguments],
        env=env | {"SXE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def answer(processes, home):
    done = demo(home, "--accounts", "1500")
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return json.loads(done.stdout)


def test_every_input_row_is_stored_or_quarantined(answer):
    assert answer["input_rows"] == answer["observations"] + answer["quarantined"]
    assert answer["input_rows"] > 1_500
    assert "unknown_shape" in answer["reasons"]


def test_planted_contacts_were_looked_for_and_none_was_found(answer):
    assert answer["planted"] >= 100
    assert answer["planted_found"] == 0


def test_two_days_of_batches_were_read_back_by_two_readers_without_a_schema_error(answer):
    days = {batch["day"] for batch in answer["batches"]}

    assert len(days) == 2
    assert answer["schema_errors"] == 0
    for batch in answer["batches"]:
        assert batch["rows"] == batch["duckdb_rows"] == batch["pandas_rows"]
        assert batch["rows"] == batch["distinct_keys"]


def test_contact_data_was_paid_for_to_the_micro_and_handed_over(answer):
    done = answer["enrichment"]

    assert done["state"] == "DONE"
    assert done["spent_micros"] == done["provider_micros"] > 0
    assert done["values"]["email"] > 0
    assert done["values"]["phone"] > 0
    assert [b["contract"] for b in answer["contact_batches"]] == ["lead_contact"] * len(
        answer["contact_batches"]
    )
    newest = max(answer["contact_batches"], key=lambda batch: batch["rows"])
    assert newest["rows"] == newest["duckdb_rows"] == newest["distinct_keys"]


def test_every_paid_call_was_approved_before_and_is_audited(answer):
    claims = answer["enrichment"]["claims"]

    assert claims["faults"] == []
    assert claims["paid_calls"] > 0
    assert {claims[c] for c in ("audited", "approved_before", "one_outcome")} == {
        claims["paid_calls"]
    }


def test_a15_nobody_else_on_the_machine_reads_contact_data_or_what_landed(answer, home):
    closed = [home / "demo" / name for name in ("landing", "tier1", "handoff", "contact_handoff")]
    closed += [home / "demo" / "keys", home / "demo" / "dagster"]
    for folder in closed:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder.name
    contacts = list((home / "demo" / "contact_handoff").rglob("*"))
    assert any(path.suffix == ".jsonl" or ".jsonl" in path.name for path in contacts)
    for path in contacts:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path.name
    logs = [path for path in (home / "demo").iterdir() if path.is_file()]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in logs), logs


def test_the_audit_is_sealed_and_whole(answer):
    audit = answer["audit"]

    assert audit["status"] == "whole"
    assert (audit["findings"], audit["unsure"]) == ({}, [])
    assert audit["sealed"] == audit["events"], "nothing waits for its seal"
    assert audit["witnessed"] == audit["seals"] >= 1
    verdicts = 8  # what guards found waits for the upkeep of the night
    head = 1  # of the contact tier: a sensor made it, which the mirror attests
    assert audit["waiting"] == verdicts + head
    assert audit["attested"] == audit["events"] - verdicts - head > 100, (
        "each by one materialization"
    )


def test_people_on_several_platforms_are_one_card(answer):
    funnel = {}
    for row in answer["funnel"]:
        funnel[row["stage"]] = funnel.get(row["stage"], 0) + row["value"]

    assert funnel["identities"] < funnel["accounts"]
    kinds = ("lead_cards", "audience", "no_signal")
    assert sum(funnel[kind] for kind in kinds) == funnel["identities"]
    assert funnel["no_signal"] > 0.1 * funnel["identities"], "some bios say nothing"


@pytest.mark.usefixtures("data", "processes")
def test_real_files_take_the_same_pipeline_and_nothing_is_invented_for_them(tmp_path, data):
    done = demo(tmp_path, str(data / "tables"), str(data / "payloads"))

    answer = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr[-2000:]
    assert answer["data"] == "real"
    assert answer["planted"] == 0
    assert answer["enrichment"] is None
    assert answer["contact_batches"] == []
    assert answer["observations"] > 8_000
    assert answer["schema_errors"] == 0


def test_the_recall_on_the_last_screen_was_measured_with_the_rules_in_force():
    import yaml

    import sxe_pipeline.demo
    from sxe_pipeline.redact import RULESET_VERSION

    file = Path(sxe_pipeline.demo.__file__).with_name("recall.yaml")

    assert yaml.safe_load(file.read_text())["ruleset_version"] == RULESET_VERSION, (
        "run bench/redaction.py --save"
    )
