"""What Dagster and Postgres know becomes messages, by the real sensor on a real instance."""

import dataclasses
import json
from datetime import timedelta

import dagster as dg
import pytest

from sxe_pipeline import definitions
from sxe_pipeline.cards import assets as cards
from sxe_pipeline.social import profiles
from sxe_pipeline.store import sql
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.places import TODAY, land, person

DAY = TODAY - timedelta(days=1)
SECRET = "row: Ana, ana.writes@protonmail.com, +44 7700 900123"


def ticked(place, url):
    """One tick of the sensor; its message."""
    given = dataclasses.replace(place.settings, alert_url=url)
    tier = definitions.assemble(given)
    with dg.build_sensor_context(
        instance=place.instance,
        definitions=tier,
        sensor_name="raised_alerts",
        resources={"settings": given},
    ) as context:
        return tier.resolve_sensor_def("raised_alerts").evaluate_tick(context).skip_message


def said(receiver):
    return [(m["state"], m["kind"], m["subject"]) for m in receiver.messages]


@pytest.fixture
def broken(place, monkeypatch):
    """A run of the intake that failed on an error which quotes a profile."""

    def fail(*_, **__):
        raise ValueError(SECRET)

    land(place.settings.home, DAY, [person(n) for n in range(3)])
    place.tick()
    monkeypatch.setattr(profiles, "rebuild", fail)
    run = place.run("tier1_intake", DAY)
    monkeypatch.undo()
    assert not run.is_success
    return run


def test_without_an_address_nobody_is_told_and_the_tick_says_so(place):
    assert "SXE_ALERT_WEBHOOK_URL is not set" in ticked(place, None)


def test_a_failed_run_is_said_once_and_its_end_once_without_a_word_of_a_profile(
    place, broken, receiver
):
    ticked(place, receiver.url)
    ticked(place, receiver.url)
    assert said(receiver) == [("open", "run_failed", "tier1_intake")]
    assert receiver.messages[0]["run_id"] == broken.run_id
    assert "Ana" not in json.dumps(receiver.messages)

    assert place.run("tier1_intake", DAY).is_success
    ticked(place, receiver.url)

    assert said(receiver)[1:] == [("resolved", "run_failed", "tier1_intake")]


def test_a_receiver_that_is_away_fails_no_tick_and_hears_of_it_later(place, broken, receiver):
    receiver.answers = [503]
    assert "was not taken" in ticked(place, receiver.url)
    receiver.answers, receiver.messages = [200], []

    assert "1 messages sent" in ticked(place, receiver.url)
    assert said(receiver) == [("open", "run_failed", "tier1_intake")]


def test_a_failing_check_red_work_and_an_old_night_are_said(place, receiver, monkeypatch):
    land(place.settings.home, DAY, [person(n) for n in range(3)])
    monkeypatch.setattr(cards, "TAGGED_GOAL", 1.1)
    place.run("tier1_intake", DAY)
    with sql.connect(place.settings.need("social_dsn")) as conn:
        as_owner(
            conn, "update ingest.landing_file set registered_at = registered_at - '27h'::interval"
        )
        conn.execute(
            "insert into ops.work (work, subject, inputs, state, attempt, ask_id, reason) "
            "values ('night', '2031-02-01', '', 'red', 5, gen_random_uuid(), 'x')"
        )

    ticked(place, receiver.url)

    assert sorted(said(receiver)) == [
        ("open", "check_failed", "cards/lead_cards:tagged_share"),
        ("open", "stale", "tier1_day"),
        ("open", "work_red", "night 2031-02-01"),
    ]
    monkeypatch.undo()
    receiver.messages.clear()
    assert place.run("tier1_day", DAY).is_success
    ticked(place, receiver.url)
    assert sorted(said(receiver)) == [
        ("resolved", "check_failed", "cards/lead_cards:tagged_share"),
        ("resolved", "stale", "tier1_day"),
    ]
