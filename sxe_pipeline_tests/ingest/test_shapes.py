"""Shapes without a sample in the real data, by invented payloads."""

import json
from pathlib import Path

import pytest

from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.schema import documents
from sxe_pipeline.schema.tables import REASONS
from sxe_pipeline_tests.ingest.reading import land

CASES = documents.read((Path(__file__).parent / "cases" / "invented.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_an_invented_payload_becomes_what_its_case_says(case):
    data = json.dumps(case["payload"]).encode()

    rows, rejects = land(data, "payload.json")

    assert [reject.reason for reject in rejects] == case.get("rejects", [])
    assert len(rows) == len(case.get("rows", []))
    for row, expected in zip(rows, case.get("rows", []), strict=True):
        found = {name: str(row[name]) if name == "observed_at" else row[name] for name in expected}
        assert found == expected


def test_every_shipped_form_has_a_typed_outcome():
    for form in mappings(None).forms:
        kinds = [form.fills is not None, form.reason is not None, form.children is not None]
        assert sum(kinds) == 1, form.name
        assert form.reason is None or form.reason in REASONS
