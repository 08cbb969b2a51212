"""A day onto a store that is there: CPU, memory, bytes written and disk of each act of Tier 1.

Usage: python bench/day.py [ACCOUNTS] [ROWS OF A DAY ...]

ACCOUNTS invented accounts land and are built; then a day follows for each number of rows, of
which four of five are accounts seen before, and of these nine of ten say what they said. Texts
are random words besides what the demo's people say, so that few are the same and none compresses
like a copy. Each act runs in a process of its own, as `sxe build` runs it but without Dagster;
CPU seconds are those of its threads after the libraries were loaded, and of Postgres meanwhile.
The last line of all is an act with nothing to do. Goals are for 1,000,000 accounts and 200,000
(75 CPU-s) or 2,000 rows (35); they are printed beside a day of such sizes alone.
"""

import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sxe_pipeline import settings
from sxe_pipeline.local import postgres
from sxe_pipeline.sandbox import people, shapes
from sxe_pipeline.store import sql
from sxe_pipeline_tests.gate.world import new_database

_FIRST = date(2026, 1, 5)
_SHAPES = {"x": "x_graphql_2026", "tiktok": "tiktok_web_user", "threads": "threads_web_2026"}
_AGAIN, _SAME = 0.8, 0.9
_GOALS = {(1_000_000, 200_000): 75, (1_000_000, 2_000): 35, (8_000_000, 200_000): 350}
_WORDS = 40_000
ACTS = ("observations", "profiles", "identities", "lead_cards", "audience_pools", "candidates")


def vocabulary(rng):
    """Words of no language."""
    letters = "aaabcdeeefghiiijklmnooopqrrsstttuuvwxyz"
    return ["".join(rng.choices(letters, k=rng.randint(3, 10))) for _ in range(_WORDS)]


def _worded(rng, words, account):
    """The account with some words of its own behind its bio."""
    if not account.bio:
        return account
    own = " ".join(words[int(rng.paretovariate(0.6)) % _WORDS] for _ in range(rng.randint(3, 12)))
    return replace(account, bio=f"{account.bio} {own}")


def population(rng, words, count):
    """Invented accounts, in a random order."""
    everybody = [_worded(rng, words, each) for each in people.population(rng, count)]
    rng.shuffle(everybody)
    return everybody


def land(root, day, accounts):
    """Write the files of a landing day."""
    lines = defaultdict(list)
    for account in accounts:
        payload = shapes.SHAPES[_SHAPES[account.platform]].render(account)
        if account.platform == "x":
            payload = {"commit_date": f"{day}T09:30:00Z", "user": payload}
        lines[account.platform].append(json.dumps(payload))
    for platform, found in lines.items():
        folder = root / f"{platform}_profiles" / day.isoformat()
        folder.mkdir(parents=True)
        (folder / "profiles.jsonl").write_text("\n".join(found) + "\n")


def _next_day(rng, words, known, fresh, rows):
    again = rng.sample(range(len(known)), min(len(known), int(rows * _AGAIN)))
    seen = []
    for at in again:
        now = people.later(rng, known[at], may_rename=True)
        if rng.random() < _SAME:
            now.bio, now.handle = known[at].bio, known[at].handle
        else:
            now = _worded(rng, words, now)
        known[at] = now
        seen.append(now)
    return [*seen, *fresh]


def act(name, home, dsn):
    """Run one act here, and print what it took."""
    from sxe_pipeline.cards import candidate_table, pool_table, tier1
    from sxe_pipeline.ingest import landing, register
    from sxe_pipeline.ops import versions
    from sxe_pipeline.social import identities, observe, profiles
    from sxe_pipeline.store.objects import Objects

    given = settings.load({"SXE_HOME": home, "SXE_SOCIAL_DATABASE_URL": dsn})
    now = datetime.now(UTC)
    said = {"actor": "bench", "now": now, "recheck": versions.unleased}
    began = time.process_time()
    with sql.connect(given.need("social_dsn")) as conn:
        if name == "observations":
            register.register_all(conn, Objects(given.landing_url), actor="bench")
            conn.commit()
            days = [each.day for each in register.pending_days(conn, settings.Pace(settle=0))]
            landed = {day: register.day_of(conn, day) for day in days}
            conn.commit()
            observe.observe(
                conn,
                given.tier1_url,
                days=days,
                files_by_day={day: each.files for day, each in landed.items()},
                inputs_by_day={day: each.inputs for day, each in landed.items()},
                read=landing.LandingTier(given.landing_url).read,
                **said,
            )
        elif name == "profiles":
            profiles.rebuild(conn, given.tier1_url, **said)
        elif name == "identities":
            identities.rebuild(conn, given.tier1_url, mint=lambda: os.urandom(16).hex(), **said)
        else:
            rebuild = {
                "lead_cards": tier1.rebuild_cards,
                "audience_pools": pool_table.rebuild,
                "candidates": candidate_table.rebuild,
            }[name]
            rebuild(conn, given, **said)
    print(json.dumps({"cpu": time.process_time() - began, "peak_mb": _peak_mb()}))


