"""What the guides write down works as it stands."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from sxe_pipeline.contacts import normalise
from sxe_pipeline.contacts.adapter import (
    Answer,
    Finding,
    HttpRequest,
    Item,
    Reply,
    Value,
    Verdict,
)
from sxe_pipeline.contacts.providers import replies
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.schema.columns import CLASSES, Column
from sxe_pipeline_tests.ingest.reading import land

GUIDES = Path(__file__).parents[1] / "docs" / "guides"
NAMES = {
    named.__name__: named
    for named in (Mapping, Sequence, datetime, Answer, Finding, HttpRequest, Item, Reply, Value)
} | {"Verdict": Verdict, "BadConfig": BadConfig, "replies": replies, "normalise": normalise}
ANA = Item(0, "card", {"first_name": "Ana", "last_name": "Diaz"})


def blocks(guide, language):
    return re.findall(rf"```{language}\n(.*?)```", (GUIDES / guide).read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def acme():
    names = dict(NAMES)
    exec(blocks("add_a_provider.md", "python")[0], names)
    return names["Acme"]()


@pytest.mark.parametrize(
    ("body", "verdict", "outcome"),
    [
        pytest.param(
            {"units": 1, "last": "Diaz", "email": "Ana@Example.org"},
            *(Verdict.SETTLED, "match"),
            id="an address",
        ),
        pytest.param(
            {"units": 0, "last": "Diaz"}, Verdict.SETTLED, "no_match", id="nothing is known"
        ),
        pytest.param({"units": 1, "last": "Roe"}, Verdict.SETTLED, "mismatch", id="somebody else"),
        pytest.param({"last": "Diaz"}, Verdict.UNKNOWN, None, id="no figure is not nothing"),
    ],
)
def test_the_adapter_of_the_guide_reads_a_reply(acme, body, verdict, outcome):
    reply = Reply(200, body=json.dumps(body).encode())

    answer = acme.read([ANA], ("email",), reply, datetime.now(UTC))

    assert answer.verdict is verdict
    assert [finding.outcome for finding in answer.findings] == ([outcome] if outcome else [])
    assert acme.call_request([ANA], ("email",)).path == "/find"


def test_the_shape_of_the_guide_makes_the_row_of_the_guide():
    shape, cases = blocks("add_a_payload_shape.md", "yaml")
    [case] = yaml.safe_load(cases)

    rows, rejects = land(
        json.dumps(case["payload"]).encode(),
        "payload.json",
        mapping=f"platform: x\nshapes:\n{shape}".encode(),
    )

    assert rejects == []
    [row], [expected] = rows, case["rows"]
    assert {name: row[name] for name in expected} == expected


def test_the_column_of_the_guide_states_a_class_that_there_is():
    column = eval(blocks("add_a_column.md", "python")[0].strip(), {"Column": Column})
    listed = re.findall(r"`(\w+)`", (GUIDES / "add_a_column.md").read_text())

    assert column.is_classified
    assert set(CLASSES) <= set(listed)
