"""Retention as it is typed: what would go and why, and what goes."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from sxe_pipeline.ingest import register
from sxe_pipeline.settings import load
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.social import registered

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=100)


@pytest.fixture
def old(empty):
    """A terminal before a day that landed a hundred days ago."""
    given = load({"SXE_HOME": str(empty.home)})
    day = LONG_AGO.date()
    folder = empty.home / "landing" / "makers" / day.isoformat()
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"data": []}))
    with sql.connect(empty.variables["SXE_SOCIAL_DATABASE_URL"]) as conn:
        register.register(
            conn,
            Objects(given.landing_url),
            actor="test",
            limit_files=None,
            limit_bytes=None,
            now=NOW,
        )
        as_owner(conn, "update ingest.landing_file set registered_at = %s", [LONG_AGO])
        registered.take_in(conn, given, [day], NOW)
    return empty


def of(said):
    return {line["kind"]: line for line in said["lines"]}


def test_a_dry_run_says_what_would_go_and_why_and_deletes_nothing(old):
    said = of(old.read(None, "privacy", "retention", "--dry-run"))

    assert (said["landing_files"]["over"], said["landing_files"]["kept"]) == (1, "60 days")
    assert said["landing_files"]["from"] == LONG_AGO.date().isoformat()
    assert said["observations"]["over"] == said["contact_values"]["over"] == 0
    assert (said["audit_events"]["over"], said["audit_events"]["kept"]) == (None, "forever")
    assert all(line["why"] for line in said.values())
    assert list((old.home / "landing").rglob("a.json"))
    shown = old.type(None, "privacy", "retention", "--dry-run").stdout
    assert "landing_files" in shown
    assert shown.endswith("nothing was changed\n")


def test_a_policy_that_cannot_be_followed_ends_with_the_exit_code_of_a_setting(old, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 1\nkeep: {}\n")
    old.variables["SXE_RETENTION_FILE"] = str(bad)

    done = old.type(None, "privacy", "retention", "--dry-run", code=3)

    assert "bad.yaml" in done.stderr


def test_typed_without_a_dry_run_it_deletes_as_the_night_does(old):
    said = old.read(None, "privacy", "retention")

    assert (of(said)["landing_files"]["over"], said["run"]["ok"]) == (1, True)
    assert not list((old.home / "landing").rglob("a.json"))
    assert of(old.read(None, "privacy", "retention", "--dry-run"))["landing_files"]["over"] == 0
