"""Invariants of runs: launches, revocation, kill switch, policy, parts, roles."""

import hashlib
import threading

import psycopg
import pytest

from sxe_pipeline.errors import BadInput, Refused
from sxe_pipeline.gate import people, permits, requests
from sxe_pipeline.privacy import suppression
from sxe_pipeline.store import roles
from sxe_pipeline_tests.gate.denials import assert_nothing_leaves, assert_refused_at_sending


@pytest.mark.parametrize("attempt", [None, 0, 1, 2, 99])
def test_a_run_that_somebody_started_by_hand_begins_nothing(world, attempt):
    world.cards(1)
    made = world.submit()
    world.approve(made)
    with pytest.raises(Refused):
        permits.begin(world.contacts, made.request_id, attempt, "by hand")
    assert world.sent_calls() == 0


def test_a_launch_begins_once(world):
    world.cards(1)
    world.approve(world.submit())
    (launch,) = permits.claim_launches(world.contacts)
    permits.begin(world.contacts, launch.request_id, launch.attempt, "first")
    with pytest.raises(Refused):
        permits.begin(world.contacts, launch.request_id, launch.attempt, "again")


def test_a_stale_attempt_begins_nothing(world):
    world.cards(1)
    world.approve(world.submit())
    (old,) = permits.claim_launches(world.contacts)
    world.lease_over()
    with pytest.raises(Refused):
        permits.begin(world.contacts, old.request_id, old.attempt, "late")
    (new,) = permits.claim_launches(world.contacts)
    assert new.attempt == old.attempt + 1
    with pytest.raises(Refused):
        permits.begin(world.contacts, old.request_id, old.attempt, "late")
    permits.begin(world.contacts, new.request_id, new.attempt, "new")


def test_a_finished_request_is_not_launched_again(world):
    world.cards(1)
    made, begun = world.approved()
    world.settle(*world.send(begun))
    assert world.permit(begun) == permits.Denied("nothing_left")
    permits.finish(world.contacts, begun)
    world.lease_over()
    assert world.request(made) == "DONE"
    assert world.launch() == []


def test_a_provider_that_stops_when_it_has_nothing_left_to_do_halts_nothing(world):
    # Of this request; another one may wait for the same provider.
    world.cards(1, prefix="other")
    world.approve(world.submit())
    cards = world.cards(3)
    made, begun = world.approved(card_ids=cards, waterfall=["apollo"])
    suppression.suppress(world.api, world.tokens["ana"], cards[2], "asked to be left alone")
    leave, sent = world.send(begun)
    world.settle(leave, sent, outcome="no_match", fields=())
    people.kill(world.api, world.tokens["ana"], "apollo", "stop")
    assert world.permit(begun) == permits.Denied("killed")

    assert permits.finish(world.contacts, begun).state == "DONE"
    assert world.skipped(made) == {"suppressed": 1}


def test_one_card_that_a_stopped_provider_was_not_asked_about_halts_the_request(world):
    cards = world.cards(11)
    _, begun = world.approved(card_ids=cards, waterfall=["apollo"])
    world.settle(*world.send(begun))
    permits.stop(world.contacts, begun, "apollo", "killed")

    assert permits.finish(world.contacts, begun).state == "HALTED"