def _peak_mb():
    """Of this process alone: `getrusage` counts what its parent held when it was started."""
    [line] = [n for n in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in n]
    return int(line.split()[1]) / 1024


def command(name, home, dsn):
    """What runs an act in a process of its own."""
    return [sys.executable, __file__, "--act", name, str(home), dsn]


def _postmaster(dsn):
    with sql.connect(dsn) as conn:
        [(backend,)] = conn.execute("select pg_backend_pid()").fetchall()
        return int(_stat(Path(f"/proc/{backend}"))[1])


def _stat(process):
    """Fields of a process after its name: state, parent, ..."""
    return (process / "stat").read_text().rpartition(") ")[2].split()


def _server_cpu(postmaster):
    """CPU seconds that the server has used, ended backends included."""
    ticks = sum(map(int, _stat(Path(f"/proc/{postmaster}"))[11:15]))
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = _stat(process)
            ticks += sum(map(int, stat[11:13])) if int(stat[1]) == postmaster else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _stored(root):
    files = [f for f in Path(root).rglob("*") if f.is_file()]
    return {file: file.stat().st_size for file in files}


def _build(title, home, dsn, postmaster):
    total, peak = 0.0, 0.0
    for name in ACTS:
        before, spent = _stored(home / "tier1"), _server_cpu(postmaster)
        done = subprocess.run(command(name, home, dsn), capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stderr[-2_000:]}")
        told = json.loads(done.stdout.splitlines()[-1])
        cpu = told["cpu"] + _server_cpu(postmaster) - spent
        after = _stored(home / "tier1")
        written = sum(size for file, size in after.items() if file not in before) / 2**20
        total, peak = total + cpu, max(peak, told["peak_mb"])
        print(
            f"{title:14} {name:15} {cpu:8.1f} CPU-s, peak {told['peak_mb']:6,.0f} MB, "
            f"written {written:7.1f} MB",
            flush=True,
        )
    disk = sum(_stored(home / "tier1").values()) / 2**20
    print(f"{title:14} {'all':15} {total:8.1f} CPU-s, peak {peak:6,.0f} MB, disk {disk:,.0f} MB")
    return total


def main(accounts, *days):
    """Print a line for each act of each day."""
    rng = random.Random(7)
    words = vocabulary(rng)
    new = [int(rows * (1 - _AGAIN)) for rows in days]
    everybody = population(rng, words, accounts + sum(new))
    known, fresh = everybody[:accounts], everybody[accounts:]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with postgres.Server(home / "server").attached() as state:
            dsn = new_database(state, "bench").dsn("sxe_social")
            postmaster = _postmaster(dsn)
            land(home / "landing", _FIRST, known)
            _build("first build", home, dsn, postmaster)
            for number, rows in enumerate(days):
                day = _FIRST + timedelta(days=number + 1)
                part, fresh = fresh[: new[number]], fresh[new[number] :]
                land(home / "landing", day, _next_day(rng, words, known, part, rows))
                known += part
                total = _build(f"{rows} rows", home, dsn, postmaster)
                if goal := _GOALS.get((accounts, rows)):
                    print(f"goal {goal} CPU-s: {'met' if total <= goal else 'missed'}")
            _build("nothing new", home, dsn, postmaster)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--act"]:
        act(*sys.argv[2:])
    else:
        given = [int(each) for each in sys.argv[1:]]
        main(*(given or [100_000, 20_000, 2_000]))
