"""The gate under other processes: one cap, one launch, one fence, one live call."""

from collections import Counter

import pytest

from sxe_pipeline.errors import Refused
from sxe_pipeline.gate import permits
from sxe_pipeline_tests.gate import race
from sxe_pipeline_tests.gate.world import APOLLO, MARKET

pytestmark = pytest.mark.usefixtures("processes")

EMAIL = 50_000
WORKERS = 8
ONE_ITEM = APOLLO | {"batch_max": 1}


def each_begun(world, count, size):
    """That many requests of that many cards of their own, begun."""
    for n in range(count):
        world.cards(size, prefix=f"r{n}")
        made = world.submit(card_ids=[f"r{n}-{i:04d}" for i in range(size)])
        world.approve(made)
    return world.launch()


def no_deadlock(world):
    """Locks are taken in one order, so that no booking has to be tried again."""
    assert (
        world.one("select deadlocks from pg_stat_database where datname = current_database()") == 0
    )


def test_ten_thousand_attempts_take_nothing_past_the_cap(world):
    admitted = 21
    world.agree("price", ONE_ITEM)
    begun = each_begun(world, WORKERS, 250)
    world.cap(admitted * EMAIL + EMAIL - 1, provider="apollo")
    dsn = world.database.dsn("sxe_contacts")
    share = 10_000 // WORKERS
    seen = sum(
        race.race(race.attempt, [(dsn, begun[n:] + begun[:n], share) for n in range(WORKERS)]),
        Counter(),
    )
    assert sum(seen.values()) == 10_000
    assert seen["granted"] == admitted
    assert set(seen) <= {"granted", "budget", "busy"}
    assert world.money() == (admitted * EMAIL, 0, 0)
    world.assert_books_are_right()
    no_deadlock(world)


def test_two_daemons_launch_each_request_once(world):
    world.cards(30)
    for n in range(30):
        world.approve(world.submit(card_ids=[f"card-{n:04d}"]))
    dsn = world.database.dsn("sxe_contacts")
    found = [key for keys in race.race(race.claim, [(dsn, 3)] * 2) for key in keys]
    assert len(found) == len(set(found)) == 30


def test_two_runs_of_one_launch_get_one_fence(world):
    world.cards(1)
    world.approve(world.submit())
    (launch,) = permits.claim_launches(world.contacts)
    dsn = world.database.dsn("sxe_contacts")
    runs = [(dsn, launch.request_id, launch.attempt, f"run-{n}") for n in range(4)]
    answers = race.race(race.begin, runs)
    assert Counter(answers)[Refused] == 3
    assert world.one("select fence from gate.request") in answers
    assert world.one("select count(*) from audit.event where kind = 'request.begun'") == 1


def test_one_live_call_for_each_card_that_four_requests_ask_for(world):
    cards = world.cards(60)
    for _ in range(4):
        world.approve(world.submit(card_ids=cards))
    begun = world.launch()
    dsn = world.database.dsn("sxe_contacts")
    seen = sum(race.race(race.attempt, [(dsn, [one], 12) for one in begun]), Counter())
    assert set(seen) <= {"granted", "in_flight"}
    assert world.owner(
        "select count(*), count(distinct card_id) from gate.call_item where live"
    ) == [(60, 60)]
    assert world.money()[0] == 60 * EMAIL
    no_deadlock(world)


def test_bookings_sweeps_and_counters_at_once_keep_the_books(world):
    world.settings(
        max_unknown_open=1000, breaker_after=1000, reconcile_wait="1 hour", max_tries=1000
    )
    world.agree("price", ONE_ITEM)
    begun = each_begun(world, 6, 100)
    for scope in ({"market": MARKET}, {"provider": "apollo"}):
        world.cap(10**9, **scope)
    # A circuit that a charge opened would end the test early.
    world.owner(
        "create function public.stay() returns trigger language plpgsql as "
        "$$ begin new.circuit_state := 'closed'; return new; end $$"
    )
    world.owner(
        "create trigger stay before update on gate.provider "
        "for each row execute function public.stay()"
    )
    world.owner(race.LATE)
    dsn = world.database.dsn("sxe_contacts")
    seen = sum(race.race(race.storm, [(dsn, begun, seed, 6.0) for seed in range(6)]), Counter())
    assert seen["sent"] > 20
    reserved, spent, overrun = world.money()
    assert seen["charged"] == spent + overrun
    unknown = world.one("select count(*) from gate.call where state = 'UNKNOWN'")
    assert reserved == unknown * EMAIL + world.one(
        "select coalesce(sum(sync_micros), 0) from gate.call where state = 'RESERVED'"
    )
    world.assert_books_are_right()
    no_deadlock(world)
