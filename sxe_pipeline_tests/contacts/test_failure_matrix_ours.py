"""Failures on our own side: processes, databases, clocks, caps, approvals, a second worker.

The other half of the failure matrix; the providers' half stands in `test_failure_matrix`.
"""

import pytest

from sxe_pipeline.contacts import enrich
from sxe_pipeline.errors import Busy, Refused, StoreUnavailable
from sxe_pipeline.gate import permits
from sxe_pipeline_tests.contacts.harness import Crashed, Dying
from sxe_pipeline_tests.contacts.inspection import APOLLO_RESERVES, calls_of

CRASHES = [
    pytest.param("reserved", "RESERVED", "RELEASED", False, id="after the reservation"),
    pytest.param("sending", "SENDING", "UNKNOWN", False, id="before the call leaves"),
    pytest.param("answered", "SENDING", "UNKNOWN", True, id="after the answer"),
    pytest.param("settling", "SENDING", "UNKNOWN", True, id="in the middle of booking"),
    pytest.param("booked", "AWAITING", "AWAITING", True, id="after booking"),
]


@pytest.mark.parametrize(("point", "left", "swept", "charged"), CRASHES)
def test_a_crash(due, point, left, swept, charged):
    harness, made = due

    error = harness.try_work(Dying(point))
    permits.sweep(harness.world.contacts)

    assert isinstance(error, Crashed)
    assert [state for state, _ in calls_of(harness, "apollo")] == [left], (
        "a lease that lives is kept"
    )
    assert (harness.charged("apollo") > 0) is charged
    assert (harness.world.one("select count(*) from contacts.contact_point") > 0) is (
        point == "booked"
    )
    harness.world.lease_over()
    permits.sweep(harness.world.contacts)
    assert [state for state, _ in calls_of(harness, "apollo")] == [swept]
    reserved = harness.world.money("apollo")[0]
    assert reserved == {"RELEASED": 0, "UNKNOWN": APOLLO_RESERVES, "AWAITING": 3 * 400_000}[swept]
    harness.assert_nothing_is_unaccounted()
    harness.recover(made)
    harness.assert_all_is_over()
    assert len(harness.paid_calls("apollo")) <= 1


@pytest.mark.parametrize(
    ("point", "calls", "left"),
    [
        pytest.param("begun", 0, [], id="before the permit"),
        pytest.param("reserved", 0, ["RESERVED"], id="after the permit"),
        pytest.param("sending", 1, ["SENDING"], id="while the call is out"),
        pytest.param("answered", 1, ["SENDING"], id="after the call"),
    ],
)
def test_a_database_that_is_gone(due, point, calls, left):
    harness, made = due
    [launch] = permits.claim_launches(harness.world.contacts)

    with harness.world.fresh("sxe_contacts") as conn:
        pid = conn.info.backend_pid

        def reached(at):
            if at == point:
                harness.world.owner("select pg_terminate_backend(%s)", pid)

        with pytest.raises(StoreUnavailable):
            harness.enrich(launch, conn=conn, reached=reached)

    assert len(harness.paid_calls()) == calls, "without a database nothing leaves"
    assert [state for state, _ in calls_of(harness, "apollo")] == left
    harness.assert_nothing_is_unaccounted()
    harness.recover(made)
    harness.assert_all_is_over()
    assert len(harness.paid_calls("apollo")) <= 1


def test_a_cap_that_is_hit_closes_what_is_left_of_the_request(harness):
    harness.world.cards(25)
    harness.world.cap(8 * 450_000, provider="apollo")
    made = harness.approved(25, fields=["email", "phone"])

    harness.recover(made)

    harness.assert_all_is_over()
    assert harness.world.request(made) == "DONE"
    assert harness.world.skipped(made)["budget"] > 0
    assert sum(harness.world.money("apollo")) <= 8 * 450_000
    before = len(harness.paid_calls())
    assert harness.work() == []
    assert len(harness.paid_calls()) == before


@pytest.mark.parametrize("point", ["begun", "reserved", "booked"])
def test_an_approval_that_runs_out_stops_before_the_next_call(harness, point):
    """Begun and reserved: nothing leaves. Booked: the call that was out is the last."""
    harness.world.cards(25)
    made = harness.approved(25)
    over = []

    def reached(at):
        if at == point and not over:
            over.append(at)
            harness.world.approvals_over("ben")

    [report] = harness.work(reached=reached)

    assert report.state == "HALTED"
    assert report.stops["apollo"] == "expired"
    assert len(harness.paid_calls()) == (1 if point == "booked" else 0)
    harness.assert_nothing_is_unaccounted()
    harness.recover(made)
    harness.assert_all_is_over()


def test_two_workers_with_one_launch_make_the_calls_of_one(due):
    harness, made = due
    [launch] = permits.claim_launches(harness.world.contacts)
    late = []

    def reached(at):
        if at == "reserved" and not late:
            late.append(at)
            with harness.world.fresh("sxe_contacts") as other, pytest.raises(Refused):
                harness.enrich(launch, conn=other)

    harness.enrich(launch, reached=reached)

    assert late
    assert len(harness.paid_calls("apollo")) == 1
    harness.recover(made)
    harness.assert_all_is_over()


def test_a_worker_whose_request_was_taken_over_sends_nothing_more(due):
    harness, made = due
    [launch] = permits.claim_launches(harness.world.contacts)
    taken = []

    def reached(at):
        if at == "reserved" and not taken:
            harness.world.lease_over()
            with harness.world.fresh("sxe_contacts") as other:
                permits.sweep(other)
                [second] = permits.claim_launches(other)
                taken.append(harness.enrich(second, conn=other))

    with pytest.raises(Busy):
        harness.enrich(launch, reached=reached)

    assert len(harness.paid_calls("apollo")) == 1, "the second's alone"
    harness.recover(made)
    harness.assert_all_is_over()


def test_what_is_done_is_launched_by_no_memory_of_dagsters(due):
    """Run history purged, sensor renamed, cursor lost: the gate remembers."""
    harness, made = due
    harness.recover(made)
    calls = harness.emulator.stats()["calls"]

    harness.time_passes()
    launches = permits.claim_launches(harness.world.contacts)
    for attempt in (None, 0, 1, harness.world.request(made, "attempt")):
        with pytest.raises(Refused):
            harness.enrich(permits.Launch(made.request_id, 1, attempt))

    assert launches == []
    assert harness.emulator.stats()["calls"] == calls


@pytest.mark.parametrize("year", [1999, 2063])
def test_a_worker_with_a_wrong_clock_books_the_same(due, monkeypatch, year):
    harness, made = due

    class Skewed(enrich.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz).replace(year=year, day=1)

    monkeypatch.setattr(enrich, "datetime", Skewed)

    harness.recover(made)

    harness.assert_all_is_over()
    odd = "select count(*) from gate.call where sent_at not between now() - interval '1h' and now()"
    assert harness.world.one(odd) == 0
