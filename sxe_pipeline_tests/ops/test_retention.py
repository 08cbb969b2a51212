"""Thirteen months later exactly what the policy says is gone, each batch with its event."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sxe_pipeline import audit, definitions, settings
from sxe_pipeline.audit.verify import verify
from sxe_pipeline.errors import Busy, StoreUnavailable
from sxe_pipeline.ingest import register
from sxe_pipeline.ingest import retention as landing_retention
from sxe_pipeline.ops import periods, retention, upkeep
from sxe_pipeline.social import checks, observe, profiles
from sxe_pipeline.store import delta, sql, tables
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.social import registered

ROOT = Path(__file__).parents[2]
NOW = dt.datetime.now(dt.UTC)
TODAY = NOW.date()
OLD = TODAY - dt.timedelta(days=3)
MONTHS_LATER = NOW + dt.timedelta(days=395)
YEARS_LATER = NOW + dt.timedelta(days=800)


class Tier:
    """A social tier with landed days, and its retention."""

    def __init__(self, conn, folder):
        self.conn = conn
        self.folder = folder
        self.given = settings.load({"SXE_HOME": str(folder)})
        self.landing = folder / "landing"

    def land(self, path, *ids):
        file = self.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        users = [{"id": str(n), "username": f"maker{n}", "name": f"Maker {n}"} for n in ids]
        file.write_text(
            json.dumps({"data": users} | ({} if users else {"errors": [{"value": path}]}))
        )
        return file

    def register(self, now=NOW):
        register.register(
            self.conn,
            Objects(self.given.landing_url),
            actor="test",
            limit_files=None,
            limit_bytes=None,
            now=now,
        )

    def pending(self):
        return registered.pending(self.conn)

    def observe(self, *days):
        registered.take_in(self.conn, self.given, days, NOW)

    def profiles(self):
        profiles.rebuild(self.conn, self.given.tier1_url, actor="test", now=NOW)
        return sorted(row["handle"] for row in self.table(profiles.TABLE).to_pylist())

    def table(self, name):
        with self.conn.transaction():
            return tables.snapshot(self.conn, self.given.tier1_url, name).to_table()

    def expire(self, now=MONTHS_LATER, **more):
        terms = retention.Terms(periods.load(more.pop("policy", None)), now, "test", **more)
        gone = definitions.expire_social(self.conn, self.given, terms)
        return {each.line: each for each in gone}

    def events(self, *kinds):
        with self.conn.transaction():
            rows = self.conn.execute(
                "select kind from audit.event where kind = any(%s)", [[*kinds]]
            )
            return sorted(kind for (kind,) in rows)

    def ask(self, statement, *values):
        with self.conn.transaction():
            return self.conn.execute(statement, values).fetchall()

    def files(self):
        return sorted(
            file.relative_to(self.landing).as_posix()
            for file in self.landing.rglob("*")
            if file.is_file()
        )

    def is_even(self):
        with self.conn.transaction():
            return checks.counts_add_up(self.conn, self.given.tier1_url).is_passed


@pytest.fixture
def tier(database, tmp_path):
    with sql.connect(database.dsn("sxe_social")) as conn:
        yield Tier(conn, tmp_path)


@pytest.fixture
def landed(tier):
    """Two days that were taken in: profiles and a record that is no profile on each."""
    for n, day in enumerate((OLD, TODAY)):
        tier.land(f"makers/{day}/a.json", 100 + n, 200 + n)
        tier.land(f"makers/{day}/b.json")
    (tier.landing / "makers" / "_collection.yaml").write_text("market: makers\n")
    (tier.landing / "makers" / "_mapping.yaml").write_text("platform: x\nshapes: []\n")
    tier.register()
    tier.observe()
    return tier


DELETIONS = (
    "landing_files.expired",
    "landing_files.deleted",
    "observations.expired",
    "quarantine.expired",
    "run_history.expired",
)


def test_thirteen_months_later_exactly_what_the_policy_says_is_gone(landed, database):
    assert landed.table(observe.QUARANTINE_TABLE).num_rows == 2
    before = landed.table(observe.TABLE)
    with landed.conn.transaction():
        landed.conn.execute(
            "insert into ops.run (run_id, lease_until, ended_at, outcome) "
            "values ('old', clock_timestamp(), clock_timestamp(), 'ended')"
        )

    gone = landed.expire()

    assert {line: each.count for line, each in gone.items()} == {
        "landing_files": 4,
        "quarantine": 2,
        "observations": 0,
        "batches": 0,
        "run_history": 1,
    }
    assert landed.files() == ["makers/_collection.yaml", "makers/_mapping.yaml"]
    assert landed.table(observe.QUARANTINE_TABLE).num_rows == 0
    assert landed.table(observe.TABLE) == before
    assert landed.is_even()
    assert landed.events(*DELETIONS) == sorted(set(DELETIONS) - {"observations.expired"})
    assert landed.ask(
        "select count(*) from ingest.landing_file where expired_at is null or deleted_at is null"
    ) == [(0,)]
    with landed.conn.transaction():
        audit.attest(landed.conn, retention.ASSET, "run-1")
    with sql.connect(database.dsn("sxe_api")) as reader:
        assert not verify(reader, lambda keys: {}).findings


def test_what_was_deleted_is_not_pending_again(landed):
    landed.expire()

    assert landed.pending() == []


def test_after_years_the_observations_go_and_their_accounts_with_them(landed):
    assert landed.profiles() == ["maker100", "maker101", "maker200", "maker201"]

    gone = landed.expire(YEARS_LATER)

    assert (gone["observations"].count, gone["observations"].first_day) == (2, OLD)
    assert landed.table(observe.TABLE).num_rows == 0
    assert landed.profiles() == []
    assert landed.is_even()
    assert landed.pending() == []
    later = YEARS_LATER + dt.timedelta(days=2)
    upkeep.keep_tables(landed.conn, landed.given.tier1_url, actor="test", grace_s=60, now=later)
    stored = Path(delta.address(landed.given.tier1_url, observe.TABLE))
    assert list(stored.glob("landed_day=*/*.parquet")) == []


def test_a_second_time_nothing_goes_and_there_is_no_event(landed):
    landed.expire(YEARS_LATER)
    version, events = landed.ask("select max(version) from ops.version"), landed.events(*DELETIONS)

    gone = landed.expire(YEARS_LATER + dt.timedelta(days=1))

    assert {each.count for each in gone.values()} == {0}
    assert landed.ask("select max(version) from ops.version") == version
    assert landed.events(*DELETIONS) == events


def test_a_dry_run_says_the_same_and_deletes_nothing(landed):
    landed.land(f"makers/{OLD}/.part", 1)
    files, tables_before = landed.files(), landed.table(observe.QUARANTINE_TABLE)

    said = landed.expire(YEARS_LATER, is_dry_run=True)

    assert landed.files() == files
    assert landed.table(observe.QUARANTINE_TABLE) == tables_before
    assert landed.events(*DELETIONS) == []
    assert landed.expire(YEARS_LATER) == said


def test_young_files_stay(landed):
    files = landed.files()

    gone = landed.expire(NOW + dt.timedelta(days=59))

    assert gone["landing_files"].count == 0
    assert landed.files() == files


def test_files_of_a_day_that_was_not_taken_in_stay_however_old(tier):
    tier.land(f"makers/{OLD}/a.json", 1)
    tier.register()

    gone = tier.expire()

    assert gone["landing_files"].count == 0
    assert tier.files() == [f"makers/{OLD}/a.json"]
    tier.observe()
    assert tier.expire()["landing_files"].count == 1


def test_a_late_file_keeps_its_whole_day_readable(landed):
    late = MONTHS_LATER - dt.timedelta(days=5)
    landed.land(f"makers/{OLD}/late.json", 900)
    landed.register(now=late)
    landed.observe(OLD)

    gone = landed.expire()

    assert gone["landing_files"].count == 2, "only the other day's"
    assert f"makers/{OLD}/a.json" in landed.files()
    assert gone["quarantine"].count == 1


def test_a_path_that_was_used_again_keeps_what_is_new_there(landed):
    path = f"makers/{OLD}/a.json"
    landed.land(path, 777)

    landed.expire()

    assert path in landed.files()
    assert "777" in (landed.landing / path).read_text()


def test_what_a_killed_ingest_had_half_written_goes_when_its_time_is_over(landed):
    """Unredacted, and no listing of the store names it."""
    old, young = (landed.landing / f"{name}.jsonl#1" for name in ("old", "young"))
    for half in (old, young):
        half.write_text('{"bio": "ana@example.com"}')
    os.utime(young, (MONTHS_LATER.timestamp(),) * 2)

    landed.expire(MONTHS_LATER)

    assert [half.exists() for half in (old, young)] == [False, True]


def test_copies_of_what_expired_and_hidden_files_go_too(landed):
    copy = landed.landing / "makers" / "copy.json"
    copy.write_bytes((landed.landing / f"makers/{OLD}/a.json").read_bytes())
    landed.land("makers/.upload.json.part", 5)
    landed.land("makers/never_registered.json", 6)

    gone = landed.expire()

    assert gone["landing_files"].count == 6
    assert landed.files() == [
        "makers/_collection.yaml",
        "makers/_mapping.yaml",
        "makers/never_registered.json",
    ]


KILLED = """
    import datetime as dt, os, sys
    from sxe_pipeline import definitions, settings
    from sxe_pipeline.ops import periods, retention
    from sxe_pipeline.store import objects, sql, tables
    given = settings.load({"SXE_HOME": sys.argv[2]})
    point, left = sys.argv[3], 2

    def dying(function):
        def maybe(*args, **more):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), 9)
            return function(*args, **more)
        return maybe

    if point == "deleting a file":
        objects.Objects.delete = dying(objects.Objects.delete)
    if point == "emptying days":
        write = tables.write
        def write_and_die(*args, **more):
            write(*args, **more)
            os.kill(os.getpid(), 9)
        tables.write = write_and_die
    terms = retention.Terms(periods.load(), dt.datetime.fromisoformat(sys.argv[4]), "test")
    with sql.connect(sys.argv[1]) as conn:
        definitions.expire_social(conn, given, terms)
