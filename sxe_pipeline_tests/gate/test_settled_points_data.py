"""The settled points of the gate, seven to ten, as far as the database alone can show them."""

from sxe_pipeline.gate import delivery, permits, requests
from sxe_pipeline_tests.gate.world import APOLLO

EMAIL = 50_000


def unknown(world, begun, provider="apollo"):
    leave, _ = world.send(begun, provider)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")
    return leave


def read(world, units, times=1):
    return [permits.reconcile(world.contacts, "apollo", units).verdict for _ in range(times)]


def test_the_counter_speaks_only_for_a_call_that_is_alone(world):
    world.agree("price", APOLLO | {"batch_max": 1})
    world.settings(reconcile_wait="0 seconds", max_unknown_open=2)
    world.cards(3)
    _, begun = world.approved()
    read(world, 0)
    one, two = unknown(world, begun), unknown(world, begun)
    assert read(world, 1_000_000, 4) == ["not_alone"] * 4
    world.agree("resolve", {"call_id": str(one.call_id), "units_micro": 0})
    assert read(world, 1_000_000, 2) == ["read_again", "agreed"]
    assert world.call(two) == "SETTLED"
    assert world.money() == (0, EMAIL, 0)


def test_a_request_is_done_when_the_last_of_its_own_unknown_calls_is_known(world):
    world.agree("price", APOLLO | {"batch_max": 1})
    world.settings(max_unknown_open=9)
    cards = world.cards(3)
    made, calls = [], []
    for chosen in (cards[:2], cards[2:]):
        asked, begun = world.approved(card_ids=chosen, waterfall=["apollo"])
        calls += [unknown(world, begun) for _ in chosen]
        assert permits.finish(world.contacts, begun).state == "DONE_UNKNOWN"
        made.append(asked)

    seen = []
    for leave in calls:
        world.agree("resolve", {"call_id": str(leave.call_id), "units_micro": 1_000_000})
        seen.append([world.request(one) for one in made])

    assert seen == [["DONE_UNKNOWN"] * 2, ["DONE", "DONE_UNKNOWN"], ["DONE", "DONE"]]


def test_a_reading_from_before_the_loss_does_not_count(world):
    world.settings(reconcile_wait="0 seconds")
    world.cards(1)
    _, begun = world.approved()
    read(world, 0, 3)
    leave = unknown(world, begun)
    assert read(world, 0) == ["read_again"]
    assert world.call(leave) == "UNKNOWN"


def test_while_a_phone_is_awaited_the_counter_resolves_nothing(world):
    world.settings(reconcile_wait="0 seconds")
    world.cards(1, prefix="a")
    read(world, 0)
    _, begun = world.approved(fields=["phone"], waterfall=["apollo"])
    leave, sent = world.send(begun)
    world.settle(leave, sent, units_micro=0, fields=(), awaiting=True)
    assert read(world, 8_000_000, 3) == ["not_alone"] * 3


def test_without_a_counter_time_charges_in_full(world):
    world.cards(1)
    _, begun = world.approved(waterfall=["enformion"])
    leave = unknown(world, begun, "enformion")
    permits.sweep(world.contacts)
    assert world.call(leave) == "UNKNOWN"
    world.settings(unknown_after="1 microsecond")
    permits.sweep(world.contacts)
    assert world.money("enformion") == (0, 150_000, 0)
    assert world.permit(begun, "enformion") == permits.Denied("nothing_left")


def test_who_is_not_matchable_costs_nothing(world):
    world.cards(1, prefix="all")
    world.cards(1, prefix="noname", last_name="x", domain="", city="")
    world.owner(
        "update gate.candidate set inputs = inputs - 'last_name' where card_id = 'noname-0000'"
    )
    plan = requests.plan(world.api, world.tokens["ana"], world.spec(limit=9))
    assert plan.counts.not_matchable == 1
    assert world.submit().item_count == 1


def test_the_revision_of_inputs_is_random_and_new_when_the_inputs_are(world):
    def prints():
        return dict(world.owner("select card_id, inputs_revision from gate.candidate"))

    world.cards(2)
    first = prints()
    world.cards(2)
    assert prints() == first
    world.cards(2, city="Boston")
    assert set(prints().values()).isdisjoint(first.values())


def test_whom_a_provider_named_is_deleted_with_the_names(world):
    world.cards(1)
    _, begun = world.approved()
    leave, sent = world.send(begun)
    found = [{"position": 1, "outcome": "match", "fields": ["email"], "person": "p1"}]
    world.settle(leave, sent, found=found)
    permits.finish(world.contacts, begun)
    look = "select provider_person_id from gate.call_item"
    assert world.owner(look) == [("p1",)]

    world.owner(
        "update gate.request set decide_by = now() - interval '31 days', finished_at = null"
    )
    world.owner("update gate.call set resolved_at = now() - interval '31 days'")

    assert permits.sweep(world.contacts).forgotten == 1
    assert world.owner(look) == [(None,)]


def test_names_are_deleted_a_month_after_the_last_call(world):
    world.cards(1)
    _, begun = world.approved()
    world.settle(*world.send(begun))
    world.permit(begun)
    permits.finish(world.contacts, begun)
    assert permits.sweep(world.contacts).forgotten == 0
    world.owner(
        "update gate.request set decide_by = now() - interval '31 days', "
        "finished_at = now() - interval '31 days'"
    )
    assert permits.sweep(world.contacts).forgotten == 0
    world.owner("update gate.call set resolved_at = now() - interval '31 days'")
    assert permits.sweep(world.contacts).forgotten == 1
    assert world.owner("select inputs, nonce from gate.request_item") == [(None, None)]
    assert world.one("select count(*) from audit.event where kind = 'request.forgotten'") == 1


def test_a_provider_that_sells_persons_answers_for_both_fields(world):
    world.cards(1)
    _, begun = world.approved(fields=["email"], waterfall=["enformion"])
    leave, sent = world.send(begun, "enformion")
    world.settle(leave, sent, fields=("phone",))
    made = world.submit(fields=["phone"])
    assert made.counts.known_and_fresh == 1
    assert dict(world.owner("select field, outcome from gate.answer")) == {
        "email": "no_match",
        "phone": "match",
    }


def test_known_items_are_delivered_at_no_cost(world):
    world.cards(1)
    _, begun = world.approved()
    world.settle(*world.send(begun))
    permits.finish(world.contacts, begun)
    made, begun = world.approved()
    assert made.forecast == ()
    assert world.permit(begun) == permits.Denied("nothing_left")
    assert permits.finish(world.contacts, begun).state == "DONE"
    assert len(delivery.deliverable(world.contacts, made.request_id)) == 1
    assert world.money() == (0, EMAIL, 0)


def test_inputs_come_out_only_after_the_row_says_sending(world):
    world.cards(1)
    _, begun = world.approved()
    leave = world.permit(begun)
    assert not hasattr(leave, "items")
    permits.sending(world.contacts, leave)
    assert world.call(leave) == "SENDING"
    assert world.one("select count(*) from audit.event where kind = 'call.sending'") == 1


def test_one_call_of_a_provider_at_a_time(world):
    world.cards(20)
    _, begun = world.approved()
    one, two = world.permit(begun), world.permit(begun)
    permits.sending(world.contacts, one)
    assert permits.sending(world.contacts, two) == permits.Denied("provider_busy")
    permits.release(world.contacts, one.call_id, one.fence, "429")
    assert isinstance(permits.sending(world.contacts, two), permits.Sent)
