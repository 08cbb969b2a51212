"""Invariants of the ledger: caps, books, reservations, charges, unknown outcomes."""

import psycopg
import pytest

from sxe_pipeline.errors import BadInput, Busy, Refused
from sxe_pipeline.gate import permits, reads, requests
from sxe_pipeline_tests.gate.world import APOLLO, MARKET

EMAIL = 50_000
SCOPES = (
    {"market": MARKET},
    {"provider": "apollo"},
    {"market": MARKET, "provider": "apollo"},
)
CIRCUIT = "select circuit_state, cause from gate.provider where provider = 'apollo'"
ONE_ITEM = APOLLO | {"batch_max": 1}


def denied(world, begun, provider="apollo"):
    answer = world.permit(begun, provider)
    assert isinstance(answer, permits.Denied), answer
    return answer.reason


def unknown(world, begun):
    leave, _ = world.send(begun)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")
    return leave


def count_reading(world, units_micro, times=2):
    """The provider's counter, read as often as it takes to be believed."""
    return [permits.reconcile(world.contacts, "apollo", units_micro) for _ in range(times)][-1]


@pytest.mark.parametrize("scope", SCOPES, ids=["market", "provider", "both"])
def test_whatever_cap_is_lowest_binds(world, scope):
    world.cards(10)
    world.cap(3 * EMAIL + EMAIL - 1, **scope)
    _, begun = world.approved()
    assert world.permit(begun).item_count == 3
    assert denied(world, begun) == "budget"
    world.assert_books_are_right()


def test_the_lowest_approved_maximum_binds(world):
    world.cards(10)
    made = world.submit()
    world.approve(made, max_micros=5 * EMAIL)
    world.approve(made, "eve", max_micros=2 * EMAIL)
    begun = world.begun_again(made)
    assert world.permit(begun).item_count == 2
    assert denied(world, begun) == "budget"


def test_a_cap_that_nobody_set_is_nought(world):
    world.cards(2)
    world.owner("delete from gate.budget where market is not null and provider is null")
    _, begun = world.approved()
    assert denied(world, begun) == "budget"


def test_the_cap_of_another_month_gives_no_room(world):
    world.cards(2)
    world.owner("update gate.budget set month = month - interval '1 month' where month is not null")
    _, begun = world.approved()
    assert denied(world, begun) == "budget"


def test_an_open_reservation_takes_room_from_another_request(world):
    world.cards(1, prefix="first")
    _, one = world.approved()
    world.permit(one)
    world.cards(1, prefix="second")
    world.cap(2 * EMAIL - 1, provider="apollo")
    made = world.submit(1, card_ids=["second-0000"])
    world.approve(made)
    assert denied(world, world.begun_again(made)) == "budget"


def test_a_cap_does_not_fall_below_what_is_reserved(world):
    world.cards(4)
    _, begun = world.approved()
    world.permit(begun)
    with pytest.raises(Refused):
        world.cap(4 * EMAIL - 1, provider="apollo")
    world.cap(4 * EMAIL, provider="apollo")
    world.assert_books_are_right()


def test_the_check_of_the_table_is_the_last_guard(world):
    with pytest.raises(psycopg.errors.CheckViolation):
        world.owner("update gate.budget set reserved = cap + 1")


def test_balances_are_the_sums_of_the_transfers_on_every_road(world):
    world.cards(60)
    world.settings(max_unknown_open=9)
    _, begun = world.approved()
    world.settle(*world.send(begun))
    world.settle(*world.send(begun), units_micro=10_300_000)
    world.agree("circuit", {"provider": "apollo"})
    world.settle(*world.send(begun), units_micro=1, outcome="no_match", fields=())
    leave, _ = world.send(begun)
    permits.release(world.contacts, leave.call_id, leave.fence, "429")
    unknown(world, begun)
    world.permit(begun)
    world.assert_books_are_right()
    assert world.money() == (10 * EMAIL + 10 * EMAIL, 20 * EMAIL + 1, 15_000)


def test_a_reservation_is_resolved_once(world):
    world.cards(1)
    _, begun = world.approved()
    leave, sent = world.send(begun)
    world.settle(leave, sent)
    for again in (
        lambda: world.settle(leave, sent),
        lambda: permits.release(world.contacts, leave.call_id, leave.fence, "429"),
        lambda: permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout"),
    ):
        with pytest.raises(Busy):
            again()
    assert world.money() == (0, EMAIL, 0)
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.owner(
            "insert into gate.transfer (budget_id, call_id, part, kind, amount, pending_id) "
            "select budget_id, call_id, part, 'void', amount, pending_id from gate.transfer "
            "where kind = 'post'"
        )


