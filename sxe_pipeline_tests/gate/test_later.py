"""What is asked again later, and later each time: an awaited answer, a counter."""

import pytest

from sxe_pipeline.gate import permits

MINUTE = 60.0


@pytest.fixture
def awaited(world):
    """A call whose phone number is still to come."""
    world.cards(1)
    _, begun = world.approved(fields=["phone"], waterfall=["apollo"])
    leave, sent = world.send(begun)
    world.settle(leave, sent, units_micro=0, fields=(), awaiting=True)
    return leave


def poll(world, leave, retry_after_s=None):
    """The seconds until the next poll, after one that brought nothing."""
    permits.wait(world.contacts, leave.call_id, leave.fence, retry_after_s)
    return world.call(leave, "extract(epoch from poll_after - clock_timestamp())::float")


def test_each_poll_waits_longer_up_to_an_hour(world, awaited):
    world.settings(poll_wait="1 minute")

    waits = [poll(world, awaited) / MINUTE for _ in range(8)]

    assert waits == pytest.approx([1, 1, 1, 8, 16, 32, 60, 60], abs=0.5)
    assert poll(world, awaited, retry_after_s=7200) == pytest.approx(7200, abs=30)


def test_a_call_that_was_polled_very_often_waits_an_hour_and_no_longer(world, awaited):
    world.settings(poll_wait="60 milliseconds")
    for polls in (16, 17, 2_000_000):
        world.owner("update gate.call set polls = %s", polls)

        assert poll(world, awaited) == pytest.approx(3600, abs=30)


def test_a_counter_that_says_nothing_of_an_unknown_call_is_read_later_each_time(world):
    # The first two readings come at the usual distance: it takes two to believe one.
    world.settings(reconcile_wait="1 hour")
    world.cards(1)
    _, begun = world.approved()
    leave, _ = world.send(begun)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")

    def read():
        permits.reconcile(world.contacts, "apollo", 5)
        return world.call(leave, "extract(epoch from poll_after - clock_timestamp())::float") - 3600

    extra = [read() for _ in range(2)]
    world.owner("update gate.call set polls = 7")
    extra.append(read())
    world.owner("update gate.call set polls = 100000")
    extra.append(read())

    assert max(extra[:2]) <= 0
    assert extra[2:] == pytest.approx([128, 3600], abs=30)


JUNE, JULY = "2026-06-01/2026-06-30", "2026-07-01/2026-07-31"


def counted(world, units, cycle):
    return permits.reconcile(world.contacts, "apollo", units, cycle).verdict


def test_k03_a_new_credit_cycle_is_no_drift(world):
    world.settings(reconcile_wait="0 seconds")
    world.cards(1)
    counted(world, 7_000_000, JUNE)
    _, begun = world.approved()
    world.settle(*world.send(begun))

    assert [counted(world, 1_000_000, JULY) for _ in range(3)] == [
        "new_cycle",
        "agreed",
        "agreed",
    ]
    assert world.one("select circuit_state from gate.provider where provider = 'apollo'") == (
        "closed"
    )
    assert [counted(world, 2_000_000, JULY) for _ in range(2)] == ["read_again", "drift"]


def test_k03_a_loss_across_the_border_is_never_booked_as_agreed(world):
    world.settings(reconcile_wait="0 seconds")
    world.cards(1)
    counted(world, 2_000_000, JUNE)
    _, begun = world.approved()
    leave, _ = world.send(begun)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")

    # It was charged in June; what the counter of July says is of July alone.
    assert [counted(world, 3_000_000, JULY) for _ in range(3)] == ["other_cycle"] * 3
    assert world.call(leave) == "UNKNOWN"
    assert world.call(leave, "poll_after") is None

    world.agree("resolve", {"call_id": str(leave.call_id), "units_micro": 1_000_000})
    assert counted(world, 3_000_000, JULY) == "new_cycle"
    assert world.money() == (0, 50_000, 0)
