"""Recall and false alarms on labelled data that lies outside the repository."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sxe_pipeline.redact.stream import redact_lines

_DATA = os.environ.get("SXE_TEST_DATA")

pytestmark = pytest.mark.skipif(_DATA is None, reason="SXE_TEST_DATA names no folder of real data")


def _redacted(name: str) -> list[dict[str, Any]]:
    lines = (Path(str(_DATA)) / "truth" / name).read_bytes().splitlines()
    return list(redact_lines(lines, "text"))


def _covered(row: dict[str, Any], start: int, end: int) -> float:
    core = [i for i in range(start, end) if row["text"][i].isalnum()] or list(range(start, end))
    hit = [i for i in core if any(s["start"] <= i < s["end"] for s in row["spans"])]
    return len(hit) / len(core)


def test_adversarial_contacts_are_flagged_and_look_alikes_are_not() -> None:
    rows = _redacted("pii_adversarial.jsonl")

    flagged = [bool(row["spans"]) for row in rows if row["label"]]
    alarms = [bool(row["spans"]) for row in rows if not row["label"]]

    assert sum(flagged) / len(flagged) >= 0.999
    assert sum(alarms) / len(alarms) <= 0.003


def test_contacts_in_real_bios_go_and_traps_stay() -> None:
    found: dict[str, list[bool]] = {"email": [], "phone": []}
    kept: list[bool] = []
    truth = (Path(str(_DATA)) / "truth" / "pii_real_bios.jsonl").read_bytes().splitlines()
    for row, line in zip(_redacted("pii_real_bios.jsonl"), truth, strict=True):
        labelled = json.loads(line)
        for span in labelled["spans"]:
            if span["kind"] in found:
                found[span["kind"]].append(_covered(row, span["start"], span["end"]) >= 0.9)
        for trap in labelled["traps"]:
            if "start" in trap:
                kept.append(_covered(row, trap["start"], trap["end"]) == 0)

    assert sum(found["email"]) / len(found["email"]) == 1
    assert sum(found["phone"]) / len(found["phone"]) >= 0.985
    assert sum(kept) / len(kept) >= 0.95