def test_what_goes_beyond_the_reservation_is_late_and_no_post(world):
    world.cards(1)
    _, begun = world.approved()
    world.settle(*world.send(begun), units_micro=3_000_000)
    kinds = dict(world.owner("select kind, max(amount) from gate.transfer group by kind"))
    assert kinds == {"reserve": EMAIL, "post": EMAIL, "late": 2 * EMAIL}
    assert world.owner(CIRCUIT) == [("open", "overrun")]


def test_a_transfer_is_never_changed(world):
    for statement in (
        "update gate.transfer set amount = 1",
        "delete from gate.transfer",
        "truncate gate.transfer cascade",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            world.owner(statement)


def test_an_unknown_call_keeps_its_money_and_is_not_sent_again(world):
    world.cards(3)
    made, begun = world.approved()
    leave = unknown(world, begun)
    assert world.money() == (3 * EMAIL, 0, 0)
    assert denied(world, begun) == "unknown_open"
    world.settings(max_unknown_open=5)
    assert denied(world, begun) == "in_flight"
    assert denied(world, begun, "enformion") == "in_flight"
    assert permits.finish(world.contacts, begun).state == "DONE_UNKNOWN"
    world.lease_over()
    permits.sweep(world.contacts)
    assert world.launch() == []
    assert world.call(leave) == "UNKNOWN"
    assert world.money() == (3 * EMAIL, 0, 0)
    world.approve(made)
    assert denied(world, world.begun_again(made)) == "in_flight"


def test_the_sweep_leaves_a_call_alone_until_nobody_can_be_waiting(world):
    world.cards(1)
    _, begun = world.approved()
    leave, _ = world.send(begun)
    for over, state in (("74 seconds", "SENDING"), ("76 seconds", "UNKNOWN")):
        world.owner("update gate.call set lease_until = now() - %s::interval", over)
        permits.sweep(world.contacts)
        assert world.call(leave) == state
    assert world.money() == (EMAIL, 0, 0)


def test_the_sweep_frees_what_was_never_sent(world):
    world.cards(1)
    _, begun = world.approved()
    leave = world.permit(begun)
    assert permits.sweep(world.contacts).released == 0
    world.lease_over()
    assert permits.sweep(world.contacts).released == 1
    assert world.call(leave) == "RELEASED"
    assert world.money() == (0, 0, 0)


def test_what_stays_unknown_is_charged_in_full(world):
    world.cards(4)
    _, begun = world.approved()
    leave = unknown(world, begun)
    world.settings(unknown_after="1 microsecond")
    assert permits.sweep(world.contacts).charged_in_full == 1
    assert world.money() == (0, 4 * EMAIL, 0)
    assert world.outcomes(leave) == {"paid_lost"}


@pytest.mark.parametrize("email_units", [0, 1_000_000], ids=["no email", "an email"])
def test_charged_in_full_is_what_is_still_reserved(world, email_units):
    world.cards(1)
    world.settings(await_for="1 microsecond", unknown_after="1 microsecond")
    _, begun = world.approved(fields=["email", "phone"], waterfall=["apollo"])
    leave, sent = world.send(begun)
    world.settle(leave, sent, units_micro=email_units, fields=(), awaiting=True)
    assert permits.sweep(world.contacts).unknown == 1
    assert permits.sweep(world.contacts).charged_in_full == 1
    spent = email_units // 20 + 8 * EMAIL
    assert world.money() == (0, spent, 0)
    assert world.owner(CIRCUIT)[0][0] == "closed"


def test_a_price_that_does_not_divide_makes_no_overrun(world):
    odd = APOLLO | {"micros_per_unit": 7}
    odd["sells"] = {"email": APOLLO["sells"]["email"] | {"worst_units_micro": 1_500_000}}
    world.agree("price", odd)
    world.cards(1)
    world.settings(unknown_after="1 microsecond")
    _, begun = world.approved()
    unknown(world, begun)
    permits.sweep(world.contacts)
    assert world.money() == (0, 11, 0)


@pytest.mark.parametrize("end", ["settled", "released"])
def test_a_charge_that_is_learned_later_is_booked_past_the_cap(world, end):
    world.cards(2)
    world.cap(2 * EMAIL, provider="apollo")
    _, begun = world.approved()
    leave, sent = world.send(begun)
    if end == "settled":
        world.settle(leave, sent)
    else:
        permits.release(world.contacts, leave.call_id, leave.fence, "connect")
    world.late(leave.call_id, 5_000_000)
    assert world.money()[2] == 5 * EMAIL
    assert world.owner(CIRCUIT)[0][0] == "open"
    assert world.one("select count(*) from audit.event where kind = 'call.late'") == 1
    world.assert_books_are_right()


def test_an_open_circuit_takes_the_stronger_cause(world):
    # A circuit that failures opened tries again by itself; one with a late charge waits for people.
    world.cards(12)
    world.settings(breaker_after=1, breaker_rest="1 microsecond", max_unknown_open=9)
    _, begun = world.approved()
    leave, sent = world.send(begun)
    world.settle(leave, sent)
    unknown(world, begun)
    world.late(leave.call_id, 1_000_000)
    assert world.one("select cause from gate.provider where provider = 'apollo'") == "late_charge"
    world.cards(1, prefix="more")
    made = world.submit(1, card_ids=["more-0000"])
    world.approve(made)
    assert denied(world, world.begun_again(made)) == "circuit_open"


@pytest.mark.parametrize("units", [0, -1, None])
def test_a_late_charge_is_positive(world, units):
    world.cards(1)
    _, begun = world.approved()
    leave, sent = world.send(begun)
    world.settle(leave, sent)
    with pytest.raises(BadInput):
        world.late(leave.call_id, units)


def test_the_worst_case_of_the_forecast_covers_what_is_reserved(world):
    world.cards(23)
    for scope in SCOPES:
        world.cap(10**9, **scope)
    spec = world.spec(limit=250, fields=["email", "phone"])
    plan = requests.plan(world.api, world.tokens["ana"], spec)
    made, begun = world.approved(fields=["email", "phone"])
    spent = 0
    for provider in begun.waterfall:
        while isinstance(leave := world.permit(begun, provider), permits.Permit):
            sent = permits.sending(world.contacts, leave)
            worst = leave.reserved_micros * 1_000_000 // world.call(leave, "micros_per_unit")
            world.settle(leave, sent, units_micro=worst, fields=())
            spent += leave.reserved_micros
    assert spent == sum(line.worst_micros for line in plan.forecast)
    assert spent <= plan.max_micros
    assert reads.find(world.api, made.request_id).overrun_micros == 0


def test_a_counter_that_moved_alone_opens_the_circuit(world):
    world.settings(reconcile_wait="0 seconds")
    world.cards(2)
    _, begun = world.approved()
    assert count_reading(world, 100_000_000, 1).verdict == "first_reading"
    assert count_reading(world, 100_000_000).verdict == "agreed"
    assert count_reading(world, 101_000_000).verdict == "drift"
    assert world.owner(CIRCUIT) == [("open", "drift")]
    assert denied(world, begun) == "circuit_open"


def test_a_counter_below_the_ledger_opens_the_circuit(world):
    world.settings(reconcile_wait="0 seconds")
    world.cards(2)
    _, begun = world.approved()
    count_reading(world, 0, 1)
    world.settle(*world.send(begun), units_micro=2_000_000)
    assert count_reading(world, 1_000_000) == permits.Reconciled("drift", -1_000_000)


def test_what_the_ledger_booked_is_no_drift(world):
    world.settings(reconcile_wait="0 seconds")
    world.cards(2)
    _, begun = world.approved()
    count_reading(world, 7, 1)
    world.settle(*world.send(begun), units_micro=2_000_000)
    assert count_reading(world, 2_000_007).verdict == "agreed"


def test_two_readings_need_time_between_them(world):
    count_reading(world, 5, 1)
    assert count_reading(world, 5, 3).verdict == "read_again"


def test_a_circuit_that_is_closed_again_does_not_swallow_an_unknown_charge(world):
    # The counter has the charge of the unknown call in it: taking it as agreed would lose money.
    world.settings(reconcile_wait="0 seconds")
    world.cards(1)
    _, begun = world.approved()
    leave = unknown(world, begun)
    assert count_reading(world, 1_000_000).verdict in ("read_again", "drift")
    count_reading(world, 1_000_000)
    world.agree("circuit", {"provider": "apollo"})
    count_reading(world, 1_000_000, 4)
    assert world.call(leave) == "UNKNOWN"
    assert world.money() == (EMAIL, 0, 0)
    world.agree("resolve", {"call_id": str(leave.call_id), "units_micro": 1_000_000})
    assert world.money() == (0, EMAIL, 0)


def test_failures_are_forgotten_when_two_people_close_a_circuit(world):
    world.settings(breaker_after=2, max_unknown_open=9)
    world.cards(3)
    world.agree("price", ONE_ITEM)
    _, begun = world.approved()
    unknown(world, begun)
    unknown(world, begun)
    assert world.owner(CIRCUIT)[0][0] == "open"
    world.agree("circuit", {"provider": "apollo"})
    unknown(world, begun)
    assert world.owner(CIRCUIT)[0][0] == "closed"
