"""What leaves of a finished request: what was approved, and what nothing speaks against by now."""

import dataclasses

import pytest

from sxe_pipeline.gate import delivery, people, permits
from sxe_pipeline_tests.gate.world import POLICY


def handed(world, made):
    return {card.card_id for card in delivery.deliverable(world.contacts, made.request_id)}


def bought(world, cards):
    """A request that ran, and a value of each card is known."""
    made = world.submit(card_ids=cards, fields=["email"])
    world.approve(made)
    run(world, world.begun_again(made))
    return made


def run(world, begun):
    leave = world.permit(begun)
    while isinstance(leave, permits.Permit):
        world.settle(leave, permits.sending(world.contacts, leave))
        leave = world.permit(begun)
    world.permit(begun, "enformion")
    permits.finish(world.contacts, begun)


def until_it_expires(world, made):
    world.approvals_over("ben")


def until_its_giver_retires(world, made):
    people.retire(world.api, world.tokens["cho"], "ben")


@pytest.mark.parametrize("ends", [until_it_expires, until_its_giver_retires])
@pytest.mark.parametrize("is_launched", [True, False])
def test_what_is_known_is_not_handed_over_for_an_approval_that_ended_before_the_run(
    world, ends, is_launched
):
    cards = world.cards(3)
    bought(world, cards)
    made = world.submit(card_ids=cards, fields=["email"])
    world.approve(made, positions=[2])

    if is_launched:
        [launch] = permits.claim_launches(world.contacts)
        ends(world, made)
        begun = permits.begin(world.contacts, made.request_id, launch.attempt, "run")
        permits.finish(world.contacts, begun)
    else:
        ends(world, made)
        permits.sweep(world.contacts)

    assert world.request(made) == "HALTED"
    assert handed(world, made) == set()


def test_what_a_run_may_ask_about_is_handed_over_though_the_approval_ended_since(world):
    cards = world.cards(3)
    made = world.submit(card_ids=cards, fields=["email"])
    world.approve(made, positions=[2])
    begun = world.begun_again(made)
    world.settle(*world.send(begun))
    world.lease_over()
    [launch] = permits.claim_launches(world.contacts)
    world.approvals_over("ben")

    permits.finish(
        world.contacts, permits.begin(world.contacts, made.request_id, launch.attempt, "again")
    )

    assert world.request(made) == "HALTED"
    assert handed(world, made) == {cards[1]}


def test_a_card_that_was_withdrawn_since_is_not_handed_over(world):
    cards = world.cards(2)
    made = bought(world, cards)
    assert handed(world, made) == set(cards)

    world.away(cards[0])

    assert handed(world, made) == {cards[1]}
    world.back()
    assert handed(world, made) == set(cards)


def test_a_card_that_became_one_with_another_is_handed_over_under_its_new_id(world):
    cards = world.cards(2)
    made = bought(world, cards)

    world.merge(cards[0], cards[1])
    world.away(cards[0])

    assert handed(world, made) == {cards[1]}


def onto_a_closed_platform(world, card):
    """The card is found on another platform, which the policy does not open."""
    world.put([dataclasses.replace(world.known[card], platforms=("tiktok", "x"))])


def into_somebody_on_a_closed_platform(world, card):
    """It turns out to be one with somebody who stands there."""
    [other] = world.cards(1, prefix="other", platforms=("tiktok",))
    world.merge(other, card)


@pytest.mark.parametrize("goes", [onto_a_closed_platform, into_somebody_on_a_closed_platform])
def test_a_card_that_went_where_the_policy_is_closed_is_not_handed_over(world, goes):
    cards = world.cards(2)
    made = bought(world, cards)

    goes(world, cards[0])

    assert handed(world, made) == {cards[1]}


@pytest.mark.parametrize("goes", [onto_a_closed_platform, into_somebody_on_a_closed_platform])
def test_nobody_is_asked_about_a_card_that_went_where_the_policy_is_closed(world, goes):
    cards = world.cards(2)
    made, begun = world.approved(card_ids=cards)

    goes(world, cards[0])

    _, sent = world.send(begun)
    assert [item.card_id for item in sent.items] == [cards[1]]
    assert world.skipped(made) == {"policy": 1}


def test_a_call_is_not_sent_about_a_card_that_went_where_the_policy_is_closed_meanwhile(world):
    cards = world.cards(1)
    _, begun = world.approved(card_ids=cards)
    leave = world.permit(begun)

    onto_a_closed_platform(world, cards[0])

    assert permits.sending(world.contacts, leave) == permits.Denied("item_closed")
    assert world.money()[1:] == (0, 0)


def test_nothing_is_handed_over_that_the_policy_has_closed_since(world):
    made = bought(world, world.cards(2))

    world.agree("policy", POLICY | {"version": "closed", "platforms": {}})

    assert handed(world, made) == set()
