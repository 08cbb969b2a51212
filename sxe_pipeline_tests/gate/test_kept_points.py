"""A value is kept by the transaction that books its call, for the cards of that call."""

from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from sxe_pipeline.gate import permits
from sxe_pipeline_tests.gate.world import a_point

FOUND = {"outcome": "match", "fields": ["email"]}


@pytest.fixture
def answered(world):
    """A call that is under way: (permit, what was sent)."""
    world.cards(2)
    _, begun = world.approved()
    return world.send(begun)


def settle(world, leave, sent):
    permits.settle(
        world.contacts,
        leave.call_id,
        leave.fence,
        {
            "units_micro": 2_000_000,
            "found": [FOUND | {"position": item.position} for item in sent.items],
        },
    )


def keep(world, leave, *points):
    world.contacts.execute(
        "select contacts.keep_points(%s, %s)", [leave.call_id, Jsonb(list(points))]
    )


def kept(world):
    return world.owner("select card_id, provider from contacts.contact_point order by 1")


def test_a09_a_value_is_kept_beside_the_booking_with_its_event(world, answered):
    leave, sent = answered
    with world.contacts.transaction():
        settle(world, leave, sent)
        keep(world, leave, *(a_point(item.card_id) for item in sent.items))

    assert len(kept(world)) == len(sent.items)
    assert (
        world.one(
            "select count(distinct e.kind) from contacts.contact_point p "
            "join audit.event e using (event_id) where e.kind = 'call.settled'"
        )
        == 1
    )


def test_a09_nobody_adds_a_value_to_a_call_that_was_paid_before(world, answered):
    leave, sent = answered
    with world.contacts.transaction():
        settle(world, leave, sent)

    with pytest.raises(psycopg.Error, match="books their call"), world.contacts.transaction():
        keep(world, leave, a_point(sent.items[0].card_id))
    assert kept(world) == []


def test_a09_nobody_adds_a_value_to_a_call_that_was_not_answered(world, answered):
    leave, sent = answered

    with pytest.raises(psycopg.Error, match="books their call"), world.contacts.transaction():
        keep(world, leave, a_point(sent.items[0].card_id))


def test_a09_a_call_brings_no_value_of_another_card(world, answered):
    leave, sent = answered
    world.cards(1, prefix="other")

    with (
        pytest.raises(psycopg.Error, match="did not answer about"),
        world.contacts.transaction(),
    ):
        settle(world, leave, sent)
        keep(world, leave, a_point(sent.items[0].card_id), a_point("other-0000"))
    assert kept(world) == []
    assert world.call(leave) == "SENDING", "all or nothing"


def test_a09_provider_request_and_event_are_those_of_the_call_whatever_is_handed_in(
    world, answered
):
    leave, sent = answered
    with world.contacts.transaction():
        settle(world, leave, sent)
        keep(world, leave, a_point(sent.items[0].card_id, provider="other", event_id="0" * 32))

    assert kept(world) == [(sent.items[0].card_id, "apollo")]


def test_a_value_that_both_answers_of_a_call_hold_is_kept_once(world, answered):
    leave, sent = answered
    one, other = (a_point(item.card_id, blind_index="\\x" + 64 * "a") for item in sent.items)
    with world.contacts.transaction():
        settle(world, leave, sent)
        keep(world, leave, one, other)
        keep(world, leave, one | {"contact_point_id": str(uuid4())})

    assert [card for card, _ in kept(world)] == sorted(item.card_id for item in sent.items)


CHECKED = {"flags_checked_at": "2026-11-01T00:00Z", "flags_valid_until": "2026-12-02T00:00Z"}


@pytest.mark.parametrize(
    ("first", "again", "flag"),
    [
        ({}, {"dnc": True} | CHECKED, True),
        ({"dnc": False} | CHECKED, {"dnc": True} | CHECKED, True),
        ({"dnc": True} | CHECKED, {"dnc": False} | CHECKED, True),
        ({"dnc": True} | CHECKED, {}, True),
        ({"dnc": False} | CHECKED, {}, False),
        ({}, {"dnc": False} | CHECKED, None),
    ],
)
def test_a_warning_of_the_later_answer_counts_for_the_value_that_the_first_held(
    world, answered, first, again, flag
):
    leave, sent = answered
    same = {"kind": "phone", "blind_index": "\\x" + "ab" * 32}
    with world.contacts.transaction():
        settle(world, leave, sent)
        for said in (first, again):
            keep(world, leave, a_point(sent.items[0].card_id, **same, **said))

    assert world.owner(
        "select dnc, flags_checked_at is null, flags_valid_until is null "
        "from contacts.contact_point"
    ) == [(flag, flag is None, flag is None)]
