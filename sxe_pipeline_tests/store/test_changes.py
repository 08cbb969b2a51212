"""What changed is told without reading the table; a note that cannot be trusted is none."""

from pathlib import Path

import pytest

from sxe_pipeline.errors import NotFound
from sxe_pipeline.schema import duck
from sxe_pipeline.schema import tables as schema_tables
from sxe_pipeline.schema.table import Table
from sxe_pipeline.store import buckets, changes, delta, differences, upkeep
from sxe_pipeline_tests.store.test_buckets import (  # noqa: F401 - fixtures
    THINGS,
    change,
    conn,
    many,
    small,
    stored,
)


@pytest.fixture
def steps(conn, tier1, small):  # noqa: F811
    """The versions that three changes leave, the first one whole."""
    change(conn, tier1, many(), is_whole=True)
    first = stored(conn, tier1)
    change(conn, tier1, {("a", "7"): "y", ("b", "1"): "new"}, [("a", "8")])
    second = stored(conn, tier1)
    change(conn, tier1, {("a", "9"): "y", ("a", "8"): "again"}, [("a", "7"), ("b", "1")])
    return [first, second, stored(conn, tier1)]


def differing(before, after, columns=("word",), table=THINGS):
    """Key -> whether it is gone."""
    with duck.opened() as engine:
        differences.find(engine, "found", table, before, after, list(columns))
        return {(kind, thing): gone for kind, thing, gone in engine.sql("from found").fetchall()}


ONE_STEP = {("a", "7"): False, ("b", "1"): False, ("a", "8"): True}
BOTH = {("a", "7"): True, ("a", "8"): False, ("a", "9"): False}


def notes(root):
    return sorted((Path(delta.address(root, THINGS.name)) / changes.FOLDER).iterdir())


def without_reading(monkeypatch):
    def read(*_):
        raise AssertionError("a bucket was read")

    monkeypatch.setattr(buckets, "attach", read)


def test_what_differs_is_told_without_reading_the_table(steps, monkeypatch):
    without_reading(monkeypatch)
    assert differing(steps[0], steps[1]) == ONE_STEP
    assert differing(steps[1], steps[1]) == {}
    # What came and went again in between is told as well: it is gone.
    assert differing(steps[0], steps[2]) == BOTH | {("b", "1"): True}


def test_a_row_that_differs_elsewhere_alone_is_not_told(conn, tier1, steps, monkeypatch):  # noqa: F811
    rows = THINGS.schema.empty_table()
    with conn.transaction(), duck.opened() as engine:
        row = {"kind": "a", "thing": "10", "word": "x", "words": ["more"]}
        engine.register("rows", type(rows).from_pylist([row], schema=THINGS.schema))
        done = buckets.change(conn, tier1, THINGS, engine, "rows")
    [*_, last] = steps
    now = type(last)(THINGS.name, done.version, tier1)
    without_reading(monkeypatch)
    of_words = Table(THINGS.name, tuple(c for c in THINGS.columns if c.name != "word"), THINGS.key)
    assert differing(last, now, ["words"], of_words) == {("a", "10"): False}
    assert differing(last, now, ["word"]) == {}


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("fault", ["lost", "cut", "flipped", "empty"])
def test_where_a_note_cannot_be_trusted_the_versions_are_compared(tier1, steps, step, fault):
    note = notes(tier1)[step]
    data = note.read_bytes()
    if fault == "lost":
        note.unlink()
    else:
        flipped = bytes([data[0] ^ 1]) + data[1:]
        note.write_bytes({"cut": data[:-9], "flipped": flipped, "empty": b""}[fault])
    assert differing(steps[0], steps[2]) == BOTH


def test_a_note_of_a_version_that_was_never_named_counts_for_nothing(
    conn,  # noqa: F811
    tier1,
    steps,
    monkeypatch,
):
    first, second, third = steps
    changes.note(tier1, THINGS, second.version, third.version + 1, [])
    change(conn, tier1, {("a", "11"): "y"})
    after = stored(conn, tier1)
    assert len(notes(tier1)) == 3
    without_reading(monkeypatch)
    assert differing(third, after) == {("a", "11"): False}
    assert differing(second, after)[("a", "11")] is False
    assert differing(first, second) == ONE_STEP


def test_too_many_rows_are_not_noted(conn, tier1, steps, monkeypatch):  # noqa: F811
    monkeypatch.setattr(changes, "MOST_ROWS", 20)
    change(conn, tier1, many("z"))
    assert len(notes(tier1)) == 2
    assert len(differing(steps[2], stored(conn, tier1))) == 40


def test_a_note_goes_with_the_version_before_it(tier1, steps):
    _, second, third = steps
    upkeep.vacuum(tier1, THINGS.name, [second.version, third.version])
    assert len(notes(tier1)) == 1
    upkeep.vacuum(tier1, THINGS.name, [third.version])
    assert notes(tier1) == []


def test_a_table_that_was_lost_keeps_no_note(tier1, steps):
    upkeep.forget_log(tier1, THINGS.name)
    assert notes(tier1) == []


def test_the_note_is_there_before_the_version_counts(conn, tier1, steps, monkeypatch):  # noqa: F811
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(changes, "note", die)
    with pytest.raises(KeyboardInterrupt):
        change(conn, tier1, {("a", "11"): "y"})
    assert stored(conn, tier1).version == steps[2].version


def test_a_note_that_upkeep_takes_away_meanwhile_is_none(tier1, steps, monkeypatch):
    def gone(*_):
        raise NotFound("gone")

    monkeypatch.setattr(changes.Objects, "get", gone)
    assert changes.between(tier1, THINGS, steps[0].version, steps[1].version) is None


def test_no_table_has_a_column_that_is_called_like_a_mark():
    found = [each for each in vars(schema_tables).values() if isinstance(each, Table)]
    marks = {changes.NEW, changes.GONE, "step"}
    assert len(found) > 10
    assert not [each.name for each in found if marks & set(each.names)]
