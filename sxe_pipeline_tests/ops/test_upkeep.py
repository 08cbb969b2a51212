"""Tables are compacted and vacuumed: whoever reads a named version reads on, whoever dies."""

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from sxe_pipeline import audit
from sxe_pipeline.errors import Busy, NotFound
from sxe_pipeline.ops import upkeep, versions
from sxe_pipeline.store import sql, tables
from sxe_pipeline.store import upkeep as files

ROOT = Path(__file__).parents[2]
NAME = "social/things"
A, B = dt.date(2026, 1, 1), dt.date(2026, 1, 2)
SCHEMA = pa.schema(
    [pa.field("landed_day", pa.date32(), nullable=False), pa.field("word", pa.string())]
)


@pytest.fixture
def conn(database):
    with sql.connect(database.dsn("sxe_social")) as opened:
        yield opened


def reader(day, *words):
    batches = [pa.record_batch([[day] * len(words), list(words)], schema=SCHEMA)] if words else []
    return pa.RecordBatchReader.from_batches(SCHEMA, batches)


def write(conn, root, day, *words, name=NAME):
    """A version that nobody named: what a killed writer leaves."""
    with conn.transaction():
        tables.lock(conn, name)
        return tables.write(conn, root, name, reader(day, *words), days=[day])


def put(conn, root, day, *words, name=NAME):
    with conn.transaction():
        tables.lock(conn, name)
        version = tables.write(conn, root, name, reader(day, *words), days=[day])
        versions.name(conn, name, version, inputs=f"{words}", numbers={"rows": len(words)})
    return version


def crumble(conn, root, day, *words):
    """Name a version whose day is one small file a word."""
    put(conn, root, day)
    table = DeltaTable(tables.address(root, NAME))
    from deltalake import write_deltalake

    for word in words:
        write_deltalake(table, reader(day, word), mode="append")
    with conn.transaction():
        tables.lock(conn, NAME)
        version = DeltaTable(tables.address(root, NAME)).version()
        versions.name(conn, NAME, version, inputs="crumbs", due_on=B, numbers={"rows": len(words)})
    return version


def keep(conn, root, grace_s=0.0, **more):
    return upkeep.keep_table(conn, root, NAME, actor="test", grace_s=grace_s, **more)


def snapshot(conn, root):
    with conn.transaction():
        return tables.snapshot(conn, root, NAME)


def words(seen):
    return sorted(seen.to_table(["word"])["word"].to_pylist())


def events(conn, subject=NAME):
    with conn.transaction():
        rows = conn.execute("select kind from audit.event where subject = %s", [subject])
        return sorted(kind for (kind,) in rows)


def history(conn):
    with conn.transaction():
        return [
            version
            for (version,) in conn.execute(
                "select version from ops.version where table_name = %s order by version", [NAME]
            )
        ]


def parquet(root):
    return sorted(Path(tables.address(root, NAME)).glob("landed_day=*/*.parquet"))


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
    assert DeltaTable(tables.address(tier1, NAME)).schema().fields[-1].name == "word"


def test_files_of_a_writer_that_died_before_its_commit_are_deleted(conn, tier1):
    put(conn, tier1, A, "named")
    stray = Path(tables.address(tier1, NAME)) / f"landed_day={A}" / "part-of-nobody.parquet"
    stray.write_bytes(b"PAR1")

    keep(conn, tier1)

    assert not stray.exists()
    assert words(snapshot(conn, tier1)) == ["named"]


def test_a_version_within_the_grace_is_read_on_and_goes_when_the_grace_is_over(conn, tier1):
    put(conn, tier1, A, "old")
    reading = snapshot(conn, tier1)
    put(conn, tier1, A, "new")

    keep(conn, tier1, grace_s=3600)
    assert words(reading) == ["old"]
    assert words(tables.Snapshot(NAME, reading.version, tier1)) == ["old"]

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
    stored = sorted(Path(tables.address(tier1, NAME)).rglob("*"))

    done = keep(conn, tier1)

    assert not done.is_new
    assert (snapshot(conn, tier1).version, events(conn)) == (version, seen)
    assert sorted(Path(tables.address(tier1, NAME)).rglob("*")) == stored


def test_a_long_log_becomes_a_checkpoint_and_every_kept_version_stays_readable(conn, tier1):
    for n in range(files.LOG_SLACK + 5):
        put(conn, tier1, A, f"word {n}")
    reading = snapshot(conn, tier1)
    put(conn, tier1, B, "b")

    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    with conn.transaction():
        conn.execute(
            "update ops.version set superseded_at = clock_timestamp() + interval '2 hours' "
            "where version = %s",
            [reading.version],
        )
    keep(conn, tier1, grace_s=3600, now=later)

    log = Path(tables.address(tier1, NAME)) / "_delta_log"
    assert len(list(log.glob("*.json"))) < 10
    assert words(tables.Snapshot(NAME, reading.version, tier1)) == [f"word {files.LOG_SLACK + 4}"]
    assert words(snapshot(conn, tier1)) == ["b", f"word {files.LOG_SLACK + 4}"]
    put(conn, tier1, B, "c")
    assert "c" in words(snapshot(conn, tier1))


DYING = """
    import os, sys
    from sxe_pipeline.ops import upkeep, versions
    from sxe_pipeline.store import sql, upkeep as files, tables
    point = sys.argv[3]

    def die(*_, **__):
        os.kill(os.getpid(), 9)

    def then_die(function):
        def both(*given, **more):
            function(*given, **more)
            die()
        return both

    if point == "compacted":
        files.compact = then_die(files.compact)
    if point == "named":
        versions.name_compacted = then_die(versions.name_compacted)
    if point == "marked":
        files.vacuum = die
    if point == "vacuumed":
        files.vacuum = then_die(files.vacuum)
    if point == "trimmed":
        files.LOG_SLACK = 0
        files.trim_log = then_die(files.trim_log)
    with sql.connect(sys.argv[1]) as conn:
        upkeep.keep_table(conn, sys.argv[2], "social/things", actor="test", grace_s=0)
"""


