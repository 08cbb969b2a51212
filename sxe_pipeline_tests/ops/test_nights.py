"""The nights of both tiers as Dagster runs them: numbers, events and attestations agree."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from sxe_pipeline import definitions, face, settings
from sxe_pipeline.audit.verify import verify
from sxe_pipeline.local import runs
from sxe_pipeline.store import sql

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date()


@pytest.fixture
def given(database, tmp_path):
    return settings.load(
        {
            "SXE_HOME": str(tmp_path),
            "SXE_SOCIAL_DATABASE_URL": database.dsn("sxe_social"),
            "SXE_CONTACTS_DATABASE_URL": database.dsn("sxe_contacts"),
            "SXE_API_DATABASE_URL": database.dsn("sxe_api"),
            "SXE_VERSION_GRACE_S": "0",
            "SXE_SETTLE_S": "0",
        }
    )


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def social(given):
    """The settings of the social tier's process: the contacts login is not its own."""
    return dataclasses.replace(given, contacts_dsn=None)


def land(given, count, name="a.json"):
    folder = given.home / "landing" / "makers" / YESTERDAY.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    people = [
        {
            "id": str(2**60 + n),
            "username": f"maker{n}",
            "name": f"Maker {n}",
            "description": "Photographer from Lyon. I love hiking and trail running",
        }
        for n in range(count)
    ]
    (folder / name).write_text(json.dumps({"data": people}))


def shown(instance, asset):
    event = instance.get_latest_materialization_event(dg.AssetKey.from_user_string(asset))
    return {k: v.value for k, v in event.asset_materialization.metadata.items()}


def test_a_night_clears_what_two_builds_left_and_makes_nothing_anew(given, instance):
    tier = definitions.assemble(social(given))
    for count in (3, 5):
        land(given, count, f"{count}.json")
        built = runs.run(tier, instance, "tier1_intake", [YESTERDAY])
        assert built.is_success, built.failure

    night = runs.run_partition(tier, instance, "upkeep", None, {})

    assert night.is_success, night.failure
    kept, gone = shown(instance, "ops/tables_kept"), shown(instance, "ops/expired_data")
    assert kept["sxe/dropped_versions"] >= 5
    assert kept["sxe/disk_bytes"] > kept["sxe/live_bytes"] > 0
    assert kept["sxe/audit_events"] >= 10
    assert (gone["sxe/landing_files"], gone["sxe/audit_events"]) == (0, 0)
    with sql.connect(given.social_dsn) as conn:
        assert definitions.stale_tables(conn, given) is None, "nothing is made anew for it"
        versions = conn.execute("select count(*) from ops.version").fetchone()
        assert versions == (12,), "one of each table, and what was put before the gate"

    again = runs.run_partition(tier, instance, "upkeep", None, {})
    assert again.is_success
    assert shown(instance, "ops/tables_kept")["sxe/audit_events"] == 0
    with sql.connect(given.api_dsn) as conn:
        found = verify(conn, lambda keys: face.materializations(instance, keys))
    assert not found.findings
    assert found.attested == found.events


def test_the_contact_tier_has_a_night_of_its_own(given, instance):
    tier = definitions.assemble_contacts(given)

    night = runs.run_partition(tier, instance, "contact_upkeep", None, {})

    assert night.is_success, night.failure
    gone = shown(instance, "contacts/expired_data")
    assert (gone["sxe/contact_values"], gone["sxe/run_history"]) == (0, 0)
    assert gone["sxe/retention_policy"] == "0.1.0"


def test_a_policy_that_cannot_be_followed_fails_the_night_and_deletes_nothing(
    given, instance, tmp_path
):
    (tmp_path / "mine.yaml").write_text("version: 1\nkeep: {}\n")
    own = dataclasses.replace(social(given), retention_file=tmp_path / "mine.yaml")
    night = runs.run_partition(definitions.assemble(own), instance, "upkeep", None, {})

    assert not night.is_success
    assert "mine.yaml" in night.failure
    with sql.connect(given.social_dsn) as conn:
        assert conn.execute("select outcome from ops.run").fetchall() == [("refused",)]
