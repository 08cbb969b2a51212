"""Tables are compacted and vacuumed: whoever reads a named version reads on, whoever dies."""

import datetime as dt
import os
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from sxe_pipeline import audit
from sxe_pipeline.errors import Busy, NotFound
from sxe_pipeline.ops import upkeep, versions
from sxe_pipeline.store import delta, tables
from sxe_pipeline.store import upkeep as files
from sxe_pipeline.store.disk import local_path
from sxe_pipeline.store.snapshot import Snapshot
from sxe_pipeline_tests import named
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.ops.storing import (
    NAME,
    SCHEMA,
    A,
    B,
    crumble,
    events,
    history,
    keep,
    parquet,
    put,
    snapshot,
    words,
    write,
)


def test_an_orphan_newer_than_the_named_version_costs_the_named_version_nothing(conn, tier1):
    put(conn, tier1, A, "named")
    put(conn, tier1, B, "too")
    write(conn, tier1, A, "orphan")

    done = keep(conn, tier1)

    assert words(snapshot(conn, tier1)) == ["named", "too"]
    assert len(parquet(tier1)) == 2
    assert done.deleted_files == 1
    put(conn, tier1, A, "next")
    assert words(snapshot(conn, tier1)) == ["next", "too"]


def test_an_orphan_that_added_a_column_and_no_row_is_put_aside_too(conn, tier1):
    put(conn, tier1, A, "named")
    wider = SCHEMA.append(pa.field("more", pa.string()))
    with conn.transaction():
        tables.lock(conn, NAME)
        empty = pa.RecordBatchReader.from_batches(wider, [])
        tables.write(conn, tier1, NAME, empty, days=[B])

    keep(conn, tier1)

    assert words(snapshot(conn, tier1)) == ["named"]
    assert DeltaTable(delta.address(tier1, NAME)).schema().fields[-1].name == "word"


def test_files_of_a_writer_that_died_before_its_commit_are_deleted(conn, tier1):
    put(conn, tier1, A, "named")
    stray = Path(delta.address(tier1, NAME)) / f"landed_day={A}" / "part-of-nobody.parquet"
    stray.write_bytes(b"PAR1")

    keep(conn, tier1)

    assert not stray.exists()
    assert words(snapshot(conn, tier1)) == ["named"]


def test_what_a_writer_that_was_killed_had_half_written_is_deleted_after_a_day(conn, tier1):
    """Delta's library tells nobody of a file that it is still writing."""
    put(conn, tier1, A, "named")
    half = Path(delta.address(tier1, NAME)) / f"landed_day={A}" / "part.parquet#1"
    half.write_bytes(b"PAR1")
    keep(conn, tier1)
    assert half.exists(), "its writer may live"
    os.utime(half, (1, 1))

    keep(conn, tier1)

    assert not half.exists()
    assert words(snapshot(conn, tier1)) == ["named"]


def test_a_version_within_the_grace_is_read_on_and_goes_when_the_grace_is_over(conn, tier1):
    put(conn, tier1, A, "old")
    reading = snapshot(conn, tier1)
    put(conn, tier1, A, "new")

    keep(conn, tier1, grace_s=3600)
    assert words(reading) == ["old"]
    assert words(Snapshot(NAME, reading.version, tier1)) == ["old"]

    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    done = keep(conn, tier1, grace_s=3600, now=later)
    assert done.dropped_versions == 1
    assert history(conn) == [snapshot(conn, tier1).version]
    assert words(snapshot(conn, tier1)) == ["new"]
    assert len(parquet(tier1)) == 1


def test_small_files_become_one_and_what_is_made_from_them_stays_current(conn, tier1):
    put(conn, tier1, B, "b")
    crumbs = crumble(conn, tier1, A, "x", "y", "z")
    with conn.transaction():
        green = versions.Verdict(True, {"rows": 3})
        versions.verdict(conn, NAME, crumbs, "no_contact_data", lambda: green)
    before = snapshot(conn, tier1)

    done = keep(conn, tier1)

    after = snapshot(conn, tier1)
    assert done.is_compacted
    assert after.version > before.version
    assert after.rows_version == before.version
    assert words(after) == ["b", "x", "y", "z"]
    assert len(after.files()) == 2
    with conn.transaction():
        named = versions.named(conn, NAME)
        carried = versions.verdict(conn, NAME, after.version, "no_contact_data", pytest.fail)
    assert (named.inputs, named.due_on, named.numbers) == ("crumbs", B, {"rows": 3})
    assert named.rows_version == crumbs
    assert carried == green
    assert words(before) == words(after)
    assert keep(conn, tier1).dropped_versions == 1
    assert not keep(conn, tier1).is_new


