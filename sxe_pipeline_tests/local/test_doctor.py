"""The doctor looks at everything, and each thing that is wrong comes with what to do."""

import shutil
from datetime import timedelta

import pytest

from sxe_pipeline import audit, settings
from sxe_pipeline.local import doctor, postgres
from sxe_pipeline.store import sql
from sxe_pipeline_tests.cli.terminal import LOGINS
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.ops import storing


def examine(home, database, **variables):
    given = {name: database.dsn(role) for name, role in LOGINS.items()}
    checks = doctor.examine(settings.load({"SXE_HOME": str(home)} | given | variables))
    return {check.name: check for check in checks}


def test_on_a_sound_home_every_check_is_ok(tmp_path, database):
    checks = examine(tmp_path, database)

    assert len(checks) > 12
    # How much of its disk is free is not this test's.
    assert {name for name, c in checks.items() if c.state != "ok"} <= {"disk"}
    assert [name for name, c in checks.items() if c.state == "ok" and c.fix] == []


@pytest.mark.parametrize(
    ("variable", "url", "wrong"),
    [
        pytest.param(
            "SXE_API_DATABASE_URL",
            lambda _: "postgresql://u:hunter2@127.0.0.1:9/sxe",
            "login api",
            id="nobody listens",
        ),
        pytest.param(
            "SXE_API_DATABASE_URL",
            lambda database: database.dsn("postgres"),
            "login api",
            id="a superuser",
        ),
        pytest.param(
            "DAGSTER_DATABASE_URL",
            lambda database: postgres.dsn(database.state, "sxe_dagster", "postgres"),
            "one database",
            id="a login to another database",
        ),
        pytest.param(
            "SXE_LANDING_STORE_URL",
            lambda _: "file:///proc/nowhere",
            "store landing",
            id="a store that takes nothing",
        ),
    ],
)
def test_what_is_wrong_is_told_with_the_next_step(tmp_path, database, variable, url, wrong):
    checks = examine(tmp_path, database, **{variable: url(database)})

    assert checks[wrong].state == "fail"
    assert checks[wrong].fix
    assert "hunter2" not in repr(checks)


def test_a_login_that_is_not_set_may_be_right_for_this_process(tmp_path, database):
    checks = examine(tmp_path, database, SXE_ADMIN_DATABASE_URL="")

    assert checks["login admin"].state == "warn"
    assert "SXE_ADMIN_DATABASE_URL" in checks["login admin"].fix


@pytest.mark.parametrize("gone", ["the folder", "one file", "the store"])
def test_a_lost_table_of_tier_1_is_told_with_the_way_back(tmp_path, database, gone):
    root = (tmp_path / "tier1").as_uri()
    with sql.connect(database.dsn("sxe_social")) as conn:
        for name in ("social/profiles", "social/observations"):
            storing.put(conn, root, storing.A, "a", "b", name=name)
    sound = examine(tmp_path, database)["tier 1"]
    folder = tmp_path / "tier1" / "social" / "profiles"
    if gone == "one file":
        next(folder.rglob("*.parquet")).unlink()
    else:
        shutil.rmtree(folder if gone == "the folder" else tmp_path / "tier1")

    lost = examine(tmp_path, database)["tier 1"]

    assert (sound.state, lost.state) == ("ok", "fail")
    assert "social/profiles" in lost.seen
    assert ("social/observations" in lost.seen) == (gone == "the store")
    assert "sxe recover --dry-run" in lost.fix


def test_landed_days_before_the_first_one_are_named(tmp_path, database):
    with sql.connect(database.dsn("sxe_social")) as conn:
        for number, day in enumerate(("2026-10-01", "2026-10-09", "2026-11-05")):
            as_owner(
                conn,
                "insert into ingest.landing_file (collection, file_sha256, path, byte_count, "
                "landed_day) values ('c', encode(sha256(%s), 'hex'), 'c/x.json', 1, %s)",
                [str(number).encode(), day],
            )
        conn.execute(
            "insert into social.day_count (landed_day, input_count, observation_count, "
            "quarantine_count, reasons, open_count, leak_count, files_digest, ruleset_version, "
            "counted_at) values ('2026-10-01', 0, 0, 0, '{}', 0, 0, encode(sha256('x'), 'hex'), "
            "'1', clock_timestamp())"
        )

    unset = examine(tmp_path, database)["first day"]
    later = examine(tmp_path, database, SXE_FIRST_DAY="2026-11-01")["first day"]
    taken_in = examine(tmp_path, database, SXE_FIRST_DAY="2026-10-02")["first day"]

    assert (unset.state, later.state, taken_in.state) == ("ok", "warn", "ok")
    assert "2 landed days are older" in later.seen
    assert "2026-10-09" in later.seen
    assert "2026-10-01" not in later.seen, "that one was taken in before the first day moved on"
    assert "SXE_FIRST_DAY" in later.fix


def test_a_log_that_nobody_seals_is_named_with_the_verb_that_does(tmp_path, database, monkeypatch):
    with sql.connect(database.dsn("sxe_social")) as conn:
        audit.append(conn, "table.vacuum_begun", actor="job", subject="s", key="1")
    assert examine(tmp_path, database)["seals"].state == "ok", "it is young"
    monkeypatch.setattr("sxe_pipeline.audit.seal.LATE", timedelta(0))

    found = examine(tmp_path, database)["seals"]

    assert (found.state, found.seen) == (
        "warn",
        "0 seals, 1 events wait for the next, 1 of them longer than five minutes",
    )
    assert "sxe worker seal --once" in found.fix