@pytest.mark.parametrize("point", ["compacted", "named", "marked", "vacuumed", "trimmed"])
def test_a_killed_upkeep_loses_nothing_and_the_next_one_ends_it(conn, database, tier1, point):
    put(conn, tier1, A, "old")
    put(conn, tier1, B, "b")
    crumble(conn, tier1, A, "x", "y")
    killed = subprocess.run(
        [
            *(sys.executable, "-c", textwrap.dedent(DYING)),
            *(database.dsn("sxe_social"), tier1, point),
        ],
        cwd=ROOT,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL

    assert words(snapshot(conn, tier1)) == ["b", "x", "y"]
    put(conn, tier1, B, "c")
    assert words(snapshot(conn, tier1)) == ["c", "x", "y"]
    keep(conn, tier1)
    keep(conn, tier1)

    assert words(snapshot(conn, tier1)) == ["c", "x", "y"]
    assert len(history(conn)) == 1
    assert len(parquet(tier1)) == 2
    assert not keep(conn, tier1).is_new
    begun, done = (events(conn).count(f"table.{what}") for what in ("vacuum_begun", "vacuumed"))
    assert begun >= done >= 1


def test_two_upkeeps_and_a_writer_at_once_leave_what_is_named(conn, database, tier1):
    put(conn, tier1, B, "b")
    crumble(conn, tier1, A, "x", "y", "z")
    failures = []

    def work(what):
        try:
            with sql.connect(database.dsn("sxe_social")) as own:
                what(own)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    def write_much(own):
        for n in range(5):
            put(own, tier1, B, f"b{n}")

    racing = [
        threading.Thread(target=work, args=[what])
        for what in (lambda own: keep(own, tier1), lambda own: keep(own, tier1), write_much)
    ]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()

    assert failures == []
    assert words(snapshot(conn, tier1)) == ["b4", "x", "y", "z"]
    keep(conn, tier1)
    assert words(snapshot(conn, tier1)) == ["b4", "x", "y", "z"]


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
            versions.name(conn, names[1], version, inputs="test")
        done = upkeep.keep_tables(
            conn, tier1, actor="test", grace_s=60, now=start + dt.timedelta(days=n)
        )
    done = upkeep.keep_tables(
        conn, tier1, actor="test", grace_s=60, now=start + dt.timedelta(days=31)
    )

    live, disk = sum(k.live_bytes for k in done), sum(k.disk_bytes for k in done)
    on_disk = sum(
        f.stat().st_size for f in Path(tables.local_path(tier1)).rglob("*") if f.is_file()
    )
    assert disk == on_disk
    assert disk <= 3 * live
    assert [k.table for k in done] == names


def test_rows_of_the_gate_are_no_table_and_their_history_is_bounded(conn, tier1):
    with conn.transaction():
        for n in range(5):
            versions.name(conn, "cards/enrichment_candidates", n, inputs="x")

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
    shutil.rmtree(tables.address(tier1, "social/observations"))

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


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_in_whatever_order_what_is_named_or_in_its_grace_is_read(
    conn, tier1, monkeypatch, seed
):
    """Writers, killed writers, crumbs and upkeeps; the clock goes on between them."""
    monkeypatch.setattr(files, "LOG_SLACK", 4)
    dice = random.Random(seed)
    now, grace = dt.datetime.now(dt.UTC), dt.timedelta(minutes=10)
    days: dict[dt.date, list[str]] = {}
    readable: list[tuple[int, list[str], dt.datetime | None]] = []

    def name(version):
        nonlocal readable
        readable = [(v, seen, until or now + grace) for v, seen, until in readable]
        readable.append((version, sorted(w for day in days.values() for w in day), None))
        with conn.transaction():
            conn.execute(
                "update ops.version set superseded_at = %s where superseded_at > "
                "clock_timestamp() - interval '1 minute'",
                [now],
            )

    for step in range(14):
        day, word = dice.choice([A, B]), f"{seed}-{step}"
        what = dice.choice(["put", "put", "orphan", "crumble", "keep", "keep"])
        now += dt.timedelta(minutes=dice.choice([1, 7]))
        if what == "put" or not days:
            days[day] = [word]
            name(put(conn, tier1, day, word))
        elif what == "orphan":
            write(conn, tier1, day, "nobody reads this")
        elif what == "crumble":
            days[A] = [f"{word}{n}" for n in range(3)]
            name(crumble(conn, tier1, A, *days[A]))
        else:
            done = keep(conn, tier1, grace_s=grace.total_seconds(), now=now)
            if done.is_compacted:
                name(snapshot(conn, tier1).version)
        assert words(snapshot(conn, tier1)) == readable[-1][1]
        for version, seen, until in readable:
            if until is None or until > now:
                assert words(tables.Snapshot(NAME, version, tier1)) == seen, (seed, step, what)

    keep(conn, tier1, grace_s=0, now=now + dt.timedelta(days=1))
    keep(conn, tier1, grace_s=0, now=now + dt.timedelta(days=2))
    assert len(history(conn)) == 1
    assert sorted(map(str, parquet(tier1))) == sorted(
        f.removeprefix("file://") for f in snapshot(conn, tier1).files()
    )
