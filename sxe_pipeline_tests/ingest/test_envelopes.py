"""A payload lands alike wherever an answer holds it, and however its keys were joined."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.schema import documents
from sxe_pipeline_tests.ingest.reading import land

MANY = settings.default.max_examples
_CASES = documents.read((Path(__file__).parent / "cases" / "invented.yaml").read_text())
PAYLOADS = [c for c in _CASES if len(c.get("rows", [])) == 1 and not c.get("rejects")]
"""Each becomes one row."""
# A request beside its answer, or an answer whose key stands outside of it, is no record by itself.
WHOLE = [c for c in PAYLOADS if "research" not in c["id"] and "display api" not in c["id"]]


def outcome(record: Any) -> tuple[list[dict[str, Any]], list[str]]:
    rows, rejects = land(json.dumps(record).encode(), "f.json")
    kept = [{k: v for k, v in row.items() if k not in ("row", "observed_at")} for row in rows]
    return kept, [reject.reason for reject in rejects]


@st.composite
def wrapped(draw: st.DrawFn, payload: Any) -> Any:
    for _ in range(draw(st.integers(1, 4))):
        key = draw(st.sampled_from(["data", "result", "response", "wrapped", "item", "0", "-Nx_1"]))
        beside = draw(st.sampled_from([{}, {"status": 200}, {"meta": {"count": 1}}, {"empty": []}]))
        payload = draw(st.sampled_from([{key: payload, **beside}, [payload], {key: [payload]}]))
    return payload


@settings(max_examples=2 * MANY, deadline=None)
@given(st.data(), st.sampled_from(WHOLE))
def test_a_payload_lands_alike_at_any_node_of_any_answer(data, case):
    answer = data.draw(wrapped(case["payload"]))

    assert outcome(answer) == outcome(case["payload"])


def flat(value: Any, mark: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from flat(inner, mark, (*above, str(key)))
    elif isinstance(value, list) and value:
        for at, inner in enumerate(value):
            yield from flat(inner, mark, (*above, str(at)))
    else:
        yield mark.join(above), value


def joined(payload: dict[str, Any], mark: str) -> dict[str, Any] | None:
    """The payload as a data frame flattens it; None where its own keys hold the mark."""
    found = dict(flat(payload, mark))
    is_whole = all(mark not in str(key) for key in _keys(payload))
    return found if is_whole and len(found) > 1 else None


def _keys(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


@pytest.mark.parametrize("mark", [".", "/"])
@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case["id"])
def test_a_payload_lands_alike_with_its_keys_joined(case, mark):
    record = joined(case["payload"], mark)
    if record is None or "column by column" in case["id"] or "flatten" in case["id"]:
        return

    rows, rejects = outcome(record)

    assert not rejects
    [expected], _ = outcome(case["payload"])
    assert rows == [{**expected, "bio": expected["bio"] or rows[0]["bio"]}]


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case["id"])
def test_a_payload_keeps_its_account_and_its_counts_in_a_table(case):
    record = joined(case["payload"], "/")
    if record is None or "column by column" in case["id"] or "flatten" in case["id"]:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(record))
    writer.writeheader()
    writer.writerow({k: "" if v in ([], {}) else v for k, v in record.items()})

    rows, rejects = land(text.getvalue().encode(), "f.csv")

    [expected], _ = outcome(case["payload"])
    assert not rejects
    names = (
        "shape",
        "account_key",
        "handle",
        "follower_count",
        "post_count",
        "links",
        "is_verified",
    )
    assert {name: rows[0][name] for name in names} == {name: expected[name] for name in names}
