"""Upkeep against kills, writers and clocks: what is named is read, whatever happened before."""

import datetime as dt
import random
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from sxe_pipeline.store import sql
from sxe_pipeline.store import upkeep as files
from sxe_pipeline.store.snapshot import Snapshot
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.ops.storing import (
    NAME,
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

ROOT = Path(__file__).parents[2]


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
        as_owner(
            conn,
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
                assert words(Snapshot(NAME, version, tier1)) == seen, (seed, step, what)

    keep(conn, tier1, grace_s=0, now=now + dt.timedelta(days=1))
    keep(conn, tier1, grace_s=0, now=now + dt.timedelta(days=2))
    assert len(history(conn)) == 1
    assert sorted(map(str, parquet(tier1))) == sorted(
        f.removeprefix("file://") for f in snapshot(conn, tier1).files()
    )