def test_two_claimers_share_the_launches(world):
    world.cards(6)
    for n in range(6):
        world.approve(world.submit(card_ids=[f"card-{n:04d}"]))
    found, gate = [], threading.Barrier(2)

    def claim():
        with world.fresh("sxe_contacts") as conn:
            gate.wait()
            found.extend(permits.claim_launches(conn))

    both = [threading.Thread(target=claim) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len({launch.run_key for launch in found}) == len(found) == 6


def test_a_revocation_stops_before_the_next_call(world):
    world.cards(20)
    made, begun = world.approved()
    first, sent = world.send(begun)
    requests.revoke(world.api, world.tokens["ben"], made.request_id, "no more")
    assert world.permit(begun) == permits.Denied("revoked")
    assert world.settle(first, sent).keep == frozenset()
    assert world.money()[1] == 500_000
    assert world.outcomes(first) == {"discarded"}
    assert world.sent_calls() == 1


def test_a_revocation_between_permit_and_call_wins(world):
    world.cards(1)
    made, begun = world.approved()
    leave = world.permit(begun)
    requests.revoke(world.api, world.tokens["ana"], made.request_id, "changed my mind")
    assert_refused_at_sending(world, leave, "revoked")


def test_who_neither_asked_nor_approves_revokes_nothing(world):
    world.cards(1)
    made = world.submit()
    with pytest.raises(Refused):
        requests.revoke(world.api, world.tokens["cho"], made.request_id, "because")


@pytest.mark.parametrize(("provider", "count"), [("apollo", 1), (None, 2)], ids=["one", "all"])
def test_the_kill_switch_stops_before_the_next_call(world, provider, count):
    world.cards(11)
    _, begun = world.approved()
    leave = world.permit(begun)
    assert people.kill(world.api, world.tokens["ana"], provider, "stop") == count
    assert_refused_at_sending(world, leave, "killed")
    assert_nothing_leaves(world, begun, "killed")


def test_a_killed_circuit_is_closed_by_two_people_only(world):
    world.cards(2)
    _, begun = world.approved()
    people.kill(world.api, world.tokens["ben"], "apollo", "stop")
    made = people.propose(world.api, world.tokens["cho"], "circuit", {"provider": "apollo"}, "ok")
    with pytest.raises(Refused):
        people.decide(world.api, world.tokens["cho"], made, is_confirmed=True)
    assert_nothing_leaves(world, begun, "killed")
    people.decide(world.api, world.tokens["dan"], made, is_confirmed=True)
    world.send(begun)


def test_what_the_policy_closes_costs_nothing(world):
    world.cards(2, prefix="open")
    world.cards(2, prefix="tik", platforms=("tiktok",))
    world.cards(2, prefix="both", platforms=("x", "tiktok"))
    world.cards(2, prefix="new", platforms=("elsewhere",))
    made, begun = world.approved()
    assert made.counts.closed_by_policy == 6
    assert world.permit(begun).item_count == 2


@pytest.mark.parametrize("change", [{"match_basis": "consent"}, {"purpose": "other"}])
def test_a_basis_or_purpose_that_is_not_allowed_is_refused_whole(world, change):
    world.cards(1)
    with pytest.raises(Refused):
        world.submit(**change)


def test_an_item_that_the_policy_closes_is_skipped_with_its_reason(world):
    world.cards(2)
    made, begun = world.approved()
    world.owner("update gate.request_item set platforms = '{tiktok}' where position = 1")
    assert world.permit(begun).item_count == 1
    assert world.skipped(made) == {"policy": 1}


def test_only_approved_items_are_ever_sent(world):
    world.cards(12)
    made = world.submit()
    world.approve(made, positions=[2, 5])
    begun = world.begun_again(made)
    for provider in begun.waterfall:
        while isinstance(leave := world.permit(begun, provider), permits.Permit):
            sent = permits.sending(world.contacts, leave)
            assert {i.position for i in sent.items} <= {2, 5}
            world.settle(leave, sent, outcome="no_match", fields=(), units_micro=0)
    assert world.skipped(made) == {"not_approved": 10}
    positions = world.owner("select distinct position from gate.call_item order by 1")
    assert positions == [(2,), (5,)]


@pytest.mark.parametrize("positions", [[0], [13], [], [1, -1]])
def test_a_part_names_items_that_exist(world, positions):
    world.cards(12)
    with pytest.raises(BadInput):
        world.approve(world.submit(), positions=positions)


def test_an_approval_is_never_changed(world):
    world.cards(1)
    world.approve(world.submit())
    for statement in ("update gate.approval set reason = 'x'", "delete from gate.approval"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            world.owner(statement)


FORBIDDEN = (
    "insert into gate.approval (request_id) values (null)",
    "update gate.budget set cap = 10",
    "update audit.event set kind = 'x'",
    "delete from audit.event",
    "update gate.transfer set amount = 1",
    "delete from gate.transfer",
    "update gate.approval set reason = 'x'",
    "delete from gate.approval",
    "select inputs from gate.request_item",
    "update gate.setting set quorum = 1",
    "insert into gate.token values (null)",
    "alter table gate.transfer disable trigger all",
    "set role sxe_owner",
)


@pytest.mark.parametrize("role", roles.TIERS)
def test_no_login_of_a_tier_changes_an_approval_a_cap_or_the_record(world, role):
    conn = world.login(role)
    for statement in FORBIDDEN:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute(statement)


def test_a_login_forges_no_event_of_the_gate(world):
    for role in ("sxe_contacts", "sxe_social"):
        with world.fresh(role) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(
                "insert into audit.event (event_id, kind, actor, subject, payload) "
                "values (gen_random_uuid(), 'request.approved', 'x', 'x', '{}')"
            )


def test_a_hash_of_a_token_is_no_token(world):
    text = world.tokens["ben"]
    world.tokens["ben"] = hashlib.sha256(text.encode()).hexdigest()
    world.cards(1)
    with pytest.raises(Refused):
        world.approve(world.submit())


def awaited(world, fields=("email", "phone")):
    """A request whose address is there and whose number is on its way; nothing is left to ask."""
    made, begun = world.approved(fields=["email", "phone"])
    world.settle(
        *world.send(begun),
        fields=fields,
        awaiting=True,
        provider_request_id="r1",
    )
    assert world.permit(begun) == permits.Denied("in_flight")
    assert world.permit(begun, "enformion") == permits.Denied("in_flight")
    permits.finish(world.contacts, begun)
    assert world.request(made) == "DONE"
    return made


def polled(world, made, **answer):
    """The number comes, or that there is none, in a run that only polls."""
    world.owner("update gate.call set poll_after = now() where poll_after is not null")
    begun = world.begun_again(made)
    [call] = begun.open_calls
    with world.contacts.transaction():
        permits.settle(world.contacts, call.call_id, begun.fence, answer | {"http_status": 200})
    permits.finish(world.contacts, begun)


def test_the_next_provider_is_asked_when_the_first_found_no_number_in_the_end(world):
    world.cards(1)
    made = awaited(world)
    none = [{"position": 1, "outcome": "no_match", "fields": []}]

    polled(world, made, units_micro=0, found=none)
    begun = world.begun_again(made)

    assert isinstance(world.permit(begun, "enformion"), permits.Permit)


def test_nobody_is_asked_again_when_the_number_came(world):
    world.cards(1)
    made = awaited(world)
    found = [{"position": 1, "outcome": "match", "fields": ["phone"]}]

    polled(world, made, units_micro=8_000_000, found=found)

    assert world.request(made) == "DONE"
    assert world.launch() == []


def test_a_request_that_met_another_one_goes_on_when_that_one_found_nothing(world):
    world.cards(1)
    second = world.submit(fields=["phone"])
    _, begun = world.approved(fields=["phone"])
    leave, sent = world.send(begun)
    world.approve(second)
    other = world.begun_again(second)
    assert world.permit(other) == permits.Denied("in_flight")
    assert world.permit(other, "enformion") == permits.Denied("in_flight")
    permits.finish(world.contacts, other)
    assert world.launch() == []

    world.settle(leave, sent, outcome="no_match", fields=(), units_micro=0)
    begun = world.begun_again(second)

    assert isinstance(world.permit(begun, "enformion"), permits.Permit)


def test_a_request_goes_on_under_no_approval_that_has_ended(world):
    world.cards(1)
    made = awaited(world)
    world.approvals_over("ben")
    none = [{"position": 1, "outcome": "no_match", "fields": []}]

    polled(world, made, units_micro=0, found=none)

    assert world.launch() == []
    assert world.request(made) == "DONE"


def refuse(world, begun):
    """One call that the provider declines to answer; the positions it was about."""
    leave, sent = world.send(begun)
    permits.release(world.contacts, leave.call_id, leave.fence, "refused")
    return [item.position for item in sent.items]


def test_who_was_refused_together_is_asked_alone_and_keeps_nobody_back(world):
    world.cards(4)
    made, begun = world.approved(fields=["email"])
    assert refuse(world, begun) == [1, 2, 3, 4]

    asked = [refuse(world, begun)]
    for _ in range(3):
        leave, sent = world.send(begun)
        asked.append([item.position for item in sent.items])
        world.settle(leave, sent)

    assert asked == [[1], [2], [3], [4]]
    assert world.permit(begun) == permits.Denied("nothing_left")
    world.permit(begun, "enformion")
    permits.finish(world.contacts, begun)
    assert world.request(made) == "DONE"
    assert world.skipped(made) == {"refused": 1}


def test_who_was_refused_alone_is_not_asked_about_by_a_later_run(world):
    world.cards(2)
    made, begun = world.approved(fields=["phone"], waterfall=("enformion",))
    first = world.send(begun, "enformion")[0]
    permits.release(world.contacts, first.call_id, first.fence, "refused")
    world.lease_over()

    begun = world.begun_again(made)
    _, sent = world.send(begun, "enformion")

    assert [item.position for item in sent.items] == [2]


def test_a_call_that_a_run_could_not_ask_about_waits_longer_each_time(world):
    world.cards(1)
    made = awaited(world)
    world.settings(poll_wait="10 seconds")
    launched = 0
    for minutes in range(0, 600, 1):
        world.owner(
            "update gate.call set sent_at = sent_at - interval '1 minute', "
            "poll_after = poll_after - interval '1 minute'"
        )
        launched += len(world.launch(f"run-{minutes}"))
        world.owner("update gate.request set lease_until = null")

    assert 10 < launched < 100
    assert world.request(made) == "DONE"
