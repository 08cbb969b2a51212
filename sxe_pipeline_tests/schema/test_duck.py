"""DuckDB holds what its container leaves it, and spills where it is told to."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pytest

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.schema import container, duck

GIB = 1 << 30


def current(name):
    with duck.opened() as engine:
        return engine.execute("select current_setting($1)", [name]).fetchone()[0]


def test_d12_memory_and_spill_folder_come_from_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("SXE_MEMORY_LIMIT_MB", "128")
    monkeypatch.setenv("SXE_SPILL_DIR", str(tmp_path))

    assert current("memory_limit") == "128.0 MiB"
    assert current("temp_directory").startswith(f"{tmp_path}/sxe-spilled-")
    assert list(tmp_path.iterdir()) == [], "what was spilled is gone"


def test_d12_unset_it_is_a_share_of_the_container(monkeypatch):
    monkeypatch.delenv("SXE_MEMORY_LIMIT_MB", raising=False)
    monkeypatch.setattr(container, "memory_bytes", lambda: GIB)

    assert current("memory_limit") == "409.0 MiB"


def test_d12_what_is_larger_than_the_limit_is_spilled(tmp_path, monkeypatch):
    monkeypatch.setenv("SXE_MEMORY_LIMIT_MB", "64")
    monkeypatch.setenv("SXE_SPILL_DIR", str(tmp_path))

    with duck.opened() as engine:
        engine.execute("set threads = 1")
        engine.execute(
            "create temp table wide as select i, hash(i)::text t from range(4000000) r(i)"
        )
        spilled = [file for file in tmp_path.rglob("*") if file.is_file()]

    assert spilled
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SXE_MEMORY_LIMIT_MB", "2GB"),
        ("SXE_MEMORY_LIMIT_MB", "1"),
        ("SXE_SPILL_DIR", "/nowhere/at/all"),
    ],
)
def test_limits_that_cannot_be_used_are_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(BadConfig, match=name), duck.opened():
        pass


def test_less_memory_makes_fewer_rows_at_once(monkeypatch):
    found = []
    for megabytes in ("64", "256", "1024"):
        monkeypatch.setenv("SXE_MEMORY_LIMIT_MB", megabytes)
        found.append(duck.rows_at_once(512))

    assert found == [65_536, 262_144, 1_835_008]


def test_rows_that_are_kept_wait_in_files_and_are_gone_afterwards(tmp_path, monkeypatch):
    folder = tmp_path / "Ana's 100% own"
    folder.mkdir()
    monkeypatch.setenv("SXE_SPILL_DIR", str(folder))
    schema = pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("words", pa.list_(pa.string())),
            pa.field("seen", pa.timestamp("us", tz="UTC")),
        ]
    )
    at = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [{"id": n, "words": None if n % 3 else ["rye"], "seen": at} for n in range(50_000)]
    batches = pa.Table.from_pylist(rows, schema=schema).to_batches(max_chunksize=7_000)

    with duck.opened() as engine:
        named = ((f"part_{n % 2}", batch) for n, batch in enumerate(batches))
        duck.keep(engine, dict.fromkeys(("part_0", "part_1", "nothing"), schema), named)
        [spill] = folder.iterdir()
        assert {file.name for file in spill.glob("*.parquet")} == {
            "part_0.parquet",
            "part_1.parquet",
            "nothing.parquet",
        }
        found = engine.sql("from part_0 union all from part_1 order by id").to_arrow_table()
        assert found.cast(schema).to_pylist() == rows
        assert engine.sql("from nothing").to_arrow_table().cast(schema).num_rows == 0

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("count", [3, 20_000])
def test_a_question_about_rows_sees_those_rows_alone_and_the_time_of_nobody(count):
    rows = pa.table({"id": range(count)})
    with duck.over(rows) as one, duck.over(rows.slice(0, 1)) as other:
        one.execute("create temp table kept as from rows")
        assert one.sql("select count(*) from rows").fetchall() == [(count,)]
        assert other.sql("select count(*) from rows").fetchall() == [(1,)]
        assert one.sql("select current_setting('TimeZone')").fetchall() == [("UTC",)]

    with duck.over(rows) as later, pytest.raises(duckdb.CatalogException):
        later.sql("from kept")


HELD = """
import pyarrow as pa
from sxe_pipeline.schema import duck
with duck.opened() as engine:
    rows = pa.table({"bio": ["baker"]})
    duck.keep(engine, {"kept": rows.schema}, [("kept", rows.to_batches()[0])])
    print("kept", flush=True)
    input()
"""


def keeping():
    """A process that keeps rows beside its spill until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HELD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "kept\n"
    return process


def test_what_a_killed_process_spilled_is_deleted_and_what_a_living_one_uses_is_not(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("SXE_SPILL_DIR", str(tmp_path))
    killed = keeping()
    left = set(tmp_path.iterdir())
    living = keeping()
    used = set(tmp_path.iterdir()) - left
    killed.kill()
    killed.communicate()
    assert len(left) == len(used) == 1
    foreign = tmp_path / "sxe-spilled-list.txt"
    foreign.touch()

    duck._sweep.cache_clear()
    with duck.opened():
        assert left < set(tmp_path.iterdir()), "it may just have been made"
    for each in tmp_path.iterdir():
        os.utime(each, (0, 0))
    duck._sweep.cache_clear()
    with duck.opened():
        pass

    assert set(tmp_path.iterdir()) == used | {foreign}
    living.communicate("\n")
    assert living.returncode == 0
    assert set(tmp_path.iterdir()) == {foreign}
