"""Invariants of leave: fences and approvals."""

from dataclasses import replace

import pytest

from sxe_pipeline.errors import Busy, Refused
from sxe_pipeline.gate import permits, requests
from sxe_pipeline_tests.gate.denials import assert_nothing_leaves, assert_refused_at_sending


def test_only_the_fence_holder_moves_a_call(world):
    world.cards(2)
    made, old = world.approved()
    leave = world.permit(old)
    world.lease_over()
    world.begun_again(made)
    with pytest.raises(Busy):
        world.permit(old)
    with pytest.raises(Busy):
        permits.sending(world.contacts, leave)
    with pytest.raises(Busy):
        permits.finish(world.contacts, old)
    assert world.sent_calls() == 0


@pytest.mark.parametrize("move", ["settle", "release", "unknown", "wait"])
def test_a_made_up_fence_moves_nothing(world, move):
    world.cards(1)
    _, begun = world.approved()
    leave, _ = world.send(begun)
    forged = leave.fence + 1
    rest = {
        "settle": ({"units_micro": 1},),
        "release": ("429",),
        "unknown": ("timeout",),
        "wait": (10.0,),
    }[move]
    with pytest.raises(Busy):
        getattr(permits, move)(world.contacts, leave.call_id, forged, *rest)
    world.contacts.rollback()
    assert world.call(leave) == "SENDING"


def test_whoever_sent_a_call_settles_it_after_a_takeover(world):
    world.cards(1)
    made, old = world.approved()
    leave, sent = world.send(old)
    world.owner("update gate.request set lease_until = now() - interval '1 second'")
    world.begun_again(made)
    assert world.settle(leave, sent).charged_micros == 50_000


def test_a_lease_that_ran_out_gives_no_permit(world):
    world.cards(1)
    _, begun = world.approved()
    leave = world.permit(begun)
    world.lease_over()
    with pytest.raises(Busy):
        world.permit(begun)
    with pytest.raises(Busy):
        permits.sending(world.contacts, leave)


def test_without_an_approval_nothing_is_launched(world):
    world.cards(1)
    world.submit()
    assert world.launch() == []


def test_who_asked_or_edited_does_not_approve(world):
    world.cards(2)
    made = world.submit(who="eve")
    with pytest.raises(Refused):
        world.approve(made, "eve")
    again = world.submit(1, who="eve", request_id=made.request_id)
    with pytest.raises(Refused):
        world.approve(again, "eve")
    world.approve(again, "ben")


def test_an_expired_approval_sends_nobody(world):
    world.cards(1)
    made = world.submit()
    world.approve(made)
    world.approvals_over("ben")
    assert world.launch() == []
    permits.sweep(world.contacts)
    assert world.request(made) == "HALTED"


def test_an_approval_that_runs_out_during_the_run_stops_it(world):
    world.cards(11)
    made, begun = world.approved()
    leave = world.permit(begun)
    world.approvals_over("ben")
    assert_refused_at_sending(world, leave, "expired")
    assert_nothing_leaves(world, begun, "expired")
    assert permits.finish(world.contacts, begun).state == "HALTED"
    world.approve(made)
    assert world.permit(world.begun_again(made)).item_count == 10


def test_an_approval_of_other_items_does_not_stand_in_for_one_that_ran_out(world):
    world.cards(2)
    made = world.submit()
    world.approve(made, positions=[1])
    world.approve(made, "eve", positions=[2])
    leave = world.permit(world.begun_again(made))
    assert leave.item_count == 2
    world.approvals_over("ben")
    assert_refused_at_sending(world, leave, "expired")


def test_a_quorum_that_is_lost_before_the_call_sends_nobody(world):
    world.cards(1)
    _, begun = world.approved()
    leave = world.permit(begun)
    world.agree("setting", {"quorum": 2})
    assert_refused_at_sending(world, leave, "expired")


def test_below_the_quorum_nothing_is_launched(world):
    world.settings(quorum=2)
    world.cards(3)
    made = world.submit()
    world.approve(made)
    world.approve(made)
    assert world.request(made) == "SUBMITTED"
    assert world.launch() == []
    world.approve(made, "eve", positions=[2])
    assert world.request(made) == "PARTIAL"
    assert world.permit(world.begun_again(made)).item_count == 1


def reject(world, made, reason="too dear"):
    return requests.reject(
        world.api,
        world.tokens["ben"],
        made.request_id,
        made.version,
        made.content_sha256,
        reason,
    )


@pytest.mark.parametrize("state", ["SUBMITTED", "APPROVED"])
def test_a_request_that_was_not_begun_is_rejected_once(world, state):
    world.cards(1)
    made = world.submit()
    if state == "APPROVED":
        world.approve(made)

    assert reject(world, made).state == "REJECTED"

    assert world.launch() == []
    with pytest.raises(Refused):
        reject(world, made)
    with pytest.raises(Refused):
        world.approve(made)
    assert world.one("select count(*) from audit.event where kind = 'request.rejected'") == 1


def test_a_request_that_was_launched_is_revoked_and_not_rejected(world):
    world.cards(1)
    made = world.submit()
    world.approve(made)
    permits.claim_launches(world.contacts)

    with pytest.raises(Refused, match="revoked, not rejected"):
        reject(world, made)


def test_an_approval_names_the_version_and_the_hash_of_now(world):
    world.cards(2)
    old = world.submit()
    new = world.submit(1, request_id=old.request_id)
    for wrong in (old, replace(new, version=1), replace(new, content_sha256=old.content_sha256)):
        with pytest.raises(Refused):
            world.approve(wrong)
    with pytest.raises(Refused):
        world.approve(replace(new, content_sha256="0" * 64))


def test_an_edit_voids_the_approval(world):
    world.cards(2)
    made = world.submit()
    world.approve(made)
    world.submit(1, request_id=made.request_id)
    assert world.launch() == []
