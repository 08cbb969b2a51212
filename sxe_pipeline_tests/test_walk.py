"""From landing files to batches by the real jobs: intake, a day, a range, a replay, a breach."""

import random
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from sxe_pipeline import contracts_root, face
from sxe_pipeline.cards import in_force, inputs, tier1
from sxe_pipeline.demo import dump, search
from sxe_pipeline.local import runs
from sxe_pipeline.ops.sensors import range_tags
from sxe_pipeline.redact import Rules, redact_array, redact_seam
from sxe_pipeline.sandbox import plants
from sxe_pipeline.social import observe
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline.store import sql
from sxe_pipeline_tests.places import TODAY, land, person

DAYS = [TODAY - timedelta(days=n) for n in (3, 2, 1)]


def test_a_file_becomes_a_batch_and_everything_is_said_once(place):
    home = place.settings.home
    land(home, DAYS[2], [person(n) for n in range(12)])

    wanted = place.tick()
    first = place.run("tier1_intake", DAYS[2])
    idle = place.tick()
    assert place.batches() == []
    morning = datetime.combine(DAYS[2] + timedelta(days=1), datetime.min.time(), UTC)
    scheduled = runs.schedule_tick(
        place.tier, place.instance, "every_day", morning + timedelta(hours=2)
    )
    published = place.run(scheduled[0].job, date.fromisoformat(scheduled[0].partition))
    again = place.run("tier1_day", DAYS[2])

    assert [(w.job, w.partition) for w in wanted] == [("tier1_intake", DAYS[2].isoformat())]
    assert first.is_success, first.failure
    assert idle == [], "the same file twice asks for nothing"
    assert scheduled[0].partition == DAYS[2].isoformat(), "the schedule publishes yesterday"
    assert published.is_success, published.failure
    assert again.is_success, again.failure
    assert place.batches() == [("x_general", DAYS[2], 12)], "publishing twice is one batch"
    kinds = dict(place.rows("select kind, count(*) from audit.event group by kind"))
    assert kinds["landing_file.registered"] == 1
    assert kinds["batch.published"] == 2, "cards, and pools"
    night = runs.run_partition(place.tier, place.instance, "upkeep", None, {})
    assert night.is_success, "what guards found is attested there"
    uncovered = place.rows(
        "select count(*) from audit.event e left join audit.attested_event c using (event_id) "
        "where c.event_id is null and e.kind <> 'key.created'"
    )
    assert uncovered == [(0,)]
    digests = face.materializations(place.instance, ["handoff/lead_card_batches"])
    stored = place.rows("select digest from audit.attestation where asset_key like 'handoff/%%'")
    assert {d for (d,) in stored} <= set(digests)


def test_a_backfill_of_three_days_is_one_run_and_never_dates_cards_back(place):
    home = place.settings.home
    for number, day in enumerate(DAYS):
        land(home, day, [person(10 * number + n) for n in range(10)])

    wanted = place.tick()
    run = place.run("tier1_day", *DAYS)
    late = place.run("tier1_day", DAYS[0])

    first, last = DAYS[0].isoformat(), DAYS[-1].isoformat()
    assert [(w.partition, w.tags) for w in wanted] == [
        (None, wanted[0].tags | range_tags(first, last))
    ]
    assert run.is_success, run.failure
    assert late.is_success, late.failure
    assert place.batches() == [("x_general", DAYS[2], 30)]
    assert place.table("social/observations").num_rows == 30


def test_one_day_again_changes_only_that_day_and_keeps_every_card_id(place):
    home = place.settings.home
    land(home, DAYS[1], [person(n) for n in range(5)])
    place.tick()
    land(
        home,
        DAYS[2],
        [person(n, bio="Chef in Lyon. I bake bread and love hiking") for n in range(5)],
    )
    place.tick()
    place.run("tier1_intake", DAYS[1], DAYS[2])
    assert place.tick() == [], "what a run by hand has done is asked for no more"
    before = place.table("cards/lead_cards").sort_by("card_id")

    land(home, DAYS[1], [person(7)], name="more.json")
    wanted = place.tick()
    run = place.run("tier1_intake", DAYS[1])

    after = place.table("cards/lead_cards").sort_by("card_id")
    assert [w.partition for w in wanted] == [DAYS[1].isoformat()]
    assert run.is_success, run.failure
    assert set(before["card_id"].to_pylist()) < set(after["card_id"].to_pylist())
    assert place.table("social/observations").num_rows == 11
    bios = place.table("social/profiles").to_pylist()
    assert sum("Chef" in row["bio"] for row in bios) == 5, "the newest sighting wins"


