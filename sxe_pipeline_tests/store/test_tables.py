"""The named-version rule, against killed writers, racing writers and failing producers."""

import datetime as dt
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest

from sxe_pipeline.errors import Busy, ContractBroken, Leak, NotFound, StoreUnavailable
from sxe_pipeline.store import sql, tables
from sxe_pipeline_tests import named

ROOT = Path(__file__).parents[2]
NAME = "social/things"
OTHER = "social/more"
A, B = dt.date(2026, 1, 1), dt.date(2026, 1, 2)
SCHEMA = pa.schema(
    [pa.field("landed_day", pa.date32(), nullable=False), pa.field("word", pa.string())]
)
SECRET = "j.doe@example.com"

KILLED = """
    import datetime as dt, os, sys
    import pyarrow as pa
    from sxe_pipeline.store import sql, tables
    schema = pa.schema([pa.field("landed_day", pa.date32(), nullable=False),
                        pa.field("word", pa.string())])
    day = dt.date.fromisoformat(sys.argv[3])
    batch = pa.record_batch([[day], ["orphan"]], schema=schema)
    with sql.connect(sys.argv[1]) as conn:
        tables.lock(conn, "social/things")
        reader = pa.RecordBatchReader.from_batches(schema, [batch])
        tables.write(conn, sys.argv[2], "social/things", reader, days=[day])
        os.kill(os.getpid(), 9)
"""


@pytest.fixture
def conn(database):
    with sql.connect(database.dsn("sxe_social")) as opened:
        yield opened


def batch(day, *words):
    return pa.record_batch([[day] * len(words), list(words)], schema=SCHEMA)


def reader(*batches):
    return pa.RecordBatchReader.from_batches(SCHEMA, batches)


def put(conn, root, day, *words, name=NAME):
    """Overwrite one day; without words it is emptied."""
    rows = reader(batch(day, *words)) if words else reader()
    with conn.transaction():
        tables.lock(conn, name)
        version = tables.write(conn, root, name, rows, days=[day])
        named.name(conn, name, version, inputs="test")
    return version


def rows(conn, root, name=NAME, days=None):
    with conn.transaction():
        seen = tables.snapshot(conn, root, name)
    table = seen.to_table(["landed_day", "word"], days=days)
    return sorted((row["landed_day"], row["word"]) for row in table.to_pylist())


