"""Bytes that a disk lost or changed are never rows: whoever reads a table is told, by name."""

import shutil
from pathlib import Path

import pytest

from sxe_pipeline.errors import NotFound
from sxe_pipeline.ops import upkeep
from sxe_pipeline.store import buckets, delta, sql, sums
from sxe_pipeline.store import upkeep as files
from sxe_pipeline.store.snapshot import Snapshot
from sxe_pipeline_tests.ops import storing
from sxe_pipeline_tests.store.test_buckets import THINGS, change, many, said_by, stored


@pytest.fixture
def conn(database):
    with sql.connect(database.dsn("sxe_social")) as opened:
        yield opened


@pytest.fixture
def table(conn, tier1, monkeypatch):
    """The folder of a table in sixteen buckets, of two versions."""
    monkeypatch.setattr(buckets, "ROWS", 4)
    change(conn, tier1, many(), is_whole=True)
    change(conn, tier1, {("a", "7"): "y"})
    return Path(delta.address(tier1, THINGS.name))


def bucket(table, number="*"):
    """The newest file of a bucket."""
    return max(table.glob(f"bucket={number}/*.parquet"), key=lambda file: file.stat().st_mtime_ns)


def log(table):
    return max((table / "_delta_log").glob("*.json"))


def flip(file):
    """Another bit, among the values."""
    held = bytearray(file.read_bytes())
    held[len(held) // 3] ^= 4
    file.write_bytes(held)


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


DAMAGES = {
    "gone": lambda table: bucket(table).unlink(),
    "cut": lambda table: cut(bucket(table)),
    "flipped": lambda table: flip(bucket(table)),
    "log gone": lambda table: log(table).unlink(),
    "log cut": lambda table: cut(log(table)),
    # As a power cut leaves it; Delta opens it as the version before.
    "log empty": lambda table: log(table).write_bytes(b""),
    "sums cut": lambda table: cut(max((table / sums.FOLDER).glob("*"))),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_lost_nobody_reads_or_writes_the_table_and_the_next_step_is_said(
    conn, tier1, table, damage
):
    version = stored(conn, tier1).version
    DAMAGES[damage](table)
    before = {file: file.read_bytes() for file in table.rglob("*") if file.is_file()}

    with pytest.raises(NotFound, match=r"social/things.*sxe recover"):
        stored(conn, tier1).to_table()
    for is_whole in (False, True):
        with pytest.raises(NotFound, match=r"social/things.*sxe recover"):
            change(conn, tier1, many("new"), is_whole=is_whole)
    conn.rollback()

    assert files.damaged(tier1, THINGS.name, version)
    assert conn.execute(
        "select version from ops.version where superseded_at is null"
    ).fetchall() == [(version,)]
    assert {file: file.read_bytes() for file in before} == before


def test_every_byte_of_a_file_is_held_to_what_was_written(conn, tier1, table):
    """Two in three are otherwise read as other values, by DuckDB and by Arrow."""
    file = bucket(table)
    held = file.read_bytes()
    for at in range(0, len(held), 7):
        file.write_bytes(held[:at] + bytes([held[at] ^ 16]) + held[at + 1 :])
        with pytest.raises(NotFound, match="1 files of social/things"):
            stored(conn, tier1).check()
    file.write_bytes(held)
    stored(conn, tier1).check()


def test_a_damaged_bucket_stops_what_reads_it_and_stays_damaged_when_others_are_written(
    conn, tier1, table
):
    flip(bucket(table, 3))
    for number in range(40):
        try:
            change(conn, tier1, {("a", str(number)): "z"})
        except NotFound:
            conn.rollback()
    named = stored(conn, tier1)
    assert files.damaged(tier1, THINGS.name, named.version) == 1
    others = [part for part in named.parts if part.partition[buckets.COLUMN] != 3]
    named.check(others)
    with pytest.raises(NotFound):
        named.check()


def test_a_write_of_one_day_never_drops_another_that_the_log_lost(conn, tier1):
    storing.put(conn, tier1, storing.A, "a")
    version = storing.put(conn, tier1, storing.B, "b")
    log(Path(delta.address(tier1, storing.NAME))).write_bytes(b"")

    for day in (storing.A, storing.B):
        with pytest.raises(NotFound, match="1 files of social/things"):
            storing.put(conn, tier1, day, "again")
        conn.rollback()

    assert files.damaged(tier1, storing.NAME, version) == 1


def test_small_files_are_not_put_together_where_one_is_damaged(conn, tier1):
    storing.crumble(conn, tier1, storing.A, "x", "y")
    folder = Path(delta.address(tier1, storing.NAME))
    named = storing.snapshot(conn, tier1)
    conn.commit()
    (folder / sums.FOLDER).mkdir(exist_ok=True)
    sums.note(folder, None, named.version, [part.path for part in named.parts])
    flip(folder / named.parts[0].path)

    with pytest.raises(NotFound, match="1 files of social/things"):
        storing.keep(conn, tier1)
    assert storing.snapshot(conn, tier1).version == named.version


def test_entries_of_the_log_that_a_power_cut_tore_hold_up_no_writer(conn, tier1, table):
    expected = many() | {("a", "7"): "y"}
    entries = table / "_delta_log"
    newest = int(log(table).stem)
    for number, torn in ((1, b""), (2, b'{"add":{"path":"buck'), (3, b"\0" * 60)):
        (entries / f"{newest + number:020d}.json").write_bytes(torn)
    assert said_by(stored(conn, tier1)) == expected

    change(conn, tier1, {("a", "8"): "y"})
    upkeep.keep_table(conn, tier1, THINGS.name, actor="test", grace_s=0)

    assert said_by(stored(conn, tier1)) == expected | {("a", "8"): "y"}


def test_what_a_first_writer_tore_is_no_ground_to_build_on(conn, tier1):
    entries = Path(delta.address(tier1, THINGS.name)) / "_delta_log"
    entries.mkdir(parents=True)
    (entries / f"{0:020d}.json").write_bytes(b'{"prot')

    change(conn, tier1, many(), is_whole=True)

    assert said_by(stored(conn, tier1)) == many()


def test_a_home_of_an_older_release_is_read_and_its_files_are_noted_with_the_next_version(
    conn, tier1, table
):
    shutil.rmtree(table / sums.FOLDER)
    before = stored(conn, tier1)
    before.check()
    bucket(table, 2).touch()

    change(conn, tier1, {("a", "9"): "y"})

    named = stored(conn, tier1)
    assert sums.noted(table, named.version).keys() == {part.path for part in named.parts}
    flip(table / next(p.path for p in named.parts if p.path in {q.path for q in before.parts}))
    with pytest.raises(NotFound):
        stored(conn, tier1).check()


def test_what_was_noted_of_versions_that_nobody_reads_goes_with_their_files(conn, tier1, table):
    upkeep.keep_table(conn, tier1, THINGS.name, actor="test", grace_s=0)

    version = stored(conn, tier1).version
    assert [file.stem for file in (table / sums.FOLDER).glob("*")] == [f"{version:020d}"]
    Snapshot(THINGS.name, version, tier1).check()