"""


@pytest.mark.parametrize("point", ["deleting a file", "emptying days"])
def test_a_killed_deletion_is_ended_by_the_next_one(landed, database, point):
    killed = subprocess.run(
        [
            *(sys.executable, "-c", textwrap.dedent(KILLED), database.dsn("sxe_social")),
            *(str(landed.folder), point, YEARS_LATER.isoformat()),
        ],
        cwd=ROOT,
        check=False,
        env=os.environ,
    )
    assert killed.returncode == -signal.SIGKILL
    assert landed.is_even()
    assert landed.pending() == []

    landed.expire(YEARS_LATER)

    assert landed.files() == ["makers/_collection.yaml", "makers/_mapping.yaml"]
    assert landed.table(observe.TABLE).num_rows == 0
    assert landed.is_even()
    assert landed.events(*DELETIONS) == sorted([*(set(DELETIONS) - {"run_history.expired"})]), (
        "one of each, whatever died in between"
    )


def test_one_store_that_fails_does_not_hold_up_the_other(landed, monkeypatch):
    def fail(*_):
        raise StoreUnavailable("landing is away")

    monkeypatch.setattr(landing_retention, "expire_landing", fail)

    with pytest.raises(StoreUnavailable):
        landed.expire()

    assert landed.table(observe.QUARANTINE_TABLE).num_rows == 0


def test_a_run_that_was_given_up_deletes_nothing(landed):
    files = landed.files()

    def lost(_):
        raise Busy("given up")

    with pytest.raises(Busy):
        landed.expire(YEARS_LATER, recheck=lost)

    assert landed.files() == files
    assert landed.table(observe.QUARANTINE_TABLE).num_rows == 2
    assert landed.events(*DELETIONS) == []


def test_runs_of_work_that_is_open_stay(landed):
    with landed.conn.transaction():
        for run in ("done", "red"):
            landed.conn.execute(
                "insert into ops.run (run_id, lease_until, ended_at, outcome) "
                "values (%s, clock_timestamp(), clock_timestamp(), 'refused')",
                [run],
            )
            landed.conn.execute(
                "insert into ops.work (work, subject, inputs, state, attempt, ask_id, run_id) "
                "values ('intake', %s, 'x', %s, 1, gen_random_uuid(), %s)",
                [run, run, run],
            )

    landed.expire()
    landed.expire()

    assert landed.ask("select run_id from ops.run") == [("red",)]
    assert landed.ask("select subject from ops.work") == [("red",)]


def test_a_deployment_keeps_longer_or_for_ever(landed, tmp_path):
    longer = tmp_path / "retention.yaml"
    shipped = (ROOT / "contracts" / "policy" / "retention.yaml").read_text()
    longer.write_text(
        shipped.replace("days: 60", "days: 400", 1).replace("days: 180", "days: forever", 1)
    )

    gone = landed.expire(policy=longer)

    assert gone["landing_files"].count == gone["quarantine"].count == 0
