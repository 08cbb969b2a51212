"""What is said of one call stays with that call: its items, its persons, its price, its budgets."""

import pytest

from sxe_pipeline.errors import BadInput
from sxe_pipeline.gate import permits, reads
from sxe_pipeline_tests.gate.world import APOLLO, ENFORMION

EMAIL = 50_000
CIRCUIT = "select circuit_state, cause from gate.provider where provider = %s"


def settle(world, leave, units_micro, *found, **more):
    """One answer; `found` is (position, outcome, fields, person)."""
    told = [
        dict(zip(("position", "outcome", "fields", "person"), one, strict=True)) for one in found
    ]
    with world.contacts.transaction():
        return permits.settle(
            world.contacts,
            leave.call_id,
            leave.fence,
            {"units_micro": units_micro, "found": told} | more,
        )


def items(world, leave):
    return world.owner(
        "select position, field_group, live, outcome, provider_person_id from gate.call_item "
        "where call_id = %s order by position, field_group",
        leave.call_id,
    )


def test_an_answer_gives_each_card_its_own_outcome_and_no_other_call_one(world):
    cards = world.cards(5)
    _, other = world.approved(card_ids=cards[3:])
    waiting = world.permit(other)
    _, begun = world.approved(card_ids=cards[:3])
    leave, _ = world.send(begun)

    done = settle(
        world,
        leave,
        3_000_000,
        (1, "match", ["email"], "p1"),
        (2, "no_match", [], None),
        (3, "mismatch", ["email"], "p3"),
    )

    assert done.keep == {1}
    assert items(world, leave) == [
        (1, "email", False, "match", "p1"),
        (2, "email", False, "no_match", None),
        (3, "email", False, "mismatch", "p3"),
    ]
    assert items(world, waiting) == [(n, "email", True, None, None) for n in (1, 2)]


def test_whoever_polls_is_told_the_open_items_and_persons_of_each_call(world):
    world.agree("price", APOLLO | {"batch_max": 2})
    world.cards(4)
    made, begun = world.approved(fields=["email", "phone"], waterfall=["apollo"])
    asked = {}
    for positions in ((1, 2), (3, 4)):
        leave, _ = world.send(begun)
        settle(
            world,
            leave,
            2_000_000,
            *[(n, "match", ["email"], f"p{n}") for n in positions],
            awaiting=True,
            retry_after_s=0,
        )
        asked[leave.call_id] = positions
    permits.finish(world.contacts, begun)

    poller = world.begun_again(made)

    assert {c.call_id: [(i.position, i.person) for i in c.items] for c in poller.open_calls} == {
        call: [(n, f"p{n}") for n in positions] for call, positions in asked.items()
    }


@pytest.mark.parametrize("units", [None, -1])
def test_an_answer_without_a_charge_books_nothing(world, units):
    world.cards(1)
    _, begun = world.approved()
    leave, _ = world.send(begun)

    with pytest.raises(BadInput, match="charge"):
        settle(world, leave, units, (1, "match", ["email"], None))

    assert world.call(leave) == "SENDING"
    assert world.money() == (EMAIL, 0, 0)


def test_an_overrun_of_one_micro_stops_the_provider(world):
    world.cards(1)
    _, begun = world.approved()
    leave, _ = world.send(begun)

    assert settle(world, leave, 1_000_001).overrun_micros == 1

    assert world.owner(CIRCUIT, "apollo") == [("open", "overrun")]


def test_a_price_is_exact_to_the_micro_however_large(world):
    for units_micro, micros_per_unit, micros in (
        (0, 50_000, 0),
        (1, 1, 1),
        (1_000_000, 7, 7),
        (1_000_001, 1_000_000, 1_000_001),
        (250_000_000, 150_000, 37_500_000),
        (2**53 + 1, 1_000_000, 2**53 + 1),
    ):
        assert world.one("select gate.micros(%s, %s)", units_micro, micros_per_unit) == micros


def test_a_probe_that_comes_back_unanswered_opens_the_circuit_again(world):
    world.agree("price", APOLLO | {"batch_max": 1})
    world.settings(breaker_after=1, breaker_rest="1 microsecond", max_unknown_open=9)
    world.cards(3)
    _, begun = world.approved()

    first, _ = world.send(begun)
    permits.release(world.contacts, first.call_id, first.fence, "429")
    assert world.owner(CIRCUIT, "apollo")[0][0] == "closed"

    lost, _ = world.send(begun)
    permits.unknown(world.contacts, lost.call_id, lost.fence, "timeout")
    probe, _ = world.send(begun)
    assert world.owner(CIRCUIT, "apollo") == [("half_open", "probe")]
    permits.release(world.contacts, probe.call_id, probe.fence, "429")

    assert world.owner(CIRCUIT, "apollo") == [("open", "failures")]
    assert world.owner(CIRCUIT, "enformion")[0][0] == "closed"


CLAIMS = {
    "the card of the claim": "update gate.call_item set card_id = 'card-0001'",
    "the inputs": "update gate.request_item set inputs = null, nonce = null where position = 1",
}


@pytest.mark.parametrize("statement", CLAIMS.values(), ids=CLAIMS)
def test_what_is_edited_between_permit_and_call_is_not_sent(world, statement):
    world.cards(2)
    made = world.submit()
    world.approve(made, positions=[1])
    leave = world.permit(world.begun_again(made))

    world.owner(statement)

    assert permits.sending(world.contacts, leave) == permits.Denied("tampered")
    assert world.sent_calls() == 0


def test_a_receipt_names_the_budgets_of_its_own_call(world):
    cards = world.cards(2)
    for card, provider in zip(cards, (APOLLO["provider"], ENFORMION["provider"]), strict=True):
        _, begun = world.approved(card_ids=[card], waterfall=[provider])
        world.settle(*world.send(begun, provider))

    (line,) = reads.receipt(world.api, card_id=cards[0])

    month = world.one("select max(month)::text from gate.budget")
    assert set(line.budgets) == {
        f"x_general/*/{month}",
        f"*/apollo/{month}",
        f"x_general/apollo/{month}",
        "*/*/request",
    }


def test_a_budget_that_differs_from_its_transfers_is_shown_as_such(world):
    world.cards(11)
    _, begun = world.approved()
    settle(world, world.send(begun)[0], 10_000_001)
    world.agree("circuit", {"provider": "apollo"})
    world.permit(begun)

    def unbalanced():
        return [(b.provider, b.market) for b in reads.budgets(world.api) if not b.is_balanced]

    assert unbalanced() == []
    for figure in ("reserved", "spent", "overrun"):
        change = f"update gate.budget set {figure} = {figure} + %s where provider = 'apollo'"
        world.owner(f"{change} and market is null", 1)
        assert unbalanced() == [("apollo", None)], figure
        world.owner(f"{change} and market is null", -1)
