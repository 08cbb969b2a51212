"""Tables in buckets hold what a dictionary would, and a change touches no more than it must."""

import itertools

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxe_pipeline.schema import duck
from sxe_pipeline.schema.columns import Column
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import required, strings
from sxe_pipeline.store import buckets, delta, differences, sql, tables
from sxe_pipeline_tests import named

THINGS = Table(
    "social/things",
    (
        required("kind", "string", "label"),
        required("thing", "string", "id"),
        Column("word", "string", "text"),
        strings("words", "text"),
    ),
    key=("kind", "thing"),
)


@pytest.fixture
def conn(database):
    with sql.connect(database.dsn("sxe_social")) as opened:
        yield opened


@pytest.fixture
def small(monkeypatch):
    """Buckets of four rows, so that a test fills many."""
    monkeypatch.setattr(buckets, "ROWS", 4)


def rows_of(said):
    return pa.Table.from_pylist(
        [{"kind": k, "thing": t, "word": w, "words": [w or ""]} for (k, t), w in said.items()],
        schema=THINGS.schema,
    )


def change(conn, root, said, gone=(), *, is_whole=False):
    """Put and take; what was written is named."""
    with conn.transaction(), duck.opened() as engine:
        tables.lock(conn, THINGS.name)
        engine.register("rows", rows_of(said))
        keys = [{"kind": kind, "thing": thing} for kind, thing in gone]
        schema = pa.schema([THINGS.schema.field(name) for name in THINGS.key])
        engine.register("gone", pa.Table.from_pylist(keys, schema=schema))
        before = tables.snapshot(conn, root, THINGS.name)
        done = buckets.change(conn, root, THINGS, engine, "rows", "gone", is_whole=is_whole)
        if before is None or done.version != before.version:
            named.name(conn, THINGS.name, done.version, inputs="test")
    return done


def stored(conn, root):
    with conn.transaction():
        return tables.snapshot(conn, root, THINGS.name)


def said_by(snapshot):
    rows = snapshot.to_table().to_pylist()
    assert all(row["words"] == [row["word"] or ""] for row in rows)
    said = {(row["kind"], row["thing"]): row["word"] for row in rows}
    assert len(said) == len(rows)
    return said


KEYS = st.tuples(st.sampled_from("ab"), st.integers(0, 40).map(str))
SAID = st.dictionaries(KEYS, st.sampled_from([None, "x", "y"]), max_size=30)
STEPS = st.lists(st.tuples(SAID, st.sets(KEYS, max_size=5), st.booleans()), min_size=1, max_size=5)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS, at_once=st.sampled_from([5, 1_000]))
def test_whatever_changes_the_table_holds_what_a_dictionary_would(
    conn, tmp_path_factory, small, monkeypatch, steps, at_once
):
    monkeypatch.setattr(duck, "rows_at_once", lambda row_bytes: at_once)
    root = tmp_path_factory.mktemp("tier1").as_uri()
    with conn.transaction(force_rollback=True):
        expected = {}
        for at, (said, gone, is_whole) in enumerate(steps):
            before = stored(conn, root)
            left = {} if is_whole else {k: v for k, v in expected.items() if k not in gone}
            after = left | said
            done = change(conn, root, said, gone, is_whole=is_whole or at == 0)
            assert said_by(stored(conn, root)) == after
            assert done.row_count == len(after)
            assert done.gone_count == len(expected.keys() - after.keys())
            differing = {k for k in after if k not in expected or after[k] != expected[k]}
            assert done.changed_count == len(differing)
            if before is not None:
                with duck.opened() as engine:
                    differences.find(
                        engine, "touched", THINGS, before, stored(conn, root), ["word"]
                    )
                    found = engine.sql("from touched").fetchall()
                assert {(k, t) for k, t, is_gone in found if not is_gone} == differing
                assert {
                    (k, t) for k, t, is_gone in found if is_gone
                } == expected.keys() - after.keys()
            expected = after


def many(word="x", count=40):
    return {("a", str(number)): word for number in range(count)}


def files(snapshot):
    return {part.path for part in snapshot.parts}


def test_only_the_buckets_that_a_change_touches_are_written(conn, tier1, small):
    change(conn, tier1, many(), is_whole=True)
    before = files(stored(conn, tier1))
    assert len(before) > 8

    done = change(conn, tier1, {("a", "7"): "y"})
    after = files(stored(conn, tier1))
    assert (done.changed_count, done.gone_count, done.row_count) == (1, 0, 40)
    assert len(before - after) == len(after - before) == 1


def test_what_memory_does_not_bear_at_once_is_made_in_slices(conn, tier1, small, monkeypatch):
    monkeypatch.setattr(duck, "rows_at_once", lambda row_bytes: 7)
    said, counts = many(), []
    with conn.transaction(), duck.opened() as engine:
        tables.lock(conn, THINGS.name)
        engine.register("rows", rows_of(said))

        def made(chosen):
            duck.make(engine, "slice", f"from rows {chosen}")
            counts.append(engine.sql("select count(*) from slice").fetchall()[0][0])
            return "slice"

        twice = "from (from rows union all from rows)"
        rows = buckets.Sliced(twice, made)
        done = buckets.change(conn, tier1, THINGS, engine, rows, is_whole=True)
        named.name(conn, THINGS.name, done.version, inputs="test")

    assert said_by(stored(conn, tier1)) == said
    assert (done.row_count, sum(counts)) == (40, 40), "a key counts once"
    assert len(counts) == 8, "as many slices as there are of seven rows, a power of two"


