"""What the UI shows is what SQL says: day by day, over backfills, empty days and crashes."""

import dataclasses
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from sxe_pipeline import audit, definitions, face, sign
from sxe_pipeline.audit import checkpoints, mirror, seal
from sxe_pipeline.audit.verify import verify
from sxe_pipeline.ingest import landing, register
from sxe_pipeline.local import variables
from sxe_pipeline.social import observe
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.places import TODAY, copied, land, person, prepared

FIVE = [TODAY - timedelta(days=n) for n in (5, 4, 3, 2, 1)]
SHOWN = {
    "sxe/input_rows": "input_count",
    "sxe/observations": "observation_count",
    "sxe/quarantined": "quarantine_count",
    "dagster/partition_row_count": "observation_count",
}


def materialized(place, name):
    """Day -> the materializations of its partition, oldest first, as plain metadata."""
    found = {}
    page = place.instance.fetch_materializations(
        dg.AssetKey.from_user_string(name), limit=500, ascending=True
    )
    for record in page.records:
        said = record.asset_materialization
        values = {key: value.value for key, value in said.metadata.items()}
        found.setdefault(said.partition, []).append(values)
    return found


def counted(place):
    rows = place.rows(
        "select landed_day::text, input_count, observation_count, quarantine_count "
        "from social.day_count"
    )
    return {
        day: {"input_count": i, "observation_count": o, "quarantine_count": q}
        for day, i, o, q in rows
    }


def attested_by(place):
    """Digest -> events that it answers for, of all daily assets."""
    return dict(
        place.rows(
            "select digest, event_count from audit.attestation where asset_key = any(%s)",
            sorted(audit.DAILY),
        )
    )


def backfill(place):
    for number, day in enumerate(FIVE):
        people = [person(100 * number + n) for n in range(3 + 4 * number)]
        land(place.settings.home, day, [*people, {"not": "a profile"}])
    (place.settings.home / "landing" / "makers" / "_collection.yaml").write_text(
        "gathered_by: list\n"
    )
    run = place.run("tier1_day", *FIVE)
    assert run.is_success, run.failure


@pytest.fixture(scope="module")
def five_days(server, tmp_path_factory):
    """Database and home of five days that landed together, of a collection that is declared."""
    with prepared(server, tmp_path_factory.mktemp("five") / "home", backfill) as made:
        yield made


@pytest.fixture
def backfilled(five_days, tmp_path):
    with copied(*five_days, tmp_path / "home") as place:
        yield place


def test_a_backfill_over_five_days_shows_the_numbers_of_each_day(backfilled):
    place = backfilled

    shown, truth = materialized(place, "social/observations"), counted(place)
    assert set(shown) == set(truth) == {day.isoformat() for day in FIVE}
    for day, events in shown.items():
        assert len(events) == 1, "one event a day, not two"
        assert {key: truth[day][name] for key, name in SHOWN.items()} == {
            key: events[0][key] for key in SHOWN
        }
    assert {e[0]["dagster/row_count"] for e in shown.values()} == {
        sum(day["observation_count"] for day in truth.values())
    }
    files = materialized(place, "ingest/raw_profiles")
    assert {day: e[0]["sxe/files"] for day, e in files.items()} == dict.fromkeys(shown, 1)


def test_in_a_backfill_each_event_is_covered_by_exactly_one_materialization(backfilled):
    place = backfilled

    shown = [
        metadata
        for name in audit.DAILY
        for events in materialized(place, name).values()
        for metadata in events
    ]
    covered = [m for m in shown if m["sxe/audit_events"]]
    digests = [m["sxe/audit_digest"] for m in covered]
    assert len(digests) == len(set(digests)), "no two materializations answer for the same events"
    assert {m["sxe/audit_digest"]: m["sxe/audit_events"] for m in covered} == attested_by(place)
    observed = materialized(place, "social/observations")
    assert {day: e[0]["sxe/audit_events"] for day, e in observed.items()} == {
        day.isoformat(): 1 for day in FIVE
    }
    newest = FIVE[-1].isoformat()
    landed = materialized(place, "ingest/raw_profiles")
    by_day = {day: events[0]["sxe/audit_events"] for day, events in landed.items()}
    assert by_day == {day.isoformat(): 1 for day in FIVE} | {newest: 2}, (
        "the declared collection names no day, so the newest answers for it"
    )
    reported = []
    with sql.connect(place.settings.need("social_dsn")) as conn:
        mirror.reconcile(
            conn,
            lambda *said: reported.append(said),
            lambda names: face.materializations(place.instance, names),
            older_than=timedelta(0),
        )
    # What guards found waits for the upkeep of the night.
    assert {name for name, _, _ in reported} == {"audit/events", "ops/tables_kept"}, (
        "the days agree on both sides"
    )


