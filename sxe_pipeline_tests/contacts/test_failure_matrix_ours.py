"""Failures on our own side: processes, databases, clocks, caps, approvals, a second worker.

The other half of the failure matrix; the providers' half stands in `test_failure_matrix`.
"""

import pytest

from sxe_pipeline.contacts import enrich
from sxe_pipeline.errors import Busy, Refused, StoreUnavailable
from sxe_pipeline.gate import permits
from sxe_pipeline_tests.contacts.desk import Crashed, Dying
from sxe_pipeline_tests.contacts.looks import APOLLO_RESERVES, calls_of

CRASHES = [
    pytest.param("reserved", "RESERVED", "RELEASED", False, id="after the reservation"),
    pytest.param("sending", "SENDING", "UNKNOWN", False, id="before the call leaves"),
    pytest.param("answered", "SENDING", "UNKNOWN", True, id="after the answer"),
    pytest.param("settling", "SENDING", "UNKNOWN", True, id="in the middle of booking"),
    pytest.param("booked", "AWAITING", "AWAITING", True, id="after booking"),
]


@pytest.mark.parametrize(("point", "left", "swept", "charged"), CRASHES)
def test_a_crash(due, point, left, swept, charged):
    desk, made = due

    error = desk.try_work(Dying(point))
    permits.sweep(desk.world.contacts)

    assert isinstance(error, Crashed)
    assert [state for state, _ in calls_of(desk, "apollo")] == [left], "a lease that lives is kept"
    assert (desk.charged("apollo") > 0) is charged
    assert (desk.world.one("select count(*) from contacts.contact_point") > 0) is (
        point == "booked"
    )
    desk.world.lease_over()
    permits.sweep(desk.world.contacts)
    assert [state for state, _ in calls_of(desk, "apollo")] == [swept]
    reserved = desk.world.money("apollo")[0]
    assert reserved == {"RELEASED": 0, "UNKNOWN": APOLLO_RESERVES, "AWAITING": 3 * 400_000}[swept]
    desk.assert_nothing_is_unaccounted()
    desk.recover(made)
    desk.assert_all_is_over()
    assert len(desk.paid_calls("apollo")) <= 1


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
    desk, made = due
    [launch] = permits.claim_launches(desk.world.contacts)

    with desk.world.fresh("sxe_contacts") as conn:
        pid = conn.info.backend_pid

        def reached(at):
            if at == point:
                desk.world.owner("select pg_terminate_backend(%s)", pid)

        with pytest.raises(StoreUnavailable):
            desk.enrich(launch, conn=conn, reached=reached)

    assert len(desk.paid_calls()) == calls, "without a database nothing leaves"
    assert [state for state, _ in calls_of(desk, "apollo")] == left
    desk.assert_nothing_is_unaccounted()
    desk.recover(made)
    desk.assert_all_is_over()
    assert len(desk.paid_calls("apollo")) <= 1


def test_a_cap_that_is_hit_closes_what_is_left_of_the_request(desk):
    desk.world.cards(25)
    desk.world.cap(8 * 450_000, provider="apollo")
    made = desk.approved(25, fields=["email", "phone"])

    desk.recover(made)

    desk.assert_all_is_over()
    assert desk.world.request(made) == "DONE"
    assert desk.world.skipped(made)["budget"] > 0
    assert sum(desk.world.money("apollo")) <= 8 * 450_000
    before = len(desk.paid_calls())
    assert desk.work() == []
    assert len(desk.paid_calls()) == before


@pytest.mark.parametrize("point", ["begun", "reserved", "booked"])
def test_an_approval_that_runs_out_stops_before_the_next_call(desk, point):
    """Begun and reserved: nothing leaves. Booked: the call that was out is the last."""
    desk.world.cards(25)
    made = desk.approved(25)
    over = []

    def reached(at):
        if at == point and not over:
            over.append(at)
            desk.world.approvals_over("ben")

    [report] = desk.work(reached=reached)

    assert report.state == "HALTED"
    assert report.stops["apollo"] == "expired"
    assert len(desk.paid_calls()) == (1 if point == "booked" else 0)
    desk.assert_nothing_is_unaccounted()
    desk.recover(made)
    desk.assert_all_is_over()


def test_two_workers_with_one_launch_make_the_calls_of_one(due):
    desk, made = due
    [launch] = permits.claim_launches(desk.world.contacts)
    late = []

    def reached(at):
        if at == "reserved" and not late:
            late.append(at)
            with desk.world.fresh("sxe_contacts") as other, pytest.raises(Refused):
                desk.enrich(launch, conn=other)

    desk.enrich(launch, reached=reached)

    assert late
    assert len(desk.paid_calls("apollo")) == 1
    desk.recover(made)
    desk.assert_all_is_over()


def test_a_worker_whose_request_was_taken_over_sends_nothing_more(due):
    desk, made = due
    [launch] = permits.claim_launches(desk.world.contacts)
    taken = []

    def reached(at):
        if at == "reserved" and not taken:
            desk.world.lease_over()
            with desk.world.fresh("sxe_contacts") as other:
                permits.sweep(other)
                [second] = permits.claim_launches(other)
                taken.append(desk.enrich(second, conn=other))

    with pytest.raises(Busy):
        desk.enrich(launch, reached=reached)

    assert len(desk.paid_calls("apollo")) == 1, "the second's alone"
    desk.recover(made)
    desk.assert_all_is_over()


def test_what_is_done_is_launched_by_no_memory_of_dagsters(due):
    """Run history purged, sensor renamed, cursor lost: the gate remembers."""
    desk, made = due
    desk.recover(made)
    calls = desk.emulator.stats()["calls"]

    desk.time_passes()
    launches = permits.claim_launches(desk.world.contacts)
    for attempt in (None, 0, 1, desk.world.request(made, "attempt")):
        with pytest.raises(Refused):
            desk.enrich(permits.Launch(made["request_id"], 1, attempt))

    assert launches == []
    assert desk.emulator.stats()["calls"] == calls


@pytest.mark.parametrize("year", [1999, 2063])
def test_a_worker_with_a_wrong_clock_books_the_same(due, monkeypatch, year):
    desk, made = due

    class Skewed(enrich.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz).replace(year=year, day=1)

    monkeypatch.setattr(enrich, "datetime", Skewed)

    desk.recover(made)

    desk.assert_all_is_over()
    odd = "select count(*) from gate.call where sent_at not between now() - interval '1h' and now()"
    assert desk.world.one(odd) == 0
