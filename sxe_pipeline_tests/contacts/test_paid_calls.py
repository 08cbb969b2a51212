"""100 % audited, none before its approval: counted from the provider's own log."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import httpx
import pytest

from sxe_pipeline.demo import paid_calls
from sxe_pipeline.gate.reads import Ground, ReceiptLine
from sxe_pipeline_tests.contacts.harness import CREDENTIALS, Dying


def test_every_paid_call_is_audited_and_none_came_before_its_approval(due):
    harness, made = due
    harness.emulator.mode("apollo", "429", times=1)
    harness.try_work(Dying("answered"))
    harness.recover(made)

    proof = paid_calls.examine(harness.world.api, harness.emulator.stats()["calls"])

    paid = len(harness.paid_calls())
    assert paid > 2
    assert proof == {
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
    proof = paid_calls.examine(harness.world.api, harness.emulator.stats()["calls"])

    seq = harness.paid_calls()[-1]["seq"]
    assert (proof["paid_calls"], proof["audited"]) == (honest + 1, honest)
    assert proof["approved_before"] == proof["one_outcome"] == honest
    assert f"apollo call {seq}: {what}" in proof["faults"]
    assert reference is None or reference not in str(proof)


def test_a_call_that_comes_twice_under_one_reference_is_seen(due):
    harness, made = due
    harness.recover(made)

    call_directly(harness, **{"x-request-id": harness.paid_calls()[0]["x_request_id"]})
    proof = paid_calls.examine(harness.world.api, harness.emulator.stats()["calls"])

    assert sum("more than once" in fault for fault in proof["faults"]) == 2


CALL, SENDING, SETTLED = (UUID(int=n) for n in (1, 2, 3))
APPROVED_AT = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
LOG = [{"seq": 1, "provider": "apollo", "kind": "paid", "x_request_id": str(CALL)}]
LINE = ReceiptLine(
    card_id="card",
    provider="apollo",
    field_group="email",
    outcome="match",
    call_id=CALL,
    call_state="SETTLED",
    sent_at=APPROVED_AT + timedelta(seconds=0.5),
    request_id=UUID(int=4),
    version=1,
    charged_micros=1,
    reserved_micros=1,
    values=(),
    approvals=(Ground(UUID(int=5), "ben", APPROVED_AT),),
    budgets=None,
    policy_sha256="ab",
    content_sha256="cd",
    events=(SENDING, SETTLED),
)
KINDS = {SENDING: "call.sending", SETTLED: "call.settled"}


def approved_at(moment):
    return (replace(LINE.approvals[0], made_at=moment),)


def test_what_is_right_is_right():
    assert paid_calls.audited(LOG, [LINE], KINDS)["faults"] == []


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ({"approvals": ()}, "approved_before"),
        ({"approvals": approved_at(APPROVED_AT + timedelta(seconds=0.6))}, "approved_before"),
        # The same clock time with another offset is an hour later.
        (
            {"approvals": approved_at(APPROVED_AT.replace(tzinfo=timezone(-timedelta(hours=1))))},
            "approved_before",
        ),
        ({"sent_at": None}, "approved_before"),
        ({"provider": "enformion"}, "audited"),
        ({"events": None}, "audited"),
        ({"events": (SENDING,)}, "one_outcome"),
        ({"events": (SENDING, SETTLED, UUID(int=9))}, "audited"),
    ],
)
def test_one_thing_that_is_wrong_in_a_receipt_is_said(change, promise):
    proof = paid_calls.audited(LOG, [replace(LINE, **change)], KINDS)

    assert proof[promise] == 0
    assert proof["faults"]


@pytest.mark.parametrize(("event", "promise"), [(SENDING, "audited"), (SETTLED, "one_outcome")])
def test_an_event_of_another_kind_is_said(event, promise):
    proof = paid_calls.audited(LOG, [LINE], KINDS | {event: "call.awaiting"})

    assert proof[promise] == 0
    assert proof["faults"]


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
    by_id = {SENDING: "call.sending"} | {UUID(int=10 + n): kind for n, kind in enumerate(kinds)}
    line = replace(LINE, events=tuple(by_id))

    assert paid_calls.audited(LOG, [line], by_id)["one_outcome"] == int(is_right)


def test_one_item_that_nobody_approved_makes_the_call_unapproved():
    other = replace(LINE, approvals=())

    assert paid_calls.audited(LOG, [LINE, other], KINDS)["approved_before"] == 0


def test_free_questions_are_not_counted():
    free = [LOG[0] | {"kind": kind, "x_request_id": None} for kind in ("poll", "counter")]

    assert paid_calls.audited(free, [], {})["paid_calls"] == 0