def die_after_writing(database, root, day):
    done = subprocess.run(
        [
            *(sys.executable, "-c", textwrap.dedent(KILLED)),
            *(database.dsn("sxe_social"), root, day.isoformat()),
        ],
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == -9


def test_a_version_counts_only_when_it_is_named_and_committed(conn, tier1):
    assert tables.snapshot(conn, tier1, NAME) is None
    conn.rollback()
    with conn.transaction():
        tables.lock(conn, NAME)
        tables.write(conn, tier1, NAME, reader(batch(A, "x")), days=[A])
    with conn.transaction():
        assert tables.snapshot(conn, tier1, NAME) is None

    put(conn, tier1, A, "y")
    assert rows(conn, tier1) == [(A, "y")]
    with pytest.raises(RuntimeError), conn.transaction():
        tables.lock(conn, NAME)
        version = tables.write(conn, tier1, NAME, reader(batch(A, "z")), days=[A])
        named.name(conn, NAME, version, inputs="test")
        raise RuntimeError
    assert rows(conn, tier1) == [(A, "y")]


def test_a_day_is_overwritten_and_the_other_days_stay(conn, tier1):
    put(conn, tier1, A, "a", "b")
    put(conn, tier1, B, "c")
    put(conn, tier1, A, "d")
    assert rows(conn, tier1) == [(A, "d"), (B, "c")]
    assert rows(conn, tier1, days=[B]) == [(B, "c")]

    put(conn, tier1, A, "d")
    assert rows(conn, tier1) == [(A, "d"), (B, "c")]


def test_no_batch_empties_a_day_or_a_table(conn, tier1):
    put(conn, tier1, A, "a")
    put(conn, tier1, B, "b")
    put(conn, tier1, A)
    assert rows(conn, tier1) == [(B, "b")]

    with conn.transaction():
        tables.lock(conn, NAME)
        named.name(conn, NAME, tables.write(conn, tier1, NAME, reader(), days=None), inputs="test")
    assert rows(conn, tier1) == []


def test_a_first_write_may_be_empty_and_keeps_the_schema(conn, tier1):
    put(conn, tier1, A)
    assert rows(conn, tier1) == []

    put(conn, tier1, A, "a")
    assert rows(conn, tier1) == [(A, "a")]


def test_a_snapshot_never_changes(conn, tier1):
    put(conn, tier1, A, "a")
    with conn.transaction():
        old = tables.snapshot(conn, tier1, NAME)
    put(conn, tier1, A, "b")

    assert old.to_table(["word"]).to_pylist() == [{"word": "a"}]
    assert len(old.files()) == 1
    assert old.schema.names == SCHEMA.names


def test_a_writer_killed_before_naming_changes_nothing_and_the_rerun_completes(
    conn, database, tier1
):
    put(conn, tier1, A, "a")
    die_after_writing(database, tier1, A)
    assert rows(conn, tier1) == [(A, "a")]

    put(conn, tier1, A, "again")
    assert rows(conn, tier1) == [(A, "again")]


def test_the_first_writer_of_a_table_may_be_killed(conn, database, tier1):
    die_after_writing(database, tier1, A)
    with conn.transaction():
        assert tables.snapshot(conn, tier1, NAME) is None

    put(conn, tier1, B, "b")
    assert rows(conn, tier1) == [(B, "b")]


def test_an_orphan_of_one_day_is_not_revived_by_a_write_of_another(conn, database, tier1):
    put(conn, tier1, A, "a")
    for _ in range(2):
        die_after_writing(database, tier1, A)

    put(conn, tier1, B, "b")
    assert rows(conn, tier1) == [(A, "a"), (B, "b")]


def test_a_row_outside_its_days_breaks_the_contract_and_changes_nothing(conn, tier1):
    put(conn, tier1, A, "a")
    put(conn, tier1, B, "b")

    with pytest.raises(ContractBroken) as caught, conn.transaction():
        tables.lock(conn, NAME)
        tables.write(conn, tier1, NAME, reader(batch(A, "x"), batch(B, SECRET)), days=[A])
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__
    assert rows(conn, tier1) == [(A, "a"), (B, "b")]

    put(conn, tier1, A, "c")
    assert rows(conn, tier1) == [(A, "c"), (B, "b")]


def test_a_row_outside_its_day_is_refused_by_the_first_write_too(conn, tier1):
    with pytest.raises(ContractBroken), conn.transaction():
        tables.lock(conn, NAME)
        tables.write(conn, tier1, NAME, reader(batch(B, "x")), days=[A])


def test_other_columns_or_a_missing_value_break_the_contract(conn, tier1):
    put(conn, tier1, A, "a")
    others = pa.schema([pa.field("landed_day", pa.date32()), pa.field("count", pa.int64())])
    wrong = [
        pa.RecordBatchReader.from_batches(others, [pa.record_batch([[A], [1]], schema=others)]),
        reader(pa.record_batch([pa.array([None], pa.date32()), [SECRET]], schema=SCHEMA)),
    ]
    for broken in wrong:
        with pytest.raises(ContractBroken) as caught, conn.transaction():
            tables.lock(conn, NAME)
            tables.write(conn, tier1, NAME, broken, days=[A])
        assert SECRET not in str(caught.value)
    assert rows(conn, tier1) == [(A, "a")]


def test_a_table_may_be_replaced_with_another_schema(conn, tier1):
    put(conn, tier1, A, "a", name=OTHER)
    others = pa.schema([pa.field("count", pa.int64())])
    for number in (1, 2):
        new = pa.RecordBatchReader.from_batches(
            others, [pa.record_batch([[number]], schema=others)]
        )
        with conn.transaction():
            tables.lock(conn, NAME)
            version = tables.write(conn, tier1, NAME, new, days=None)
            named.name(conn, NAME, version, inputs="test")
    with conn.transaction():
        assert tables.snapshot(conn, tier1, NAME).to_table().to_pylist() == [{"count": 2}]
    assert rows(conn, tier1, OTHER) == [(A, "a")]


@pytest.mark.parametrize("error", [Leak("a leak"), Busy("busy"), ZeroDivisionError("x")])
@pytest.mark.parametrize("is_first", [True, False])
def test_the_error_of_a_producer_passes_through_as_it_is(conn, tier1, error, is_first):
    put(conn, tier1, A, "a")

    def produce():
        if not is_first:
            yield batch(A, "b")
        raise error

    with pytest.raises(type(error)) as caught, conn.transaction():
        tables.lock(conn, NAME)
        failing = pa.RecordBatchReader.from_batches(SCHEMA, produce())
        tables.write(conn, tier1, NAME, failing, days=[A])
    assert str(caught.value) == str(error)
    assert rows(conn, tier1) == [(A, "a")]


@pytest.mark.parametrize("source", ["empty", "full"])
def test_a_producer_may_read_a_delta_table_while_another_is_written(conn, tier1, source):
    """Delta's file system panics ('runtime from within a runtime') on the writer's own thread."""
    put(conn, tier1, A, *(["x", "y"] if source == "full" else []), name=OTHER)
    put(conn, tier1, A, "a")

    for _ in range(2):
        with conn.transaction():
            tables.lock(conn, NAME)
            seen = tables.snapshot(conn, tier1, OTHER)

            def produce(seen=seen):
                dataset = seen.dataset()
                for found in dataset.scanner(columns=SCHEMA.names).to_batches():
                    yield pa.Table.from_batches([found]).cast(SCHEMA).to_batches()[0]
                seen.to_table()

            lazy = pa.RecordBatchReader.from_batches(SCHEMA, produce())
            version = tables.write(conn, tier1, NAME, lazy, days=[A])
            named.name(conn, NAME, version, inputs="test")

    assert [word for _, word in rows(conn, tier1)] == (["x", "y"] if source == "full" else [])


def test_a_scanner_of_another_table_may_be_written_as_it_is(conn, tier1):
    put(conn, tier1, A, "x", name=OTHER)
    put(conn, tier1, A, "a")
    with conn.transaction():
        tables.lock(conn, NAME)
        lazy = tables.snapshot(conn, tier1, OTHER).dataset().scanner().to_reader()
        version = tables.write(conn, tier1, NAME, lazy, days=[A])
        named.name(conn, NAME, version, inputs="test")

    assert rows(conn, tier1) == [(A, "x")]


def test_a_second_writer_waits_and_then_is_told_who_is_busy(conn, database, tier1, monkeypatch):
    monkeypatch.setattr(tables, "LOCK_WAIT_S", 1)
    with sql.connect(database.dsn("sxe_social")) as second:
        with conn.transaction():
            tables.lock(conn, NAME)
            tables.lock(conn, NAME)
            with second.transaction():
                tables.lock(second, OTHER)
            with pytest.raises(Busy, match=NAME), second.transaction():
                tables.lock(second, NAME)
        with second.transaction():
            tables.lock(second, NAME)
            kept = second.execute(
                "select current_setting('lock_timeout'), current_setting('statement_timeout')"
            ).fetchone()

    assert kept == ("1min", "5min")


def test_a_named_version_that_the_store_lost_is_not_found(conn, tier1, tmp_path):
    put(conn, tier1, A, "a")
    shutil.rmtree(tmp_path / "tier1")

    with pytest.raises(NotFound, match="version 0"), conn.transaction():
        tables.snapshot(conn, tier1, NAME)
    with pytest.raises(NotFound):
        put(conn, tier1, B, "b")


def test_days_must_name_a_day(conn, tier1):
    with pytest.raises(ValueError, match="at least one day"):
        tables.write(conn, tier1, NAME, reader(), days=[])


def test_a_store_that_is_no_folder_is_unavailable(conn, tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(StoreUnavailable) as caught:
        put(conn, (tmp_path / "file").as_uri(), A, SECRET)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a tiny disk")
def test_a_full_disk_is_unavailable_and_changes_nothing(conn, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a tiny disk")
    try:
        root = disk.as_uri()
        put(conn, root, A, "a")
        words = [f"{SECRET} {os.urandom(20).hex()}" for _ in range(20_000)]
        with pytest.raises(StoreUnavailable) as caught:
            put(conn, root, A, *words)
        assert SECRET not in str(caught.value)
        assert rows(conn, root) == [(A, "a")]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_days_that_were_named_twice_or_in_any_order_are_the_same_days(conn, tier1):
    put(conn, tier1, A, "old")
    with conn.transaction():
        tables.lock(conn, NAME)
        both = reader(batch(B, "b"), batch(A, "a"), batch(B, "c"))
        named.name(conn, NAME, tables.write(conn, tier1, NAME, both, days=[B, A, B]), inputs="test")

    assert rows(conn, tier1) == [(A, "a"), (B, "b"), (B, "c")]
