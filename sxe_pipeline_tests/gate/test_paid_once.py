"""What was paid for stays known, whatever becomes of the card: it goes, returns, merges, splits."""

import psycopg
import pytest

from sxe_pipeline.errors import Refused
from sxe_pipeline.gate import permits, requests
from sxe_pipeline_tests.gate.world import APOLLO

ONLY = {"waterfall": ["apollo"]}


def ask(world, card, outcome="no_match", fields=()):
    """Ask Apollo about a card, and pay."""
    _, begun = world.approved(card_ids=[card], **ONLY)
    world.settle(*world.send(begun), outcome=outcome, fields=fields)
    permits.finish(world.contacts, begun)


def refused(world, card):
    """Whether the gate says that it asked before."""
    with pytest.raises(Refused, match="1 asked before"):
        world.submit(card_ids=[card], **ONLY)
    return True


def test_a01_a_card_that_goes_and_returns_is_not_paid_for_again(world):
    [card] = world.cards(1)
    ask(world, card)

    for _ in range(2):
        world.away(card)
        world.back()

    assert refused(world, card)
    assert world.sent_calls() == 1


def test_a01_a_request_from_before_the_return_pays_nothing_either(world):
    [card] = world.cards(1)
    _, late = world.approved(card_ids=[card], **ONLY)
    ask(world, card)
    world.away(card)
    world.back()

    assert world.permit(late) == permits.Denied("nothing_left")


def test_a01_other_inputs_are_another_question_and_the_old_ones_are_not(world):
    [card] = world.cards(1)
    before = world.known[card].inputs["domain"]
    ask(world, card)
    world.change(card, domain="moved.example")
    ask(world, card)
    world.change(card, domain=before)

    assert refused(world, card)
    assert world.sent_calls() == 2


def test_a01_what_is_known_of_one_id_holds_for_the_other(world):
    one, other = world.cards(2)
    world.merge(one, other)
    ask(world, one)

    assert refused(world, other)


def test_a01_a_card_that_merges_brings_what_was_asked_about_it(world):
    one, other = world.cards(2)
    ask(world, one)
    world.merge(one, other)

    assert refused(world, other)

    world.change(other, domain="of-both.example")
    ask(world, other)
    assert world.sent_calls() == 2


def test_a01_a_card_that_splits_takes_what_was_asked_with_the_same_inputs(world):
    [whole] = world.cards(1)
    ask(world, whole)
    world.split(whole, "part")
    world.split(whole, "other", domain="of-its-own.example")

    assert refused(world, "part")
    ask(world, "other")
    assert world.sent_calls() == 2


def test_a01_a_find_before_a_split_is_not_bought_again_with_the_same_inputs(world):
    [whole] = world.cards(1)
    ask(world, whole, "match", ("email",))
    world.split(whole, "part")

    assert refused(world, "part")
    assert world.submit(card_ids=[whole], **ONLY).counts.known_and_fresh == 1


def test_a01_a_part_that_merges_into_somebody_else_brings_it_along(world):
    whole, stranger = world.cards(2)
    ask(world, whole)
    world.split(whole, "part")
    world.merge("part", stranger)
    world.change(stranger, **world.known[whole].inputs)

    assert refused(world, stranger)


def test_a01_two_parts_with_the_same_inputs_are_asked_about_one_after_the_other(world):
    [whole] = world.cards(1)
    world.split(whole, "part")
    _, begun = world.approved(card_ids=[whole, "part"], **ONLY)

    leave, sent = world.send(begun)

    assert len(sent.items) == 1
    assert world.permit(begun) == permits.Denied("in_flight")
    world.settle(leave, sent, outcome="no_match", fields=())
    assert world.permit(begun) == permits.Denied("nothing_left")


def test_a01_a_forgotten_request_is_not_forgotten_by_the_gate(world):
    [card] = world.cards(1)
    world.settings(negative_for="180 days")
    ask(world, card)
    a_month_passes(world)
    assert permits.sweep(world.contacts).forgotten == 1
    world.away(card)
    world.back()

    assert refused(world, card)