def test_a_day_whose_run_died_before_it_reported_is_shown_with_its_numbers(place):
    """The rows of both days are committed, and nobody told Dagster."""
    for number, day in enumerate(FIVE[:2]):
        land(place.settings.home, day, [person(10 * number + n) for n in range(4 + number)])
    place.tick()
    with sql.connect(place.settings.need("social_dsn")) as conn:
        landed = {day: register.day_of(conn, day) for day in FIVE[:2]}
        conn.commit()
        observe.observe(
            conn,
            place.settings.tier1_url,
            days=FIVE[:2],
            files_by_day={day: each.files for day, each in landed.items()},
            inputs_by_day={day: each.inputs for day, each in landed.items()},
            read=landing.LandingTier(place.settings.landing_url).read,
            now=datetime.now(UTC),
            actor="killed",
        )
    place.hurry()

    place.tick("mirrored_events")

    shown, truth = materialized(place, "social/observations"), counted(place)
    assert set(shown) == set(truth)
    for day, events in shown.items():
        assert {key: truth[day][name] for key, name in SHOWN.items()} == {
            key: events[0][key] for key in SHOWN
        }
        assert events[0]["sxe/audit_events"] == 1


def test_an_engine_without_a_profile_and_a_day_without_a_row_are_green(place):
    first = place.run("tier1_day", FIVE[-1])
    land(place.settings.home, FIVE[-2], [])
    empty = place.run("tier1_day", FIVE[-2])

    assert first.is_success, first.failure
    assert empty.is_success, empty.failure
    assert first.failed_checks == empty.failed_checks == ()
    assert place.batches() == []
    shown = materialized(place, "handoff/lead_card_batches")
    assert [e["sxe/batches"].records for [e] in shown.values()] == [[], []], "and it says so"
    assert place.tick("due_tables") == []
    assert materialized(place, "cards/enrichment_candidates")[None][0]["dagster/row_count"] == 0


def test_days_before_the_first_one_are_neither_shown_nor_asked_for(place):
    for number, day in enumerate(FIVE[:2]):
        land(place.settings.home, day, [person(number)])
    place.tier = definitions.assemble(dataclasses.replace(place.settings, first_day=FIVE[1]))

    wanted = place.tick()

    assert [w.partition for w in wanted] == [FIVE[1].isoformat()]
    assert place.run("tier1_intake", FIVE[1]).is_success
    assert place.tick() == []
    shown = variables.since_first_landing(place.settings)
    assert shown.first_day == FIVE[0], "a UI of this machine shows every day that landed"
    home = variables.dagster_home(shown)
    assert variables.exports(shown, home)["SXE_FIRST_DAY"] == FIVE[0].isoformat()


def test_a_day_shows_its_batches_with_the_way_to_each_manifest(place):
    land(place.settings.home, FIVE[-1], [person(n) for n in range(5)])

    run = place.run("tier1_day", FIVE[-1])

    assert run.is_success, run.failure
    *each, shown = materialized(place, "handoff/lead_card_batches")[FIVE[-1].isoformat()]
    [batch] = shown["sxe/batches"].records
    assert shown["sxe/audit_events"] == 0, "the batch answers for its events itself, and before"
    said = [(one["sxe/audit_subjects"], one["sxe/audit_kinds"]) for one in each]
    assert ([batch.data["batch_id"]], {"batch.building": 1, "batch.published": 1}) in said
    of_each = ["batch.published", "head.made"]
    assert sorted(max(kinds) for _, kinds in said) == sorted(of_each * 2), "cards and pools"
    assert (shown["sxe/published"], shown["sxe/rows"]) == (1, 5)
    assert batch.data["batch_id"] in shown["sxe/manifests"]
    assert (place.settings.home / "handoff" / shown["sxe/manifests"]).is_file()


def test_u9_each_head_carries_the_newest_checkpoint_and_each_follows_from_the_one_before(place):
    signer, store = sign.Signer.generate(), Objects(place.settings.audit_url)
    for number, day in enumerate(FIVE[:2]):
        land(place.settings.home, day, [person(10 * number + n) for n in range(5)])
        place.run("tier1_intake", day)
        with sql.connect(place.database.dsn("sxe_sealer")) as sealer:
            sealer.autocommit = True
            seal.tick(sealer, store, signer)
        assert place.run("tier1_day", day).is_success

    heads = place.rows("select bytes from handoff.head where contract = 'lead_card' order by seq")
    first, second = (
        checkpoints.read(checkpoints.kept_in(head), [signer.public_key]) for (head,) in heads
    )

    assert (first.seal_no, second.seal_no) == (1, 2)
    assert second.prev_seal_hash == first.seal_hash
    with sql.connect(place.database.dsn("sxe_api")) as reader:
        seen = verify(
            reader,
            lambda names: face.materializations(place.instance, names),
            public_keys=[signer.public_key],
            kept=[first, second],
        )
    assert (seen.findings, seen.witnessed) == ({}, 2)
