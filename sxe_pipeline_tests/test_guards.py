"""No batch leaves from a version that its guards did not pass, whoever launches it."""

import os
from datetime import timedelta

import dagster as dg
import pytest
from click.testing import CliRunner
from psycopg.types.json import Jsonb

from sxe_pipeline.cards import assets
from sxe_pipeline.cli import main
from sxe_pipeline.ops import versions
from sxe_pipeline.redact import scan
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.social import checks
from sxe_pipeline.store import buckets, sql, tables
from sxe_pipeline_tests import named
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.places import TODAY, copied, land, person, prepared

DAY = TODAY - timedelta(days=1)
PLANT = "write to ana.writes@protonmail.com"


def build(place):
    land(place.settings.home, DAY, [person(n) for n in range(6)])
    run = place.run("tier1_intake", DAY)
    assert run.is_success, run.failure


@pytest.fixture(scope="module")
def ready(server, tmp_path_factory):
    """Database and home of a day that is ready to be published: what each test copies."""
    with prepared(server, tmp_path_factory.mktemp("guards") / "home", build) as made:
        yield made


@pytest.fixture
def built(ready, tmp_path):
    """A day that is ready to be published."""
    with copied(*ready, tmp_path / "home") as place:
        yield place


def rename(place, name, change):
    """Name another version of a table that counts as made from the same inputs."""
    rows, root = change(place.table(name)), place.settings.tier1_url
    with sql.connect(place.settings.need("social_dsn")) as conn, conn.transaction():
        tables.lock(conn, name)
        before = versions.named(conn, name)
        if name == LEAD_CARD.name:
            with duck.opened() as engine:
                engine.register("changed", rows)
                done = buckets.change(conn, root, LEAD_CARD, engine, "changed", is_whole=True)
            written = done.version
        else:
            written = tables.write(conn, root, name, rows.to_reader(), days=[DAY])
        named.name(
            conn, name, written, inputs=before.inputs, numbers=before.numbers, due_on=before.due_on
        )


def with_bio(rows):
    at = rows.column_names.index("bio")
    return rows.set_column(at, rows.schema.field(at), [[PLANT] * rows.num_rows])


def without_one(rows):
    return rows.slice(1)


def by_job(place):
    return place.run("tier1_day", DAY).failure


def by_hand(place):
    """As the UI launches one asset."""
    key = dg.AssetKey(["handoff", "lead_card_batches"])
    job = place.tier.resolve_implicit_global_asset_job_def().get_subset(asset_selection={key})
    result = job.execute_in_process(
        instance=place.instance, partition_key=DAY.isoformat(), raise_on_error=False
    )
    [failed] = [e for e in result.all_node_events if e.is_step_failure] or [None]
    return failed and failed.step_failure_data.user_failure_data.description


def by_verb(place):
    assert os.environ["SXE_HOME"] == str(place.settings.home)
    done = CliRunner().invoke(main, ["build", "--day", DAY.isoformat(), "--publish"])
    return done.stdout if done.exit_code else None


CARDS = ("cards/lead_cards", with_bio, "no_contact_data")
BREACHES = [
    pytest.param(by_job, *CARDS, id="a contact on the cards, by the job"),
    pytest.param(by_verb, *CARDS, id="a contact on the cards, by the verb"),
    pytest.param(by_hand, *CARDS, id="a contact on the cards, one asset in the UI"),
    pytest.param(
        by_hand, "social/observations", with_bio, "no_contact_data", id="a contact in Tier 1"
    ),
    pytest.param(
        by_job, "social/observations", without_one, "counts_add_up", id="a row that is lost"
    ),
]


@pytest.mark.parametrize("launch", [by_hand, by_verb])
def test_a_sound_day_leaves(built, launch):
    assert launch(built) is None
    assert built.batches() == [("x_general", DAY, 6)]


@pytest.mark.parametrize(("launch", "table", "change", "guard"), BREACHES)
def test_a_red_verdict_keeps_the_batch_from_leaving(built, launch, table, change, guard):
    rename(built, table, change)

    refused = launch(built)

    assert f"{guard} does not hold for {table}" in refused
    assert built.batches() == []
    assert list((built.settings.home / "handoff").rglob("*.parquet")) == []
    assert built.rows(
        "select is_passed from ops.verdict join ops.version using (table_name, version) "
        "where superseded_at is null and table_name = %s and verdict = %s",
        table,
        guard,
    ) == [(False,)], "and the verdict stays"


def test_a_verdict_is_found_once_for_a_version(built):
    """A red row is believed, a green one too: nobody scans again."""
    built.run("tier1_day", DAY)
    [(version,)] = built.rows(
        "select version from ops.version where table_name = 'cards/lead_cards' "
        "and superseded_at is null"
    )
    with sql.connect(built.settings.need("social_dsn")) as conn:
        as_owner(
            conn,
            "update ops.verdict set is_passed = false, numbers = %s where version = %s "
            "and table_name = 'cards/lead_cards'",
            [Jsonb({"certain": 7, "open": 0}), version],
        )

    assert "no_contact_data does not hold" in by_hand(built)
    checked = built.run("tier1_day", DAY)
    assert "cards/lead_cards:no_contact_data" in checked.failed_checks


def test_what_is_labeled_badly_leaves_all_the_same(built, monkeypatch):
    monkeypatch.setattr(assets, "TAGGED_GOAL", 1.1)

    run = built.run("tier1_day", DAY)

    assert run.is_success, run.failure
    assert run.failed_checks == ("cards/lead_cards:tagged_share",)
    assert built.batches() == [("x_general", DAY, 6)]


def test_a_data_file_is_scanned_once(built, monkeypatch):
    seen, real = [], scan.scan_array
    monkeypatch.setattr(scan, "scan_array", lambda texts: seen.append(len(texts)) or real(texts))

    def scanned(*forgotten):
        """Values that the detector looks at, after some rows about the past are forgotten."""
        seen.clear()
        with sql.connect(built.settings.need("social_dsn")) as conn:
            for table in forgotten:
                as_owner(conn, f"delete from {table}")
            assert checks.no_contact_data(conn, built.settings.tier1_url).is_passed
        return sum(seen)

    whole = scanned("ops.verdict", "ops.scan")
    assert scanned() == 0, "the verdict is a row"
    assert scanned("ops.verdict") == 0, "the file is known"
    land(built.settings.home, DAY - timedelta(days=1), [person(100)])
    seen.clear()
    built.run("tier1_intake", DAY - timedelta(days=1))
    assert scanned("ops.verdict") == 0
    assert scanned("ops.verdict", "ops.scan") > whole > 0
