"""What Dagster believes of runs is advice: lost ones are failed, failed work is asked for again."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from sxe_pipeline import definitions
from sxe_pipeline.errors import StoreUnavailable
from sxe_pipeline.handoff import day_batches
from sxe_pipeline.local import runs
from sxe_pipeline.ops import runs as leases
from sxe_pipeline.ops import work
from sxe_pipeline.social import observe, profiles
from sxe_pipeline.store import sql
from sxe_pipeline_tests.places import TODAY, land, person

DAY = TODAY - timedelta(days=1)


@pytest.fixture
def quick(place):
    """Nothing is waited for between two attempts."""
    place.settings = replace(
        place.settings, pace=replace(place.settings.pace, retry_pause=0, start_grace=0.2)
    )
    place.tier = definitions.assemble(place.settings)
    return place


def tick(place, name):
    return runs.sensor_tick(place.tier, place.instance, name)


def take(place, wanted):
    days = wanted.days if wanted.partition else []
    if days:
        return runs.run(place.tier, place.instance, wanted.job, days, wanted.tags)
    return runs.run_partition(place.tier, place.instance, wanted.job, None, wanted.tags)


def states(place):
    with sql.connect(place.settings.need("social_dsn")) as conn:
        return {(r.work, r.state) for r in work.rows(conn, ["asked", "waiting", "red", "done"])}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED),
    ],
)
def test_a_run_that_looks_alive_and_does_not_beat_is_ended(quick, before, after):
    job = quick.tier.resolve_job_def("tier1_intake")
    run = quick.instance.create_run_for_job(job, status=before)

    tick(quick, "lost_social_tier_runs")
    time.sleep(0.3)
    tick(quick, "lost_social_tier_runs")

    assert quick.instance.get_run_by_id(run.run_id).status == after


def test_a_run_that_was_made_and_never_submitted_is_ended_and_its_work_asked_for_again(quick):
    land(quick.settings.home, TODAY, [person(1)])
    [wanted] = quick.tick()
    job = quick.tier.resolve_job_def("tier1_intake")
    run = quick.instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.NOT_STARTED, tags=wanted.tags
    )

    assert quick.tick() == []  # whoever made it may still submit it
    time.sleep(0.3)
    for _ in range(2):
        tick(quick, "lost_social_tier_runs")
        time.sleep(0.3)

    assert quick.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
    quick.tick()
    [again] = quick.tick()
    assert again.tags["sxe/attempt"] == "2"


def test_a_run_that_beats_is_left_alone(quick):
    job = quick.tier.resolve_job_def("tier1_intake")
    run = quick.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)

    dsn = quick.settings.need("social_dsn")
    with leases.held(dsn, run.run_id, {}, lease_s=60):
        tick(quick, "lost_social_tier_runs")
        time.sleep(0.3)
        tick(quick, "lost_social_tier_runs")

        assert quick.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTED


def test_a_run_of_the_other_tier_is_not_this_tiers_to_end(quick):
    job = quick.tier.resolve_job_def("tier1_intake")
    run = quick.instance.create_run_for_job(
        job,
        status=dg.DagsterRunStatus.STARTED,
        tags={".dagster/repository": "__repository__@contact_tier"},
    )

    tick(quick, "lost_social_tier_runs")
    time.sleep(0.3)
    tick(quick, "lost_social_tier_runs")

    assert quick.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTED


def away(*_, **__):
    raise StoreUnavailable("the Tier 1 store cannot be reached; check it")


def test_a_day_whose_store_was_away_is_asked_for_again_until_it_is_done(quick, monkeypatch):
    land(quick.settings.home, DAY, [person(1)])
    [first] = tick(quick, "landed_files")
    with monkeypatch.context() as broken:
        broken.setattr(observe, "observe", away)
        assert not take(quick, first).is_success
    assert tick(quick, "landed_files") == [], "first it is settled"

    [again] = tick(quick, "landed_files")

    assert again.tags != first.tags
    assert take(quick, again).is_success
    assert tick(quick, "landed_files") == []
    assert states(quick) == {("intake", "done")}


def test_tables_that_a_run_did_not_get_to_are_asked_for_by_themselves(quick, monkeypatch):
    land(quick.settings.home, DAY, [person(n) for n in range(5)])
    [wanted] = tick(quick, "landed_files")
    with monkeypatch.context() as broken:
        broken.setattr(profiles, "rebuild", away)
        assert not take(quick, wanted).is_success
    assert tick(quick, "landed_files") == [], "the day itself is observed"

    [tables] = tick(quick, "due_tables")

    assert take(quick, tables).is_success
    assert quick.table("cards/lead_cards").num_rows == 5
    assert tick(quick, "due_tables") == []


def test_a_night_that_failed_is_asked_for_again(quick, monkeypatch):
    land(quick.settings.home, DAY, [person(n) for n in range(5)])
    [wanted] = tick(quick, "landed_files")
    take(quick, wanted)
    morning = datetime.combine(DAY + timedelta(days=1), datetime.min.time(), UTC)
    at = morning + timedelta(hours=2)
    [night] = runs.schedule_tick(quick.tier, quick.instance, "every_day", at)
    with monkeypatch.context() as broken:
        broken.setattr(day_batches, "publish_day", away)
        assert not take(quick, night).is_success
    assert tick(quick, "due_nights") == []

    [again] = tick(quick, "due_nights")

    assert (again.job, again.partition) == (night.job, night.partition)
    assert take(quick, again).is_success
    assert quick.batches() == [("x_general", DAY, 5)]
    assert tick(quick, "due_nights") == []


def test_what_did_not_change_is_not_written_again(quick):
    land(quick.settings.home, DAY, [person(n) for n in range(5)])
    [wanted] = tick(quick, "landed_files")
    take(quick, wanted)
    before = written(quick)

    quick.run("tier1_intake", DAY)
    quick.run("tier1_day", DAY)
    published = written(quick)
    quick.run("tier1_day", DAY)

    assert before["tier1"] == published["tier1"] == written(quick)["tier1"]
    assert published["handoff"] == written(quick)["handoff"] != before["handoff"]


def written(place):
    home = place.settings.home
    return {
        room: sorted(str(f) for f in (home / room).rglob("*") if f.is_file())
        for room in ("tier1", "handoff")
    }