def test_what_needs_nothing_gets_no_version_and_no_event(conn, tier1):
    put(conn, tier1, A, "a")
    keep(conn, tier1)
    version, seen = snapshot(conn, tier1).version, events(conn)
    stored = sorted(Path(delta.address(tier1, NAME)).rglob("*"))

    done = keep(conn, tier1)

    assert not done.is_new
    assert (snapshot(conn, tier1).version, events(conn)) == (version, seen)
    assert sorted(Path(delta.address(tier1, NAME)).rglob("*")) == stored


def test_a_long_log_becomes_a_checkpoint_and_every_kept_version_stays_readable(conn, tier1):
    for n in range(files.LOG_SLACK + 5):
        put(conn, tier1, A, f"word {n}")
    reading = snapshot(conn, tier1)
    put(conn, tier1, B, "b")

    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    as_owner(
        conn,
        "update ops.version set superseded_at = clock_timestamp() + interval '2 hours' "
        "where version = %s",
        [reading.version],
    )
    keep(conn, tier1, grace_s=3600, now=later)

    log = Path(delta.address(tier1, NAME)) / "_delta_log"
    assert len(list(log.glob("*.json"))) < 10
    assert words(Snapshot(NAME, reading.version, tier1)) == [f"word {files.LOG_SLACK + 4}"]
    assert words(snapshot(conn, tier1)) == ["b", f"word {files.LOG_SLACK + 4}"]
    put(conn, tier1, B, "c")
    assert "c" in words(snapshot(conn, tier1))


def test_a_run_that_was_given_up_compacts_and_deletes_nothing(conn, tier1):
    crumbs = crumble(conn, tier1, A, "x", "y")

    def lost(_):
        raise Busy("given up")

    with pytest.raises(Busy):
        keep(conn, tier1, recheck=lost)

    assert snapshot(conn, tier1).version == crumbs
    assert events(conn) == []


def test_a_month_of_daily_writes_takes_at_most_three_times_its_live_bytes(conn, tier1):
    names = ["social/observations", "social/profiles"]
    start = dt.datetime.now(dt.UTC)
    for n in range(30):
        day = A + dt.timedelta(days=n)
        text = [os.urandom(12).hex() for _ in range(1_500)]
        put(conn, tier1, day, *text, name=names[0])
        with conn.transaction():
            tables.lock(conn, names[1])
            whole = pa.table({"word": [os.urandom(12).hex() for _ in range(200 * (n + 1))]})
            version = tables.write(conn, tier1, names[1], whole.to_reader(), days=None)
            named.name(conn, names[1], version, inputs="test")
        done = upkeep.keep_tables(
            conn, tier1, actor="test", grace_s=60, now=start + dt.timedelta(days=n)
        )
    done = upkeep.keep_tables(
        conn, tier1, actor="test", grace_s=60, now=start + dt.timedelta(days=31)
    )

    live, disk = sum(k.live_bytes for k in done), sum(k.disk_bytes for k in done)
    on_disk = sum(f.stat().st_size for f in Path(local_path(tier1)).rglob("*") if f.is_file())
    assert disk == on_disk
    assert disk <= 3 * live
    assert [k.table for k in done] == names


def test_rows_of_the_gate_are_no_table_and_their_history_is_bounded(conn, tier1):
    with conn.transaction():
        for n in range(5):
            named.name(conn, "cards/enrichment_candidates", n, inputs="x")

    done = upkeep.keep_tables(conn, tier1, actor="test", grace_s=0)

    assert done == []
    with conn.transaction():
        rows = conn.execute("select version from ops.version").fetchall()
    assert rows == [(4,)]


def test_a_lost_table_is_told_and_does_not_hold_up_the_others(conn, tier1):
    import shutil

    for name in ("social/observations", "social/quarantine"):
        put(conn, tier1, A, "old", name=name)
        put(conn, tier1, A, "new", name=name)
    shutil.rmtree(delta.address(tier1, "social/observations"))

    with pytest.raises(NotFound, match="social/observations"):
        upkeep.keep_tables(conn, tier1, actor="test", grace_s=0)

    assert "table.vacuumed" in events(conn, "social/quarantine")


def test_every_event_of_upkeep_is_attested_once(conn, tier1):
    crumble(conn, tier1, A, "x", "y")
    keep(conn, tier1)
    with conn.transaction():
        first = audit.attest(conn, upkeep.ASSET, "run-1")
        second = audit.attest(conn, upkeep.ASSET, "run-2")

    assert first.event_count == len(events(conn)) > 0
    assert second.event_count == 0
