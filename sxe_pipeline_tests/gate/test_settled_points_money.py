"""The settled points of the gate, one to six, as far as the database alone can show them."""

import pytest
from psycopg.types.json import Jsonb

from sxe_pipeline.errors import BadInput, Refused
from sxe_pipeline.gate import delivery, people, permits, reads, requests
from sxe_pipeline_tests.gate.world import APOLLO, a_point

EMAIL = 50_000


def circuit(world):
    state = "select circuit_state, cause from gate.provider where provider = 'apollo'"
    return world.owner(state)[0]


def test_an_overcharge_at_a_full_cap_commits_and_closes_what_is_left(world):
    world.cards(12)
    world.cap(10 * EMAIL, provider="apollo")
    _, begun = world.approved()
    leave, sent = world.send(begun)
    with world.contacts.transaction():
        done = permits.settle(
            world.contacts,
            leave.call_id,
            leave.fence,
            {
                "units_micro": 13_000_000,
                "found": [
                    {"position": i.position, "outcome": "match", "fields": ["email"]}
                    for i in sent.items
                ],
            },
        )
        world.contacts.execute(
            "select contacts.keep_points(%s, %s)",
            [leave.call_id, Jsonb([a_point(sent.items[0].card_id)])],
        )
    assert (done.charged_micros, done.overrun_micros) == (13 * EMAIL, 3 * EMAIL)
    assert len(done.keep) == 10
    assert world.money() == (0, 10 * EMAIL, 3 * EMAIL)
    assert world.one("select count(*) from contacts.contact_point") == 1
    assert world.one("select count(*) from audit.event where kind = 'call.settled'") == 1
    assert circuit(world) == ("open", "overrun")
    world.agree("circuit", {"provider": "apollo"})
    assert world.permit(begun) == permits.Denied("budget")
    # The overrun takes room: a cap that covers only what was spent gives none.
    world.cap(13 * EMAIL + EMAIL - 1, provider="apollo")
    assert world.permit(begun) == permits.Denied("budget")
    world.cap(14 * EMAIL, provider="apollo")
    assert world.permit(begun).item_count == 1
    world.assert_books_are_right()


def test_a_charge_hits_the_rows_that_were_reserved_whatever_the_month(world):
    world.cards(1)
    _, begun = world.approved()
    leave, sent = world.send(begun)
    world.owner("update gate.budget set month = month - interval '1 month' where month is not null")
    world.cap(10**6, provider="apollo")
    world.settle(leave, sent, units_micro=2_000_000)
    world.late(leave.call_id, 1_000_000)
    months = world.owner(
        "select spent, overrun from gate.budget where provider = 'apollo' and market is null "
        "order by month"
    )
    assert months == [(EMAIL, 2 * EMAIL), (0, 0)]


def test_a_fraction_of_a_unit_is_rounded_up(world):
    world.cards(1)
    _, begun = world.approved()
    assert world.settle(*world.send(begun), units_micro=1).charged_micros == 1


def test_one_transfer_for_each_row_and_part(world):
    world.cards(1)
    _, begun = world.approved(fields=["email", "phone"], waterfall=["apollo"])
    world.permit(begun)
    assert world.owner(
        "select part, count(*), min(amount), max(amount) from gate.transfer group by 1 order by 1"
    ) == [("async", 4, 8 * EMAIL, 8 * EMAIL), ("sync", 4, EMAIL, EMAIL)]


def test_the_price_of_a_provider_changes_by_two_people(world):
    dear = APOLLO | {"micros_per_unit": 70_000}
    with pytest.raises(Refused):
        world.agree("price", dear, "cho", "cho")
    world.agree("price", dear)
    world.cards(1)
    _, begun = world.approved()
    assert world.permit(begun).reserved_micros == 70_000
    world.agree("price", APOLLO)
    world.cards(1, prefix="other")
    _, begun = world.approved(1, card_ids=["other-0000"])
    assert world.permit(begun).reserved_micros == EMAIL


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "EUR"},
        {"micros_per_unit": 0},
        {"micros_per_unit": "dear"},
        {"batch_max": 251},
        {"needs": []},
        {"needs": "linkedin_url"},
        {"sells": {}},
        {"sells": {"email": {"worst_units_micro": 0, "part": "sync", "gives": ["email"]}}},
        {"sells": {"email": APOLLO["sells"]["email"] | {"gives": "email"}}},
        {"sells": {"email": APOLLO["sells"]["email"] | {"gives": ["telegram"]}}},
        {"provider": "Apollo; drop"},
    ],
)
def test_a_price_card_that_leaves_open_what_a_call_costs_is_refused(world, change):
    with pytest.raises(BadInput):
        world.agree("price", APOLLO | change)


@pytest.mark.parametrize(
    "content",
    [
        {"cap_micros": 1},
        {"cap_micros": -1, "provider": "apollo"},
        {"cap_micros": "much", "provider": "apollo"},
        {"cap_micros": 10**30, "provider": "apollo"},
        {"cap_micros": 1, "provider": "apollo", "month": "2026-13-01"},
        {"cap_micros": 1, "provider": "apollo", "month": "2026-01-02"},
        {"provider": "apollo"},
    ],
)
def test_a_cap_that_makes_no_sense_changes_nothing(world, content):
    before = reads.budgets(world.api)
    with pytest.raises((BadInput, Refused)):
        world.agree("cap", content)
    assert reads.budgets(world.api) == before


