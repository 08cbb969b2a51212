"""An approval stands as long as whoever gave it may; what lacks one waits, and is not done."""

import pytest

from sxe_pipeline.gate import people, permits
from sxe_pipeline_tests.gate.world import APOLLO

GONE = {
    "retired": "update gate.principal set is_active = false where principal = 'ben'",
    "token taken away": "update gate.token set revoked_at = now() where principal = 'ben'",
    "token ended": "update gate.token set expires_at = now() where principal = 'ben'",
}


@pytest.fixture
def begun(world):
    """Two calls approved by ben, and his run."""
    world.agree("price", APOLLO | {"batch_max": 1})
    world.cards(2)
    return world.approved(waterfall=["apollo"])


@pytest.mark.parametrize("statement", GONE.values(), ids=GONE)
def test_a12_an_approval_dies_with_its_approver(world, begun, statement):
    made, run = begun
    leave = world.permit(run)
    world.owner(statement)

    assert permits.sending(world.contacts, leave) == permits.Denied("expired")
    assert world.permit(run) == permits.Denied("expired")
    assert permits.finish(world.contacts, run).state == "HALTED"
    assert world.sent_calls() == 0

    world.approve(made, who="eve")
    world.send(world.begun_again(made))


def test_a12_a_stolen_token_approves_nothing_once_its_owner_retires(world, begun):
    _, run = begun

    people.retire(world.api, world.tokens["ben"], "ben")

    assert world.permit(run) == permits.Denied("expired")


def test_a12_a_token_beside_the_one_that_approved_may_go(world, begun):
    _, run = begun
    spare = people.make_token()
    people.renew(
        world.api, world.tokens["ben"], spare.sha256, world.one("select now() + interval '1 day'")
    )
    world.owner(
        "update gate.token set revoked_at = now() where token_sha256 = decode(%s, 'hex')",
        spare.sha256,
    )

    world.send(run)


def test_a12_what_waits_to_be_launched_waits_for_another_approval(world):
    world.cards(1)
    made = world.submit()
    world.approve(made)
    people.retire(world.api, world.tokens["ben"], "ben")

    assert world.launch() == []
    permits.sweep(world.contacts)

    assert world.request(made) == "HALTED"


def test_a_quorum_that_was_raised_leaves_a_request_waiting_for_more_approvals(world):
    world.cards(2)
    made = world.submit()
    world.approve(made)
    world.agree("setting", {"quorum": 2})

    assert world.launch() == []
    permits.sweep(world.contacts)
    assert world.request(made) == "HALTED"

    assert world.approve(made, who="eve").state == "APPROVED"
    world.send(world.begun_again(made))


def test_a_quorum_that_is_raised_during_a_run_stops_it_before_the_next_call(world, begun):
    made, run = begun
    world.settle(*world.send(run))
    world.agree("setting", {"quorum": 2})

    assert world.permit(run) == permits.Denied("expired")
    assert permits.finish(world.contacts, run).state == "HALTED"
    world.approve(made, who="eve")
    world.send(world.begun_again(made))


def test_k07_a_request_that_nobody_had_caps_for_is_not_done(world):
    for scope in ({"provider": "apollo"}, {"provider": "enformion"}):
        world.cap(0, **scope)
    world.cards(2)
    made, run = world.approved()
    for provider in run.waterfall:
        assert world.permit(run, provider) == permits.Denied("budget")

    assert permits.finish(world.contacts, run).state == "HALTED"
    assert world.owner("select distinct skip_reason from gate.request_item") == [("budget",)]

    world.cap(10_000_000, provider="apollo")
    world.approve(made)
    world.send(world.begun_again(made))


def test_k07_what_a_cap_cuts_off_in_the_middle_is_done_with_the_rest_skipped(world):
    world.agree("price", APOLLO | {"batch_max": 1})
    world.cap(50_000, provider="apollo")
    world.cards(2)
    made, run = world.approved(waterfall=["apollo"])
    world.settle(*world.send(run))
    assert world.permit(run) == permits.Denied("budget")

    assert permits.finish(world.contacts, run).state == "DONE"
    assert world.skipped(made) == {"budget": 1}
