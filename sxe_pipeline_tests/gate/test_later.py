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