def test_a_run_of_everything_changes_no_row_and_mints_nothing(place):
    for number, day in enumerate(DAYS):
        people = [person(n, bio=f"Chef in Lyon. I bake bread {day}") for n in range(2 * number, 9)]
        land(place.settings.home, day, people)
        place.tick()
        assert place.run("tier1_intake", day).is_success
    named = "select table_name, version from ops.version where superseded_at is null order by 1"
    before = dict(place.rows(named)), place.rows("select * from social.card order by 1")

    run = runs.run_partition(place.tier, place.instance, "tier1_tables", None, {face.WHOLE: "true"})

    assert run.is_success, run.failure
    written = place.rows(
        "select kind, count(*) from audit.event where kind in "
        "('profiles.written', 'identities.written', 'lead_cards.written') group by 1"
    )
    assert set(written) == {(kind, len(DAYS) + 1) for kind, _ in written}, "each was made"
    assert (dict(place.rows(named)), place.rows("select * from social.card order by 1")) == before


def test_who_is_no_lead_any_more_keeps_the_card_and_leaves_batches_and_candidates(place):
    home = place.settings.home

    def candidates():
        with psycopg.connect(place.superuser()) as conn:
            query = "select card_id from gate.candidate where withdrawn_at is null"
            return {card_id for (card_id,) in conn.execute(query)}

    def standing():
        leads = set(place.table("cards/lead_cards")["card_id"].to_pylist())
        others = place.table("cards/others").to_pylist()
        return leads, {row["card_id"]: (row["kind"], row["tribe"]) for row in others}

    land(home, DAYS[1], [person(n) for n in range(3)])
    place.tick()
    assert place.run("tier1_day", DAYS[1]).is_success
    leads, others = standing()
    assert (len(leads), others, candidates()) == (3, {}, leads)

    land(home, DAYS[2], [person(0, bio="Trail running, hiking"), person(1, bio="hi")])
    place.tick()
    assert place.run("tier1_day", DAYS[2]).is_success

    left, others = standing()
    assert left == candidates()
    assert left | others.keys() == leads, "no id is new"
    assert set(others.values()) == {("audience", "running_cycling"), ("no_signal", None)}
    assert place.rows("select count(*), count(retired_at) from social.card") == [(3, 0)]
    assert place.batches() == [("x_general", DAYS[1], 3), ("x_general", DAYS[2], 1)]
    assert place.rows(
        "select landed_day, sum(value) filter (where stage = 'lead_cards'), "
        "sum(value) filter (where stage = 'audience') from cards.funnel group by 1 order by 1"
    ) == [(DAYS[1], 3, None), (DAYS[2], 1, 1)], "what a day before said stays beside it"


def test_a_table_of_the_others_that_is_not_named_is_made_anew(place):
    land(place.settings.home, DAYS[2], [person(n, bio="Trail running") for n in range(3)])
    place.tick()
    place.run("tier1_intake", DAYS[2])
    with psycopg.connect(place.superuser()) as conn:
        conn.execute("delete from ops.version where table_name = 'cards/others'")

    assert place.run("tier1_intake", DAYS[2]).is_success

    assert place.table("cards/others").num_rows == 3


@pytest.mark.parametrize(
    ("threshold", "failed"),
    [
        pytest.param("0.6", (), id="as before"),
        pytest.param("0.99", ("cards/lead_cards:label_drift",), id="nobody has a persona"),
    ],
)
def test_labels_that_another_taxonomy_takes_away_are_drift(
    place, tmp_path, monkeypatch, threshold, failed
):
    land(place.settings.home, DAYS[2], [person(n) for n in range(60)])
    place.tick()
    first = place.run("tier1_intake", DAYS[2])
    assert first.failed_checks == (), "there is nothing to compare with"
    edited = Path(shutil.copytree(contracts_root(), tmp_path / "contracts"))
    labels = edited / "taxonomy" / "taxonomy.yaml"
    thresholds = re.sub(r"persona: [0-9.]+", f"persona: {threshold}", labels.read_text(), count=1)
    labels.write_text(thresholds + "\n# another edition\n")
    for module in (in_force, inputs, tier1):
        monkeypatch.setattr(module, "contracts_root", lambda: edited)
    monkeypatch.setattr(tier1, "shipped_weights", lambda labels: None)

    again = place.run("tier1_intake", DAYS[2])

    assert again.is_success, again.failure
    assert again.failed_checks == failed


