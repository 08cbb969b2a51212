"""Invariants around persons: nobody is paid twice, nobody suppressed is sent, the record stands."""

import json

import psycopg
import pytest
from psycopg.types.json import Jsonb

from sxe_pipeline.audit import payload
from sxe_pipeline.audit.verify import verify
from sxe_pipeline.errors import Refused
from sxe_pipeline.gate import delivery, permits
from sxe_pipeline.privacy import suppression


def ask_for(world, *card_ids, **changes):
    made = world.submit(card_ids=list(card_ids), **changes)
    world.approve(made)
    return made, world.begun_again(made)


def suppress(world, card_id):
    suppression.suppress(world.api, world.tokens["ana"], card_id, "asked to")


def lose(world, begun, charged):
    """A call whose outcome two people settle later: paid and lost, or free."""
    leave, _ = world.send(begun)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")
    world.agree("resolve", {"call_id": str(leave.call_id), "units_micro": charged})
    return leave


def again(world, made, **more):
    """The run ends, somebody approves once more, the next run begins."""
    world.lease_over()
    world.owner("update gate.request set state = 'DONE', lease_until = null")
    world.approve(made, **more)
    return world.begun_again(made)


def test_one_live_call_for_a_card_provider_and_group(world):
    world.cards(1)
    _, one = ask_for(world, "card-0000")
    _, two = ask_for(world, "card-0000")
    world.send(one)
    assert world.permit(two) == permits.Denied("in_flight")
    assert world.permit(two, "enformion") == permits.Denied("in_flight")
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.owner(
            "insert into gate.call_item select call_id, 9, field_group, card_id, survivor_id, "
            "provider, inputs_revision, is_async from gate.call_item"
        )


def test_a_phone_on_its_way_is_not_asked_for_again(world):
    world.cards(1)
    _, one = ask_for(world, "card-0000", fields=["phone"])
    _, two = ask_for(world, "card-0000", fields=["phone"])
    leave, sent = world.send(one)
    world.settle(leave, sent, units_micro=0, fields=(), awaiting=True)
    assert {world.permit(two, p) for p in two.waterfall} == {permits.Denied("in_flight")}


def test_a_fresh_answer_is_not_bought_again_from_anybody(world):
    world.cards(1)
    _, begun = ask_for(world, "card-0000")
    world.settle(*world.send(begun))
    made, begun = ask_for(world, "card-0000")
    assert made.counts.known_and_fresh == 1
    for provider in ("apollo", "enformion"):
        assert world.permit(begun, provider) == permits.Denied("nothing_left")


def test_a_refusal_binds_its_provider_alone(world):
    world.cards(1)
    _, begun = ask_for(world, "card-0000")
    world.settle(*world.send(begun), units_micro=0, outcome="no_match", fields=())
    _, begun = ask_for(world, "card-0000")
    assert world.permit(begun) == permits.Denied("nothing_left")
    assert isinstance(world.permit(begun, "enformion"), permits.Permit)


def test_an_answer_grows_old(world):
    world.cards(1)
    _, begun = ask_for(world, "card-0000")
    world.settle(*world.send(begun))
    world.owner("update gate.answer set valid_until = now()")
    _, begun = ask_for(world, "card-0000")
    assert isinstance(world.permit(begun), permits.Permit)


def test_new_inputs_are_a_new_question_where_the_answer_was_no(world):
    world.cards(1)
    _, begun = ask_for(world, "card-0000")
    world.settle(*world.send(begun), units_micro=0, outcome="no_match", fields=())
    world.cards(1, domain="elsewhere.example")
    _, begun = ask_for(world, "card-0000")
    assert isinstance(world.permit(begun), permits.Permit)


def test_a_suppressed_person_is_in_no_request(world):
    world.cards(2)
    suppress(world, "card-0000")
    assert world.submit().item_count == 1
    with pytest.raises(Refused):
        world.submit(card_ids=["card-0000", "card-0001"])


def test_a_suppression_before_the_permit_wins(world):
    world.cards(2)
    made, begun = world.approved()
    suppress(world, "card-0001")
    _, sent = world.send(begun)
    assert [i.card_id for i in sent.items] == ["card-0000"]
    assert world.skipped(made) == {"suppressed": 1}


def test_a_suppression_between_permit_and_call_wins(world):
    world.cards(2)
    _, begun = world.approved()
    leave = world.permit(begun)
    suppress(world, "card-0001")
    assert permits.sending(world.contacts, leave) == permits.Denied("item_closed")
    assert world.money() == (0, 0, 0)
    _, sent = world.send(begun)
    assert [i.card_id for i in sent.items] == ["card-0000"]


def test_a_suppression_during_the_call_drops_the_value(world):
    world.cards(2)
    made, begun = world.approved()
    leave, sent = world.send(begun)
    suppress(world, "card-0001")
    assert world.settle(leave, sent).keep == frozenset({1})
    assert world.money() == (0, 100_000, 0)
    world.permit(begun)
    permits.finish(world.contacts, begun)
    handed = delivery.deliverable(world.contacts, made.request_id)
    assert [d.card_id for d in handed] == ["card-0000"]


def test_a_card_that_is_split_off_from_a_suppressed_one_stays_suppressed(world):
    before, whole, stranger = world.cards(3)
    suppress(world, before)
    world.merge(before, whole)
    world.split(whole, "part", domain="of-its-own.example")
    world.split("part", "part-of-part", domain="of-its-own.example")
    world.merge("part", stranger)

    for card in ("part", "part-of-part", stranger):
        with pytest.raises(Refused, match="1 suppressed"):
            world.submit(card_ids=[card])
    assert suppression.suppressed(world.social) == {*world.known}
    assert not [f for f in verify(world.api, lambda keys: {}).findings if "suppression" in f]