def test_the_parts_of_a_phone_call_are_resolved_once_each(world):
    world.cards(2)
    _, begun = world.approved(fields=["email", "phone"], waterfall=["apollo"])
    leave, sent = world.send(begun)
    world.settle(leave, sent, units_micro=2_000_000, awaiting=True, provider_request_id="7")
    assert world.money() == (16 * EMAIL, 2 * EMAIL, 0)
    assert world.call(leave) == "AWAITING"
    # A call that waits does not occupy the provider.
    assert world.one("select busy_call from gate.provider where provider = 'apollo'") is None
    world.settle(leave, sent, units_micro=8_000_000, fields=("phone",))
    assert world.money() == (0, 10 * EMAIL, 0)
    assert world.one("select count(*) from audit.event where kind = 'call.awaiting'") == 1


def test_a_poll_outlives_the_approval_and_drops_the_value_after_a_revocation(world):
    world.cards(1)
    made, begun = world.approved(fields=["phone"], waterfall=["apollo"])
    leave, sent = world.send(begun)
    world.settle(leave, sent, units_micro=0, fields=(), awaiting=True, retry_after_s=0)
    permits.finish(world.contacts, begun)
    requests.revoke(world.api, world.tokens["ben"], made.request_id, "no more")
    (poller,) = world.launch()
    assert [c.call_id for c in poller.open_calls] == [leave.call_id]
    with world.contacts.transaction():
        done = permits.settle(
            world.contacts,
            leave.call_id,
            poller.fence,
            {
                "units_micro": 8_000_000,
                "found": [{"position": 1, "outcome": "match", "fields": ["phone"]}],
            },
        )
    assert done.keep == frozenset()
    assert world.money() == (0, 8 * EMAIL, 0)
    assert world.outcomes(leave) == {"discarded"}
    assert delivery.deliverable(world.contacts, made.request_id) == []


def test_a_phone_that_never_comes_is_unknown(world):
    world.cards(1)
    _, begun = world.approved(fields=["phone"], waterfall=["apollo"])
    leave, sent = world.send(begun)
    world.settle(leave, sent, units_micro=0, fields=(), awaiting=True)
    world.owner("update gate.call set sent_at = now() - interval '29 days'")
    permits.sweep(world.contacts)
    assert world.call(leave) == "AWAITING"
    world.owner("update gate.call set sent_at = now() - interval '30 days'")
    permits.sweep(world.contacts)
    assert world.call(leave) == "UNKNOWN"


def test_what_is_left_behind_is_launched_again_with_the_next_attempt(world):
    world.cards(1)
    world.approve(world.submit())
    keys = []
    for _ in range(3):
        keys += [launch.run_key for launch in permits.claim_launches(world.contacts)]
        assert permits.claim_launches(world.contacts) == []
        world.lease_over()
    assert [key.rsplit(":", 1)[1] for key in keys] == ["1", "2", "3"]


def test_a_run_that_died_gives_its_request_back(world):
    world.cards(1)
    made, begun = world.approved()
    world.permit(begun)
    assert world.launch() == []
    world.lease_over()
    again = world.begun_again(made)
    assert again.fence > begun.fence
    assert world.permit(again).item_count == 1
    assert world.money() == (EMAIL, 0, 0)


def test_a_halted_request_goes_on_by_a_new_approval(world):
    world.cards(1)
    made, begun = world.approved()
    people.kill(world.api, world.tokens["ana"], "apollo", "stop")
    world.permit(begun)
    assert permits.finish(world.contacts, begun).state == "HALTED"
    assert world.launch() == []
    world.agree("circuit", {"provider": "apollo"})
    world.approve(made)
    assert world.permit(world.begun_again(made)).item_count == 1


def test_the_owner_edits_one_item_and_nobody_is_called(world):
    world.cards(3)
    _, begun = world.approved()
    leave = world.permit(begun)
    world.owner("set role sxe_owner")
    world.owner(
        "update gate.request_item set inputs = convert_to(replace(convert_from(inputs, 'UTF8'), "
        "'Austin', 'Boston'), 'UTF8') where position = 3"
    )
    world.owner("reset role")
    assert permits.sending(world.contacts, leave) == permits.Denied("tampered")
    assert world.permit(begun) == permits.Denied("tampered")
    assert world.sent_calls() == 0
    assert world.money() == (0, 0, 0)


def test_two_cards_that_were_merged_after_approval_cost_one_call(world):
    world.cards(2)
    _, begun = world.approved()
    world.merge("card-0001", "card-0000")
    leave, sent = world.send(begun)
    assert len(sent.items) == 1
    world.settle(leave, sent)
    assert world.permit(begun) == permits.Denied("nothing_left")
    assert world.money() == (0, EMAIL, 0)


def test_an_answer_under_an_id_of_before_is_an_answer(world):
    world.cards(2)
    made = world.submit(card_ids=["card-0001"])
    world.approve(made)
    world.settle(*world.send(world.begun_again(made)))
    world.merge("card-0001", "card-0000")
    made = world.submit(card_ids=["card-0000"])
    assert made.counts.known_and_fresh == 1
    world.approve(made)
    assert world.permit(world.begun_again(made)) == permits.Denied("nothing_left")


def test_one_person_twice_in_a_list_is_refused(world):
    world.cards(2)
    world.merge("card-0001", "card-0000")
    with pytest.raises(Refused):
        world.submit(card_ids=["card-0000", "card-0001"])
    assert world.submit().item_count == 1
