"""What an invoice says after an answer: less, never more than was taken, or more; two persons."""

import pytest

from sxe_pipeline.errors import BadInput, Refused


@pytest.fixture
def settled(world):
    world.cards(10)
    _, begun = world.approved(10)
    leave, sent = world.send(begun)
    world.settle(leave, sent)
    return leave.call_id


def give_back(world, call_id, units_micro):
    world.agree("adjust", {"call_id": str(call_id), "units_micro": units_micro})


def test_what_comes_back_is_free_again_in_every_budget_it_was_taken_from(world, settled):
    give_back(world, settled, 4_000_000)

    assert world.money("apollo") == (0, 6 * 50_000, 0)
    assert world.one("select count(*) from gate.transfer where kind = 'adjust'") == 4
    assert world.one("select count(*) from audit.event where kind = 'call.adjusted'") == 1
    world.assert_books_are_right()


def test_no_more_comes_back_than_was_charged(world, settled):
    with pytest.raises(Refused, match="no more than was posted"):
        give_back(world, settled, 10_000_001)
    assert world.money("apollo") == (0, 10 * 50_000, 0)


def test_two_credits_together_give_no_more_than_was_charged(world, settled):
    give_back(world, settled, 6_000_000)
    with pytest.raises(Refused):
        give_back(world, settled, 5_000_000)
    world.assert_books_are_right()


@pytest.mark.parametrize("credits", [[1] * 4, [1_000_001], [19, 1], [20], [21]])
def test_a_credit_in_parts_returns_no_more_than_the_same_at_once(world, settled, credits):
    """A credit is in millionths of a unit, of which 20 cost a millionth of the currency."""
    for units_micro in credits:
        give_back(world, settled, units_micro)

    left = 10_000_000 - sum(credits)
    assert world.money("apollo") == (0, -(-left * 50_000 // 1_000_000), 0)
    world.assert_books_are_right()


def test_a_charge_that_an_invoice_names_later_is_an_overrun_and_stops_its_provider(world, settled):
    world.cap(10 * 50_000, provider="apollo")

    world.late(settled, 2_000_000)

    assert world.money("apollo") == (0, 10 * 50_000, 2 * 50_000)
    assert world.owner(
        "select circuit_state, cause from gate.provider where provider = 'apollo'"
    ) == [("open", "late_charge")]
    actor = "select actor from audit.event where kind = 'call.late'"
    assert world.owner(actor) == [("principal:dan",)]
    world.assert_books_are_right()


@pytest.mark.parametrize("units_micro", [0, -1])
def test_what_an_invoice_says_is_positive(world, settled, units_micro):
    for move in (give_back, lambda world, *said: world.late(*said)):
        with pytest.raises(BadInput, match="from 1 to"):
            move(world, settled, units_micro)
