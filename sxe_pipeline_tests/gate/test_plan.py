"""What is asked for before money is asked for: counts, and a forecast that is never too low."""

from dataclasses import asdict

import pytest

from sxe_pipeline.errors import BadInput, Refused
from sxe_pipeline.gate import permits, requests
from sxe_pipeline.privacy import suppression
from sxe_pipeline_tests.gate.world import APOLLO


def plan(world, **changes):
    return requests.plan(world.api, world.tokens["ana"], world.spec(**changes))


def test_a_plan_counts_what_is_left_out_and_prices_what_is_chosen(world):
    world.cards(10)
    world.cards(3, prefix="closed", platforms=("x", "tiktok"))
    world.cards(2, prefix="unplaced", city="", domain="")
    world.owner(
        "update gate.candidate set inputs = inputs - 'city' - 'region' - 'domain' "
        "where card_id like 'unplaced%%'"
    )

    planned = plan(world, limit=5)

    assert asdict(planned.counts) == {
        "looked_at": 15,
        "chosen": 5,
        "closed_by_policy": 3,
        "not_matchable": 2,
        "suppressed": 0,
        "known_and_fresh": 0,
        "asked_before": 0,
    }
    worst = {(f.provider, f.group): f.worst_micros for f in planned.forecast}
    assert worst == {("apollo", "email"): 5 * 50_000, ("enformion", "person"): 5 * 150_000}
    assert planned.max_micros == sum(worst.values())
    # Whether anybody is found is not known before: the least that it may cost is nothing.
    assert {f.min_micros for f in planned.forecast} == {0}


def test_who_was_asked_about_without_an_answer_is_not_asked_about_again(world):
    world.cards(25)
    _, begun = world.approved(12)
    for provider, calls in (("apollo", 2), ("enformion", 12)):
        for _ in range(calls):
            leave, sent = world.send(begun, provider)
            world.settle(leave, sent, 0, outcome="no_match", fields=())
    permits.finish(world.contacts, begun)

    counts = plan(world, limit=25).counts

    assert (counts.asked_before, counts.chosen) == (12, 13)


def test_what_is_known_and_fresh_is_free(world):
    world.cards(4)
    _, begun = world.approved(4)
    leave, sent = world.send(begun)
    world.settle(leave, sent)
    permits.finish(world.contacts, begun)

    planned = plan(world, limit=4)

    assert planned.counts.known_and_fresh == 4
    assert planned.forecast == ()


def test_who_is_cheapest_for_each_that_is_found_is_asked_first(world):
    world.cards(1)

    orders = []
    for hit_share in (0.6, 0.1, 0):
        sells = {"email": APOLLO["sells"]["email"] | {"hit_share": hit_share}}
        world.agree("price", APOLLO | {"sells": sells})
        orders.append(plan(world, limit=1).waterfall)

    assert orders == [("apollo", "enformion"), ("enformion", "apollo"), ("enformion", "apollo")]


@pytest.mark.parametrize("limit", [0, 251, -1])
def test_a_request_has_1_to_250_cards(world, limit):
    world.cards(3)
    with pytest.raises(BadInput):
        world.submit(limit)


def test_a_card_that_is_unknown_withdrawn_or_suppressed_refuses_the_whole_list(world):
    cards = world.cards(3)
    suppression.suppress(world.api, world.tokens["ana"], cards[0], "asked to be left alone")
    for other in ("nobody", cards[0]):
        with pytest.raises(Refused, match="1 of 2 cards"):
            world.submit(card_ids=[cards[1], other])


def test_without_a_policy_every_platform_is_closed(empty):
    empty.bootstrap()
    empty.person("ana", "request")
    with pytest.raises(BadInput, match="price card"):
        empty.submit(5)
    empty.agree("price", APOLLO)
    with pytest.raises(Refused, match="no policy"):
        empty.submit(5)


def test_a_card_of_another_market_is_not_paid_from_this_one(world):
    [other] = world.cards(1, market="elsewhere", prefix="other")
    cards = world.cards(1)
    with pytest.raises(Refused, match="1 unknown in this market"):
        world.submit(card_ids=[*cards, other])


@pytest.mark.parametrize(
    "content", [{}, {"quorums": 2}, {"call_lease": "1 second"}, {"quorum": 1, "x": 1}]
)
def test_a_setting_that_does_not_exist_is_not_proposed(world, content):
    with pytest.raises(BadInput, match=r"settings: .*quorum"):
        world.agree("setting", content)


def test_a_clock_does_not_run_backwards(world):
    with pytest.raises(BadInput, match="run_within: a time above zero"):
        world.agree("setting", {"run_within": "-1 hours"})