def test_what_an_edit_of_a_forgotten_request_names_is_forgotten_in_its_time_as_well(world):
    world.cards(2)
    made = world.submit(2)
    requests.reject(
        world.api, world.tokens["ben"], made.request_id, made.version, made.content_sha256, "no"
    )
    a_month_passes(world)
    assert permits.sweep(world.contacts).forgotten == 1
    edited = requests.submit(
        world.api, world.tokens["ana"], world.spec(limit=2, request_id=made.request_id)
    )
    world.approve(edited)
    begun = world.begun_again(edited)
    world.settle(*world.send(begun))
    world.permit(begun)
    world.permit(begun, "enformion")
    permits.finish(world.contacts, begun)
    assert permits.sweep(world.contacts).forgotten == 0

    a_month_passes(world)

    assert permits.sweep(world.contacts).forgotten == 1
    assert world.one("select count(*) from gate.request_item where inputs is not null") == 0
    assert permits.sweep(world.contacts).forgotten == 0


def a_month_passes(world):
    world.owner(
        "update gate.request set decide_by = decide_by - interval '40 days', "
        "finished_at = finished_at - interval '40 days'"
    )
    world.owner("update gate.call set resolved_at = resolved_at - interval '40 days'")


def test_a01_a_digest_of_inputs_cannot_be_made_without_the_key(world):
    world.cards(1)

    plain = world.one(
        "select encode(substring(sha256(convert_to(inputs::text, 'UTF8')) for 16), 'hex')::uuid "
        "= inputs_revision from gate.candidate"
    )

    assert not plain
    for login in ("sxe_social", "sxe_contacts", "sxe_api"):
        with (
            world.fresh(login) as conn,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            conn.execute("select key from gate.digest_key")


def test_k04_an_approval_that_lost_an_answer_never_pays_for_it_again(world):
    [card] = world.cards(1)
    made = world.submit(card_ids=[card], **ONLY)
    world.approve(made, lost_cards=[card])
    begun = world.begun_again(made)
    leave, _ = world.send(begun)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")
    world.agree("resolve", {"call_id": str(leave.call_id), "units_micro": 1_000_000})
    # The clock of the database stepped back in between.
    world.owner("update gate.call set resolved_at = resolved_at - interval '1 hour'")

    assert world.permit(begun) == permits.Denied("nothing_left")


@pytest.mark.parametrize("units", [pytest.param(1_000_000, id="paid"), pytest.param(0, id="free")])
def test_what_was_lost_before_a_split_is_not_asked_again_about_the_part(world, units):
    [whole] = world.cards(1)
    _, begun = world.approved(card_ids=[whole], **ONLY)
    world.split(whole, "part")
    world.split(whole, "other", domain="of-its-own.example")
    _, late = world.approved(card_ids=["part", "other"], **ONLY)
    leave, _ = world.send(begun)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")

    world.agree("resolve", {"call_id": str(leave.call_id), "units_micro": units})

    _, sent = world.send(late)
    assert [item.card_id for item in sent.items] == ["other"], "its inputs are another question"
    made = world.submit(card_ids=["part"], **ONLY)
    world.approve(made, lost_cards=[whole])
    assert isinstance(world.permit(world.begun_again(made)), permits.Permit)


def test_a10_aliases_never_close_a_circle(world):
    one, two, three = world.cards(3)
    world.merge(one, two)
    world.merge(two, three)

    with pytest.raises(psycopg.Error, match="leads back to itself"):
        world.merge(three, one)
    with pytest.raises(psycopg.Error, match="leads back to itself"):
        world.owner("update social.alias set survivor_card_id = %s where card_id = %s", *(one, two))


def test_a10_a_walk_over_a_circle_ends_and_what_was_paid_is_booked(world):
    world.agree("price", APOLLO | {"batch_max": 1})
    one, two = world.cards(2)
    _, begun = world.approved(card_ids=[one], **ONLY)
    leave, sent = world.send(begun)
    world.owner("alter table social.alias disable trigger refuse_circle")
    world.merge(one, two)
    world.merge(two, one)

    world.settle(leave, sent)

    assert world.call(leave) == "SETTLED"
    assert world.one("select cardinality(gate.family(%s))", one) == 2
    assert world.one("select cardinality(gate.kin(%s))", one) == 2
