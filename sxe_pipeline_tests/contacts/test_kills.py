"""A worker is killed with -9 anywhere in the loop: the next one finishes, nobody pays twice."""

import signal

import pytest

from sxe_pipeline.gate import permits
from sxe_pipeline_tests.apart import APART
from sxe_pipeline_tests.contacts import worker
from sxe_pipeline_tests.contacts.harness import CREDENTIALS, POINTS


def work_apart(harness, dies_at=None):
    """Claim what is due, and run each launch in a process; their exit codes."""
    harness.time_passes()
    permits.sweep(harness.world.contacts)
    codes = []
    for launch in permits.claim_launches(harness.world.contacts):
        task = {
            "dsn": harness.world.database.dsn("sxe_contacts"),
            "url": harness.emulator.url,
            "credentials": CREDENTIALS,
            "keyset": harness.keyset,
            "request_id": str(launch.request_id),
            "attempt": launch.attempt,
            "dies_at": dies_at,
        }
        child = APART.Process(target=worker.work, args=(task,))
        child.start()
        child.join(120)
        codes.append(child.exitcode)
    return codes


AT = [
    *[pytest.param(point, "ok", id=point) for point in POINTS],
    pytest.param("answered", "drop", id="answered, and the answer was cut off"),
    pytest.param("booked", "500post", id="booked as unknown"),
]


@pytest.mark.parametrize(("point", "mode"), AT)
def test_a_killed_worker_leaves_nothing_open_and_nobody_paid_twice(due, point, mode):
    harness, made = due
    if point == "polled":
        harness.work()
        assert ("apollo", "AWAITING") in harness.open_calls()
    harness.emulator.mode("apollo", mode, on="paid", times=1)

    killed = work_apart(harness, dies_at=point)
    harness.assert_nothing_is_unaccounted()
    again = work_apart(harness)

    assert killed == [-signal.SIGKILL]
    assert set(again) <= {0}, "what the killed one left is taken over, or over"
    harness.assert_nothing_is_unaccounted()
    harness.recover(made)
    harness.assert_all_is_over()
    assert len(harness.paid_calls("apollo")) <= 1, "the same people in one call, whoever died"


def test_a_second_run_while_the_first_lives_calls_nobody(due):
    """The lease of a run that is alive is not over: nothing is launched beside it."""
    harness, _ = due
    other = []

    def reached(point):
        if point == "answered" and not other:
            with harness.world.fresh("sxe_contacts") as conn:
                permits.sweep(conn)
                other.append(permits.claim_launches(conn))

    harness.work(reached=reached)

    assert other == [[]]
    assert len(harness.paid_calls("apollo")) == 1
