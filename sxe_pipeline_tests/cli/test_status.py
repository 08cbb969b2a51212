"""`sxe status`: one look says what is due, what is red, and when it was last well."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner

from sxe_pipeline.cli import main
from sxe_pipeline.errors import Refused
from sxe_pipeline.ingest import register
from sxe_pipeline.ops import runs, work
from sxe_pipeline.settings import Pace
from sxe_pipeline.store import objects, sql
from sxe_pipeline_tests.cli.terminal import LOGINS, typed

PACE = Pace(start_grace=60, retry_pause=3600)
SECRET = "ana.writes@protonmail.com"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


class Place:
    def __init__(self, database, home):
        self.database, self.home, self.more = database, home, {}
        self.landing = home / "landing"

    def conn(self):
        return sql.connect(self.database.dsn("sxe_social"))

    def ask(self, kind, subject, outcome=None, reason=None):
        """Something was asked for, and its run ended so."""
        with self.conn() as conn:
            [asked] = work.ask(conn, kind, {subject: "a"}, PACE)
            if outcome is None:
                return
            with conn.transaction():
                conn.execute(
                    "insert into ops.run (run_id, lease_until, ended_at, outcome, reason) "
                    "values (%s, clock_timestamp(), clock_timestamp(), %s, %s)",
                    [f"run {asked.ask_id}", outcome, reason],
                )
                conn.execute(
                    "update ops.work set run_id = %s where ask_id = %s",
                    [f"run {asked.ask_id}", asked.ask_id],
                )
            assert work.ask(conn, kind, {subject: "a"}, PACE) == []

    def land(self, name, *, day=YESTERDAY):
        file = self.landing / "makers" / day.isoformat() / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(name))
        with self.conn() as conn:
            register.register_all(conn, objects.Objects(self.landing.as_uri()), actor="test")

    def look(self, *arguments, code=0, without=()):
        variables = {name: self.database.dsn(role) for name, role in LOGINS.items()}
        variables |= {"SXE_HOME": str(self.home), **self.more, **dict.fromkeys(without, "")}
        done = CliRunner(env=variables).invoke(main, ["status", *arguments])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if "--json" in arguments else done.stdout


@pytest.fixture
def place(database, tmp_path):
    return Place(database, tmp_path)


def test_an_empty_engine_is_green_and_fits_on_one_screen(place):
    place.landing.mkdir()

    shown = place.look()
    data = place.look("--json")

    assert len(shown.splitlines()) <= 24
    assert data["is_red"] is False
    assert (data["pending"], data["running"], data["waiting"], data["red"]) == ([], [], [], [])
    assert data["last_success"] == {"intake": None, "tables": None, "night": None}


def test_a_day_that_landed_is_pending_with_its_files(place):
    place.land("a.json")

    data = place.look("--json")

    assert data["pending"] == [{"day": str(YESTERDAY), "files": 1, "is_gathering": True}]
    assert f"1 days (1 still gather files): {YESTERDAY}" in place.look()


def test_what_failed_and_is_asked_again_waits_and_is_not_red(place):
    place.ask(work.INTAKE, "2031-02-01", "transient", "the database went away")

    data = place.look("--json")

    [row] = data["waiting"]
    assert (row["work"], row["subject"], row["failures"]) == ("intake", "2031-02-01", 1)
    assert row["retry_at"] > data["at"]
    assert "the database went away" in place.look()


def test_what_was_refused_is_red_with_its_reason_and_ends_with_1(place):
    place.ask(work.NIGHT, "2031-02-01", "refused", "no_contact_data does not hold")

    data = place.look("--json", code=1)

    [row] = data["red"]
    assert (row["work"], row["failures"], row["outcome"]) == ("night", 1, "refused")
    assert data["is_red"] is True
    assert "no_contact_data does not hold" in place.look(code=1)


def test_a_run_is_shown_while_it_beats_and_named_lost_when_it_does_not(place):
    dsn = place.database.dsn("sxe_social")
    place.ask(work.INTAKE, "2031-02-01")
    with place.conn() as conn:
        [(ask_id,)] = conn.execute("select ask_id from ops.work").fetchall()

    with runs.held(dsn, "r1", {runs.ASK: str(ask_id)}, lease_s=600):
        [run] = place.look("--json")["running"]
        assert (run["run_id"], run["is_beating"]) == ("r1", True)
        assert run["work"] == ["intake 2031-02-01"]
        with place.conn() as conn:
            conn.execute("update ops.run set lease_until = clock_timestamp() - interval '1 s'")
        assert "r1: intake 2031-02-01" in place.look()
        assert "LOST" in place.look()

    assert place.look("--json")["running"] == []


def test_runs_of_the_contact_tier_are_shown_as_well(place):
    with runs.held(place.database.dsn("sxe_contacts"), "c1", {}, lease_s=600):
        assert [run["run_id"] for run in place.look("--json")["running"]] == ["c1"]


def test_a_collection_that_cannot_be_read_is_red(place):
    with place.conn() as conn:
        conn.execute("""select ingest.set_aside('{"x": "broken"}', 'test')""")

    assert place.look("--json", code=1)["collections_set_aside"] == 1
    assert "1 collections cannot be read" in place.look(code=1)


def test_landed_days_before_the_first_one_are_named_and_not_pending(place):
    place.land("a.json", day=date(2021, 3, 1))
    place.land("b.json", day=date(2021, 3, 2))
    place.more = {"SXE_FIRST_DAY": "2021-03-02"}

    data = place.look("--json")

    assert data["early_days"] == ["2021-03-01"]
    assert [day["day"] for day in data["pending"]] == ["2021-03-02"]
    assert "1 landed days before the first partition" in place.look()


def test_a_login_that_may_not_see_files_says_so_and_the_other_one_is_enough(place):
    place.land("a.json")

    api_only = place.look("--json", without=["SXE_SOCIAL_DATABASE_URL"])
    social_only = place.look("--json", without=["SXE_API_DATABASE_URL"])

    assert (api_only["pending"], api_only["collections_set_aside"]) == (None, None)
    assert len(social_only["pending"]) == 1


def test_it_works_away_from_the_engine_with_the_login_of_the_api_alone(place):
    place.home = place.home / "none"
    place.more = {"SXE_SOCIAL_DATABASE_URL": ""}

    found = place.look("--json")

    assert found["pending"] is None
    assert set(found["disk_bytes"].values()) == {None}
    assert "free elsewhere" not in place.look()
    assert not place.home.exists()


@pytest.mark.parametrize("login", ["SXE_API_DATABASE_URL", "SXE_SOCIAL_DATABASE_URL"])
def test_production_asks_for_no_login_that_it_does_without(login, tmp_path):
    nowhere = "postgresql://u@127.0.0.1:9/nowhere?sslmode=require"

    done = typed(tmp_path, "status", SXE_ENV="production", **{login: nowhere})

    assert done.exit_code == 7, done.output


def test_the_disk_is_counted_part_by_part_and_a_store_elsewhere_is_said_to_be(place):
    place.land("a.json")

    used = place.look("--json")["disk_bytes"]

    assert used["landing"] == len('"a.json"')
    assert used["postgres"] is None
    assert used["free"] > 0
    assert "postgres elsewhere" in place.look()


def test_forty_red_days_still_fit_on_one_screen(place):
    for n in range(40):
        place.ask(f"kind_{chr(97 + n // 26)}{chr(97 + n % 26)}", "2031-02-01", "refused", "no")

    shown = place.look(code=1)

    assert len(shown.splitlines()) <= 24
    assert "and 34 more" in shown
    assert len(place.look("--json", code=1)["red"]) == 40


def test_nothing_personal_is_in_it(place):
    """Names of files and folders are written by strangers, an error may quote a profile."""
    place.land(f"{SECRET}.json")
    other = place.landing / SECRET / "page.json"
    other.parent.mkdir()
    other.write_text(json.dumps({"bio": SECRET}))
    dsn = place.database.dsn("sxe_social")
    place.ask(work.INTAKE, str(YESTERDAY))
    with place.conn() as conn:
        register.register_all(conn, objects.Objects(place.landing.as_uri()), actor="test")
        [(ask_id,)] = conn.execute("select ask_id from ops.work").fetchall()
    with (
        pytest.raises(Refused),
        runs.held(dsn, "r1", {runs.ASK: str(UUID(str(ask_id)))}, lease_s=600) as lease,
    ):
        error = Refused(f"a row of {SECRET} is not allowed")
        lease.report(error)
        raise error
    with place.conn() as conn:
        work.ask(conn, work.INTAKE, {str(YESTERDAY): "a"}, PACE)

    shown = place.look(code=1) + json.dumps(place.look("--json", code=1))

    assert "a row of [email] is not allowed" in shown
    assert SECRET not in shown
    assert "makers" not in shown
    assert str(Path(SECRET).stem) not in shown