def test_a_landing_file_that_is_gone_or_overwritten_stops_its_day(place):
    home = place.settings.home
    land(home, DAYS[2], [person(1)])
    place.tick()
    land(home, DAYS[2], [person(2)])

    overwritten = place.run("tier1_intake", DAYS[2])
    next((home / "landing").rglob("page.json")).unlink()
    gone = place.run("tier1_intake", DAYS[2])

    assert "overwritten" in overwritten.failure
    assert "gone" in gone.failure


@pytest.fixture
def hidden(place):
    """Somebody with a planted address, in a landed and registered file."""
    planted = plants.plant(plants.KINDS[0], 1, random.Random(1))
    assert planted.field == "bio"
    land(place.settings.home, DAYS[2], [person(1), person(2, bio=f"hello {planted.text} there")])
    place.tick()
    return planted.plant


def left_behind(place, plant):
    """Where the plant is found in everything but the landing tier and the server's own files."""
    apart = [place.settings.home / name for name in ("landing", "postgres")]
    files = [
        file
        for file in place.settings.home.rglob("*")
        if file.is_file() and not any(file.is_relative_to(folder) for folder in apart)
    ]
    tables_of = dump.dump_database(place.superuser())
    return list(search.find([plant], files, tables_of))


RULES = Rules().without("email")
BLIND = {
    "redact_array": partial(redact_array, rules=RULES),
    "redact_seam": partial(redact_seam, rules=RULES),
}


def test_with_all_rules_on_the_plant_is_nowhere(place, hidden):
    run = place.run("tier1_intake", DAYS[2])

    assert run.is_success, run.failure
    assert run.failed_checks == ("cards/lead_cards:tagged_share",) or run.failed_checks == ()
    assert left_behind(place, hidden) == []


def test_a_rule_switched_off_makes_leaks_rise_and_the_check_fail(place, hidden, monkeypatch):
    half_blind = Detectors(**BLIND)
    monkeypatch.setattr(observe, "Detectors", lambda: half_blind)

    run = place.run("tier1_intake", DAYS[2])

    assert run.is_success, "the run goes on without the row"
    assert "social/observations:no_contact_data" in run.failed_checks
    assert place.rows("select leak_count, reasons from social.day_count") == [(1, {"leak": 1})]
    assert left_behind(place, hidden) == []


def test_with_rule_and_scan_off_the_plant_is_found(place, hidden, monkeypatch):
    blind = Detectors(**BLIND, scan_array=lambda texts: pa.nulls(len(texts), pa.string()))
    monkeypatch.setattr(observe, "Detectors", lambda: blind)

    run = place.run("tier1_intake", DAYS[2])

    assert run.is_success, run.failure
    assert "social/observations:no_contact_data" in run.failed_checks, "the check scans by itself"
    assert any("observations" in hit.where for hit in left_behind(place, hidden))


def test_nothing_personal_reaches_dagsters_event_log(place, monkeypatch):
    """A foreign exception that quotes a profile is stored without its text."""
    from sxe_pipeline.social import profiles

    def broken(*_, **__):
        raise ValueError("row: Ana, ana.writes@protonmail.com, +44 7700 900123")

    land(place.settings.home, DAYS[2], [person(1)])
    place.tick()
    monkeypatch.setattr(profiles, "rebuild", broken)

    run = place.run("tier1_intake", DAYS[2])

    assert not run.is_success
    with sql.connect(place.settings.need("dagster_dsn")) as conn:
        found = conn.execute(
            "select count(*) from event_logs where event like %s", ["%protonmail%"]
        ).fetchone()
    assert found == (0,)
    assert "ValueError" in run.failure