def test_a_card_that_was_split_off_before_is_a_person_of_its_own(world):
    [whole] = world.cards(1)
    world.split(whole, "part", domain="of-its-own.example")

    suppress(world, whole)

    assert world.submit(card_ids=["part"]).counts.chosen == 1
    assert suppression.suppressed(world.social) == {whole}


@pytest.mark.parametrize("lost", ["card-0000", "card-0001"])
def test_every_id_of_a_suppressed_person_is_suppressed(world, lost):
    kept = {"card-0000": "card-0001", "card-0001": "card-0000"}[lost]
    world.cards(3)
    suppress(world, "card-0000")
    world.merge(lost, kept)
    assert world.submit().item_count == 1


def test_a_withdrawn_card_is_not_sent(world):
    world.cards(2)
    made, begun = world.approved()
    leave = world.permit(begun)
    world.replace([world.known["card-0000"]])
    assert permits.sending(world.contacts, leave) == permits.Denied("item_closed")
    _, sent = world.send(begun)
    assert len(sent.items) == 1
    assert world.skipped(made) == {"withdrawn": 1}


def test_every_event_is_one_and_an_edit_is_found(world):
    world.cards(12)
    _, begun = world.approved()
    world.settle(*world.send(begun))
    leave, _ = world.send(begun)
    permits.release(world.contacts, leave.call_id, leave.fence, "connect")
    permits.finish(world.contacts, begun)
    seen = verify(world.api, lambda keys: {})
    assert seen.events > 20
    # Every event of the gate kept its hash and waits for its seal; nothing outside was compared.
    assert (seen.status, seen.findings, seen.sealed) == ("cannot_tell", {}, 0)
    world.owner("alter table audit.event disable trigger refuse_change")
    world.owner(
        "update audit.event set payload = convert_to(replace(convert_from(payload, 'UTF8'), "
        "'\"charged_micros\":500000', '\"charged_micros\":100000'), 'UTF8') "
        "where kind = 'call.settled'"
    )
    world.owner("alter table audit.event enable always trigger refuse_change")
    assert verify(world.api, lambda keys: {}).status == "tampered"


def test_the_audit_forms_of_sql_and_python_are_one(world):
    text = 'é ü " \\ / \n \t \u0007 \U0001f600'
    by_python = payload.canonical("k.x", actor="a", subject="s", key="k", data={"t": text, "a": -5})
    by_sql = world.one(
        "select convert_to(audit.canonical(%s), 'UTF8')", Jsonb(json.loads(by_python))
    )
    assert by_sql == by_python
    assert payload.event_id("k.x", "s", "k") == world.one("select audit.event_id('k.x', 's', 'k')")


def test_u6_each_step_of_a_call_has_its_event(world):
    world.cards(21)
    _, begun = world.approved()
    world.settle(*world.send(begun))
    world.settle(*world.send(begun), units_micro=0, outcome="no_match", fields=())
    leave, _ = world.send(begun)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")
    assert (
        world.one(
            "select count(*) from gate.call_step s left join audit.event e using (event_id) "
            "where e.event_id is null"
        )
        == 0
    )
    assert world.owner(
        "select kind, count(*) from audit.event where kind like 'call.%%' group by 1 order by 1"
    ) == [("call.sending", 3), ("call.settled", 2), ("call.unknown", 1)]


def test_what_was_paid_and_lost_is_not_sent_under_the_approval_that_lost_it(world):
    world.cards(1)
    made, begun = world.approved()
    leave = lose(world, begun, 1_000_000)
    assert world.outcomes(leave) == {"paid_lost"}
    assert world.permit(begun) == permits.Denied("nothing_left")
    begun = again(world, made)
    assert world.permit(begun) == permits.Denied("nothing_left")
    begun = again(world, made, lost_cards=["card-9999"])
    assert world.permit(begun) == permits.Denied("nothing_left")
    begun = again(world, made, lost_cards=["card-0000"])
    assert isinstance(world.permit(begun), permits.Permit)


def test_another_request_does_not_buy_the_lost_again_either(world):
    world.cards(1)
    _, begun = world.approved()
    lose(world, begun, 1_000_000)
    _, begun = ask_for(world, "card-0000")
    assert world.permit(begun) == permits.Denied("nothing_left")


def test_what_turned_out_free_needs_only_a_newer_approval(world):
    world.cards(1)
    made, begun = world.approved()
    leave = lose(world, begun, 0)
    assert world.outcomes(leave) == {"unknown_free"}
    assert world.permit(begun) == permits.Denied("nothing_left")
    assert isinstance(world.permit(again(world, made)), permits.Permit)


def test_one_person_resolves_nothing(world):
    world.cards(1)
    _, begun = world.approved()
    leave, _ = world.send(begun)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")
    with pytest.raises(Refused):
        world.agree(
            "resolve", {"call_id": str(leave.call_id), "units_micro": 0}, first="cho", second="cho"
        )
    assert world.call(leave) == "UNKNOWN"


def test_the_counter_says_what_the_one_unknown_call_cost(world):
    world.cards(2)
    world.settings(reconcile_wait="0 seconds")
    _, begun = world.approved()
    permits.reconcile(world.contacts, "apollo", 40)
    leave, _ = world.send(begun)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")
    assert permits.reconcile(world.contacts, "apollo", 1_000_040).verdict == "read_again"
    assert permits.reconcile(world.contacts, "apollo", 1_000_040).resolved == 1
    assert world.money() == (0, 50_000, 0)
    assert world.outcomes(leave) == {"paid_lost"}
