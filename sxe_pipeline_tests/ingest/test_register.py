"""The register on a real Postgres: once per collection and content, with its audit event."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from sxe_pipeline.ingest import register as registering
from sxe_pipeline.settings import Pace
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects

AT_ONCE = Pace(settle=0)
TODAY = date(2027, 1, 5)
NOW = datetime(2027, 1, 5, 8, tzinfo=UTC)
"""Later than any file that a test writes: a file changed after its registration is new again."""


@pytest.fixture
def conn(database) -> Iterator[psycopg.Connection]:
    with sql.connect(database.dsn("sxe_social")) as conn:
        yield conn


@pytest.fixture
def landing(tmp_path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def put(root: Path, name: str, text: str = "{}") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def register(conn: psycopg.Connection, root: Path, **more: object) -> registering.Registered:
    given = {"actor": "test", "limit_files": None, "limit_bytes": None, "now": NOW} | more
    return registering.register(conn, Objects(root.as_uri()), **given)


def events(conn: psycopg.Connection, kind: str) -> int:
    [(count,)] = conn.execute(
        "select count(event_id) from audit.event where kind = %s", [kind]
    ).fetchall()
    return count


def test_files_land_on_the_day_of_their_folder_or_of_registration(conn, landing):
    put(landing, "one/2026-09-01/a.jsonl", "1")
    put(landing, "two/deep/b.jsonl", "2")
    put(landing, "c.jsonl", "3")
    put(landing, "two/_mapping.yaml", "platform: x\nshapes: []\n")
    put(landing, "two/_collection.yaml", "tribes: [makers]\nmarket: makers\ngathered_by: list\n")

    found = register(conn, landing)

    assert (found.new, found.seen, found.left) == (3, 0, 0)
    assert found.days == [date(2026, 9, 1), TODAY]
    assert [f.collection for f in registering.day_of(conn, TODAY).files] == ["drop", "two"]
    assert [f.path for f in registering.day_of(conn, date(2026, 9, 1)).files] == [
        "one/2026-09-01/a.jsonl"
    ]
    assert events(conn, "landing_file.registered") == 3
    assert conn.execute("select collection, tribes, market from ingest.collection").fetchall() == [
        ("two", ["makers"], "makers")
    ]


def test_the_same_file_twice_changes_nothing(conn, landing):
    put(landing, "one/a.jsonl", "same")
    put(landing, "one/_collection.yaml", "market: m\n")
    register(conn, landing)
    put(landing, "one/copy.jsonl", "same")
    put(landing, "other/a.jsonl", "same")

    again = register(conn, landing, now=NOW + timedelta(hours=1))

    assert (again.new, again.seen) == (1, 2), "another collection is another file"
    assert events(conn, "landing_file.registered") == 2
    assert events(conn, "collection.declared") == 1


def test_a_changed_declaration_is_declared_again(conn, landing):
    put(landing, "one/_collection.yaml", "market: a\n")
    register(conn, landing)
    put(landing, "one/_collection.yaml", "market: b\n")
    register(conn, landing, now=NOW + timedelta(hours=1))

    assert conn.execute("select market from ingest.collection").fetchall() == [("b",)]
    assert events(conn, "collection.declared") == 2


def test_limits_bound_one_call_and_later_calls_finish(conn, landing):
    for number in range(7):
        put(landing, f"one/{number}.jsonl", str(number))
    calls = [
        register(conn, landing, limit_files=3, now=NOW + timedelta(seconds=at)) for at in range(3)
    ]

    assert [call.new for call in calls] == [3, 3, 1]
    assert [call.left for call in calls] == [4, 1, 0]


def test_a_day_is_pending_until_its_files_are_the_observed_ones(conn, landing):
    put(landing, "one/2026-09-01/a.jsonl", "1")
    register(conn, landing)
    [pending] = registering.pending_days(conn, AT_ONCE)
    conn.execute(
        "insert into social.day_count (landed_day, input_count, observation_count, "
        "quarantine_count, files_digest, inputs, ruleset_version) "
        "values (%s, 0, 0, 0, '', %s, 'r')",
        [pending.day, pending.inputs],
    )
    assert registering.pending_days(conn, AT_ONCE) == []

    put(landing, "one/2026-09-01/b.jsonl", "2")
    register(conn, landing)

    [again] = registering.pending_days(conn, AT_ONCE)
    assert (again.day, again.files) == (date(2026, 9, 1), 2)
    assert again.inputs != pending.inputs


def test_an_empty_landing_folder_is_fine(conn, landing):
    assert register(conn, landing) == registering.Registered(0, 0, [])


@pytest.mark.parametrize("text", ["- [", "owner: me", "tribes: makers", "market: No Slug!"])
def test_a16_a_declaration_that_cannot_be_read_sets_its_own_collection_aside(conn, landing, text):
    put(landing, "one/_collection.yaml", text)
    put(landing, "one/a.jsonl", "1")
    put(landing, "two/b.jsonl", "2")

    found = register(conn, landing)

    [aside] = found.set_aside
    assert (found.new, aside.collection, aside.files) == (1, "one", 1)
    assert "_collection.yaml" in aside.problem
    assert "makers" not in aside.problem
    assert "No Slug" not in aside.problem
    assert [f.collection for f in registering.day_of(conn, TODAY).files] == ["two"]
    assert conn.execute(
        "select collection from ingest.collection where problem = %s", [aside.problem]
    ).fetchall() == [("one",)]


@pytest.mark.parametrize("folder", ["2019-12-31", "2099-01-01", "2026-02-30"])
def test_a_folder_of_a_day_that_cannot_be_is_just_a_folder(conn, landing, folder):
    put(landing, f"people/{folder}/a.json", '{"n": 1}')

    done = registering.register(
        conn,
        Objects(landing.as_uri()),
        actor="test",
        limit_files=None,
        limit_bytes=None,
        now=NOW,
    )

    assert done.days == [TODAY]