def test_what_goes_and_what_is_put_meet_in_one_slice(conn, tier1, small, monkeypatch):
    change(conn, tier1, many(), is_whole=True)
    monkeypatch.setattr(duck, "rows_at_once", lambda row_bytes: 7)
    put = {key: "y" for key in list(many())[:30]}

    done = change(conn, tier1, put, gone=list(many())[20:])

    assert said_by(stored(conn, tier1)) == put
    assert (done.row_count, done.changed_count, done.gone_count) == (30, 30, 10)


def test_what_is_there_already_is_not_written_again(conn, tier1, small):
    first = change(conn, tier1, many(), is_whole=True)
    for again in ({}, {("a", "7"): "x"}):
        assert change(conn, tier1, again).version == first.version
    whole = change(conn, tier1, many(), [("b", "1")], is_whole=True)
    assert (whole.version, whole.changed_count, whole.gone_count) == (first.version, 0, 0)


def test_a_growing_table_moves_into_more_buckets_and_keeps_its_rows(conn, tier1, small):
    change(conn, tier1, many(count=4), is_whole=True)
    assert buckets.count_of(stored(conn, tier1)) == 1
    for count in (20, 60, 61):
        change(conn, tier1, many(count=count))
    assert buckets.count_of(stored(conn, tier1)) == 8
    assert said_by(stored(conn, tier1)) == many(count=61)


def test_many_rows_put_beside_few_lie_in_as_many_buckets_as_they_need(conn, tier1, small):
    change(conn, tier1, {("a", "7"): "x"}, is_whole=True)

    change(conn, tier1, many("y"))

    assert buckets.count_of(stored(conn, tier1)) == buckets.count_for(40)
    assert said_by(stored(conn, tier1)) == many("y")


def test_a_table_of_the_layout_before_is_written_whole_once(conn, tier1, small):
    with conn.transaction():
        tables.lock(conn, THINGS.name)
        rows = rows_of(many("old"))
        version = tables.write(conn, tier1, THINGS.name, rows.to_reader(), days=None)
        named.name(conn, THINGS.name, version, inputs="before")
    before = stored(conn, tier1)
    assert not buckets.is_kept_in(before, THINGS)
    with pytest.raises(ValueError, match="whole"):
        change(conn, tier1, {("a", "7"): "new"})
    change(conn, tier1, many("old") | {("a", "7"): "new"}, is_whole=True)
    after = stored(conn, tier1)
    assert buckets.is_kept_in(after, THINGS)
    assert said_by(before) == many("old")
    with duck.opened() as engine:
        differences.find(engine, "touched", THINGS, before, after, ["word", "words"])
        assert engine.sql("from touched").fetchall() == [("a", "7", False)]


@pytest.mark.parametrize(("step", "number"), [("put_file", 2), ("replace", 0), ("flushed", 0)])
def test_a_writer_that_dies_leaves_what_is_named(conn, tier1, small, step, number):
    change(conn, tier1, many(), is_whole=True)
    real, left = getattr(delta, step), itertools.count()

    def die(*args):
        if next(left) == number:
            raise KeyboardInterrupt
        return real(*args)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delta, step, die)
        with pytest.raises(KeyboardInterrupt):
            change(conn, tier1, many("torn"))
    assert said_by(stored(conn, tier1)) == many()
    change(conn, tier1, {("a", "7"): "y"})
    assert said_by(stored(conn, tier1)) == many() | {("a", "7"): "y"}


def test_a_change_is_one_version_however_many_buckets_it_touches(conn, tier1, small):
    first = change(conn, tier1, many(), is_whole=True).version
    assert change(conn, tier1, many("y")).version == first + 1


def test_any_reader_sees_the_rows_of_a_table_in_buckets(conn, tier1, small):
    change(conn, tier1, many(), is_whole=True)
    snapshot = stored(conn, tier1)
    engine = duckdb.connect()
    read = engine.execute(
        "select kind, thing, word from read_parquet(?, hive_partitioning = true)",
        [snapshot.files()],
    )
    assert {(kind, thing): word for kind, thing, word in read.fetchall()} == many()
    assert pl.read_delta(delta.address(tier1, THINGS.name)).height == 40


@pytest.mark.parametrize("is_first", [True, False], ids=["at first", "beside one row"])
def test_a_table_larger_than_memory_is_written_within_it(conn, tier1, monkeypatch, is_first):
    if not is_first:
        change(conn, tier1, {("b", "7"): "x"}, is_whole=True)
    monkeypatch.setenv("SXE_MEMORY_LIMIT_MB", "96")
    monkeypatch.setattr(buckets, "ROWS", 4_096)
    count = 250_000
    text = "repeat(md5(n::varchar), 6)"
    query = (
        f"select 'a' as kind, n::varchar as thing, {text} as word, [{text}] as words "
        f"from range({count}) as r (n)"
    )
    with conn.transaction(), duck.opened() as engine:
        tables.lock(conn, THINGS.name)

        def made(chosen):
            duck.make(engine, "slice", f"from ({query}) {chosen}", "view")
            return "slice"

        rows = buckets.Sliced(f"from ({query})", made) if is_first else f"({query})"
        held = []
        monkeypatch.setattr(buckets, "in_groups", watched(buckets.in_groups, held))
        done = buckets.change(conn, tier1, THINGS, engine, rows, is_whole=is_first)

    assert done.row_count == count + (not is_first)
    assert max(map(len, held)) <= 4, "a few buckets at a time"
    assert sum(map(len, held)) == buckets.count_for(count)


def watched(groups, held):
    def each(numbers):
        for group in groups(numbers):
            held.append(group)
            yield group

    return each
