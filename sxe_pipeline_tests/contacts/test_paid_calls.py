"""100 % audited, none before its approval: counted from the provider's own log."""

import copy
from uuid import uuid4

import httpx
import pytest

from sxe_pipeline.demo import paid_calls as claims
from sxe_pipeline_tests.contacts.harness import CREDENTIALS, Dying


def test_every_paid_call_is_audited_and_none_came_before_its_approval(due):
    harness, made = due
    harness.emulator.mode("apollo", "429", times=1)
    harness.try_work(Dying("answered"))
    harness.recover(made)

    found = claims.examine(harness.world.api, harness.emulator.stats()["calls"])

    paid = len(harness.paid_calls())
    assert paid > 2
    assert found == {
        "paid_calls": paid,
        "audited": paid,
        "approved_before": paid,
        "one_outcome": paid,
        "faults": [],
    }


def call_directly(harness, **headers):
    """Somebody with the key calls a provider and asks no gate."""
    httpx.post(
        f"{harness.emulator.url}/api/v1/people/bulk_match",
        params={"reveal_personal_emails": "true"},
        headers={"x-api-key": CREDENTIALS["apollo"]["api_key"]} | headers,
        json={"details": [{"first_name": "Un", "last_name": "Asked", "domain": "x.example"}]},
        trust_env=False,
    ).raise_for_status()


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        pytest.param(None, "no reference", id="without a reference"),
        pytest.param(str(uuid4()), "the gate knows no such call", id="with one of its own"),
        pytest.param("'; drop table", "the gate knows no such call", id="with a hostile one"),
    ],
)
def test_one_call_past_the_gate_is_seen(due, reference, what):
    harness, made = due
    harness.recover(made)
    honest = len(harness.paid_calls())

    call_directly(harness, **({"x-request-id": reference} if reference else {}))
    found = claims.examine(harness.world.api, harness.emulator.stats()["calls"])

    seq = harness.paid_calls()[-1]["seq"]
    assert (found["paid_calls"], found["audited"]) == (honest + 1, honest)
    assert found["approved_before"] == found["one_outcome"] == honest
    assert f"apollo call {seq}: {what}" in found["faults"]
    assert reference is None or reference not in str(found)


def test_a_call_that_comes_twice_under_one_reference_is_seen(due):
    harness, made = due
    harness.recover(made)

    call_directly(harness, **{"x-request-id": harness.paid_calls()[0]["x_request_id"]})
    found = claims.examine(harness.world.api, harness.emulator.stats()["calls"])

    assert sum("more than once" in fault for fault in found["faults"]) == 2


LOG = [{"seq": 1, "provider": "apollo", "kind": "paid", "x_request_id": "c"}]
RECEIPT = {
    "call_id": "c",
    "provider": "apollo",
    "sent_at": "2026-03-01T10:00:00.5+00:00",
    "approvals": [{"made_at": "2026-03-01T10:00:00+00:00"}],
    "events": ["e1", "e2"],
}
KINDS = {"e1": "call.sending", "e2": "call.settled"}


def changed(path, value):
    """(log, receipts, kinds) with one thing that is not as it must be."""
    given = copy.deepcopy({"log": LOG, "receipts": [RECEIPT], "kinds": KINDS})
    place = given
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return given["log"], given["receipts"], given["kinds"]


def test_what_is_right_is_right():
    assert claims.audited(LOG, [RECEIPT], KINDS)["faults"] == []


@pytest.mark.parametrize(
    ("path", "value", "claim"),
    [
        (("receipts", 0, "approvals"), [], "approved_before"),
        (
            ("receipts", 0, "approvals", 0, "made_at"),
            "2026-03-01T10:00:00.6+00:00",
            "approved_before",
        ),
        # The same clock time with another offset is an hour later.
        (
            ("receipts", 0, "approvals", 0, "made_at"),
            "2026-03-01T10:00:00-01:00",
            "approved_before",
        ),
        (("receipts", 0, "sent_at"), None, "approved_before"),
        (("receipts", 0, "provider"), "enformion", "audited"),
        (("receipts", 0, "events"), None, "audited"),
        (("receipts", 0, "events"), ["e1"], "one_outcome"),
        (("receipts", 0, "events"), ["e1", "e2", "gone"], "audited"),
        (("kinds", "e1"), "call.awaiting", "audited"),
        (("kinds", "e2"), "call.awaiting", "one_outcome"),
    ],
)
def test_one_thing_that_is_wrong_is_said(path, value, claim):
    found = claims.audited(*changed(path, value))

    assert found[claim] == 0
    assert found["faults"]


@pytest.mark.parametrize(
    ("kinds", "is_right"),
    [
        (["call.unknown"], True),
        (["call.unknown", "call.settled"], True),
        (["call.awaiting", "call.unknown", "call.released"], True),
        (["call.settled", "call.late"], True),
        (["call.settled", "call.released"], False),
        (["call.settled", "call.settled"], False),
        (["call.unknown", "call.unknown"], False),
        ([], False),
    ],
)
def test_an_outcome_is_one_and_not_two(kinds, is_right):
    said = {"e1": "call.sending"} | {f"o{n}": kind for n, kind in enumerate(kinds)}
    receipt = RECEIPT | {"events": list(said)}

    assert claims.audited(LOG, [receipt], said)["one_outcome"] == int(is_right)


def test_one_item_that_nobody_approved_makes_the_call_unapproved():
    other = RECEIPT | {"approvals": []}

    assert claims.audited(LOG, [RECEIPT, other], KINDS)["approved_before"] == 0


def test_free_questions_are_not_counted():
    free = [LOG[0] | {"kind": kind, "x_request_id": None} for kind in ("poll", "counter")]

    assert claims.audited(free, [], {})["paid_calls"] == 0
