"""A day onto a store that is there: CPU, memory, bytes written and disk of each act of Tier 1.

Usage: python bench/day.py [ACCOUNTS] [ROWS OF A DAY ...]
       python bench/day.py --days 60 [--start 10k] [--growth 1k]    (bench/days.csv, bench/days.svg)

ACCOUNTS invented accounts land and are built; then a day follows for each number of rows, of
which four of five are accounts seen before, and of these nine of ten say what they said. Texts
are random words besides what the demo's people say, so that few are the same and none compresses
like a copy. Each act runs in a process of its own, as `sxe build` runs it but without Dagster;
CPU seconds are those of its threads after the libraries were loaded, and of Postgres meanwhile.
The last line of all is an act with nothing to do. Goals are for 1,000,000 accounts and 200,000
(75 CPU-s) or 2,000 rows (35); they are printed beside a day of such sizes alone.

With --days a home grows: each day brings as many new accounts, and four times as many that were
seen before. The acts of a day share a process, as the jobs of a day do, and the night's upkeep
follows: a version that was replaced before the night before is gone, as with the schedule.
"""

import argparse
import csv
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from statistics import median

import measured
import plot

from sxe_pipeline import settings
from sxe_pipeline.local import postgres
from sxe_pipeline.sandbox import people, shapes
from sxe_pipeline.store import sql
from sxe_pipeline_tests.gate.world import new_database

_FIRST = date(2026, 1, 5)
_SHAPES = {"x": "x_graphql_2026", "tiktok": "tiktok_web_user", "threads": "threads_web_2026"}
_AGAIN, _SAME = 0.8, 0.9
_GOALS = {
    (1_000_000, None): "first_1M",
    (1_000_000, 200_000): "day_200k_1M",
    (1_000_000, 2_000): "day_2k_1M",
    (8_000_000, 200_000): "day_200k_8M",
}
_WORDS = 40_000
_CHUNK = 10_000
_RECORDS = 100_000
"""A file holds so many at most."""
_PRIME = 999_999_937
_SHOP = "riverstitch"
"""What a dozen accounts of each chunk name; each chunk has its own."""
ACTS = ("observations", "profiles", "identities", "lead_cards", "audience_pools", "candidates")


@cache
def _words() -> list[str]:
    """Words of no language."""
    rng = random.Random(7)
    letters = "aaabcdeeefghiiijklmnooopqrrsstttuuvwxyz"
    return ["".join(rng.choices(letters, k=rng.randint(3, 10))) for _ in range(_WORDS)]


def _worded(rng: random.Random, account: people.Account) -> people.Account:
    """The account with some words of its own behind its bio."""
    if not account.bio:
        return account
    words = _words()
    own = " ".join(words[int(rng.paretovariate(0.6)) % _WORDS] for _ in range(rng.randint(3, 12)))
    return replace(account, bio=f"{account.bio} {own}")


def _chunk(number: int) -> list[people.Account]:
    """The accounts of a chunk in a random order: always the same ones, and nobody else's."""
    rng = random.Random(f"accounts {number}")
    drawn = [_worded(rng, each) for each in people.population(rng, _CHUNK)]
    rng.shuffle(drawn)
    return [_own(account, number, at) for at, account in enumerate(drawn)]


def _own(account: people.Account, number: int, at: int) -> people.Account:
    """An account with a person, handle and id that no other chunk has."""
    mark = "".join(chr(ord("a") + int(digit)) for digit in str(number)) if number else ""
    stem = account.handle.removesuffix(f"_{account.voice.language}")
    stem = stem.removesuffix(f".{account.voice.language}")

    def told(text: str) -> str:
        return text.replace(stem, stem + mark).replace(_SHOP, _SHOP + mark)

    own = {"person": number * _CHUNK + account.person}
    if account.platform == "threads":  # its ids are too few to be drawn apart
        own["id"] = str(63_000_000_000 + (number * _CHUNK + at) * 387_420_489 % _PRIME)
    return replace(
        account,
        handle=told(account.handle),
        bio=told(account.bio),
        links=[told(link) for link in account.links],
        **own,
    )


def accounts_at(places: Iterable[int]) -> Iterator[tuple[int, people.Account]]:
    """Accounts by their place in the population, chunk by chunk.

    Args:
        places: From 0 on, ascending; the population has no end.
    """
    for number, of_chunk in groupby(places, key=lambda place: place // _CHUNK):
        chunk = _chunk(number)
        yield from ((place, chunk[place % _CHUNK]) for place in of_chunk)


def accounts(first: int, end: int) -> Iterator[people.Account]:
    """The accounts of a stretch of the population."""
    return (account for _, account in accounts_at(range(first, end)))


def land(root: Path, day: date, landed: Iterable[people.Account]) -> int:
    """Write the files of a landing day; how many records they hold."""
    counts: Counter[str] = Counter()
    files = {}
    with ExitStack() as opened:
        for account in landed:
            platform = account.platform
            payload = shapes.SHAPES[_SHAPES[platform]].render(account)
            if platform == "x":
                payload = {"commit_date": f"{day}T09:30:00Z", "user": payload}
            number, at = divmod(counts[platform], _RECORDS)
            if not at:
                folder = root / f"{platform}_profiles" / day.isoformat()
                folder.mkdir(parents=True, exist_ok=True)
                if number:
                    files[platform].close()
                file = folder / f"profiles_{number:04}.jsonl"
                files[platform] = opened.enter_context(file.open("w"))
            files[platform].write(json.dumps(payload) + "\n")
            counts[platform] += 1
    return counts.total()


class Days:
    """What lands on each day; of an account it keeps what it says now if that is not its first.

    Attributes:
        known: How many accounts of the population were seen.
    """

    def __init__(self) -> None:
        self.known = 0
        self._rng = random.Random(11)
        self._said: dict[int, tuple[str, str]] = {}

    def next_day(self, fresh: int, again: int) -> Iterator[people.Account]:
        """Accounts that were seen before as they are now, then new ones."""
        seen = sorted(self._rng.sample(range(self.known), min(self.known, again)))
        for place, account in accounts_at(seen):
            account.bio, account.handle = self._said.get(place, (account.bio, account.handle))
            now = people.later(self._rng, account, may_rename=True)
            if self._rng.random() < _SAME:
                now.bio, now.handle = account.bio, account.handle
            else:
                now = _worded(self._rng, now)
                self._said[place] = now.bio, now.handle
            yield now
        yield from accounts(self.known, self.known + fresh)
        self.known += fresh


def act(names: str, home: str, dsn: str, grace_s: str = "") -> Iterator[dict[str, float]]:
    """Run acts here, one after another; what upkeep leaves on the disk, where it is one of them."""
    from sxe_pipeline.cards import candidate_table, pool_table, tier1
    from sxe_pipeline.ingest import landing, register
    from sxe_pipeline.ops import upkeep, versions
    from sxe_pipeline.social import identities, observe, profiles
    from sxe_pipeline.store.objects import Objects

    given = settings.load({"SXE_HOME": home, "SXE_SOCIAL_DATABASE_URL": dsn})
    said = {"actor": "bench", "now": datetime.now(UTC), "recheck": versions.unleased}
    found: dict[str, float] = {}
    yield found

    def observations() -> None:
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

    def kept() -> None:
        tables = upkeep.keep_tables(
            conn, given.tier1_url, actor="bench", grace_s=float(grace_s or 0)
        )
        for what in ("live_bytes", "disk_bytes"):
            found[what] = sum(getattr(each, what) for each in tables)

    run = {
        "observations": observations,
        "profiles": lambda: profiles.rebuild(conn, given.tier1_url, **said),
        "identities": lambda: identities.rebuild(
            conn, given.tier1_url, mint=lambda: os.urandom(16).hex(), **said
        ),
        "lead_cards": lambda: tier1.rebuild_cards(conn, given, **said),
        "audience_pools": lambda: pool_table.rebuild(conn, given, **said),
        "candidates": lambda: candidate_table.rebuild(conn, given, **said),
        "upkeep": kept,
    }
    with sql.connect(given.need("social_dsn")) as conn:
        for name in names.split(","):
            run[name]()
    yield found


def command(name: str, home: Path, dsn: str) -> list[str]:
    """What runs an act in a process of its own."""
    return [sys.executable, __file__, "--act", name, str(home), dsn]


class Home:
    """An empty home and its database, on a server of its own."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder, self.dsn = folder, dsn
        self.landing, self.tables = folder / "landing", folder / "tier1"
        with sql.connect(dsn) as conn:
            [(backend,)] = conn.execute("select pg_backend_pid()").fetchall()
            self.postmaster = measured.postmaster_of(backend)

    def run(self, names: str, *given: object) -> measured.Taken:
        """Run acts in a process of their own."""
        return measured.apart(
            __file__, names, self.folder, self.dsn, *given, postmaster=self.postmaster
        )

    def build(self, title: str) -> measured.Taken:
        """Run every act and print a line for each; what all took, and the highest peak."""
        total, wall, peak = 0.0, 0.0, 0.0
        for name in ACTS:
            before = _stored(self.tables)
            taken = self.run(name)
            new = (size for file, size in _stored(self.tables).items() if file not in before)
            total, wall = total + taken.cpu, wall + taken.wall
            peak = max(peak, taken.peak_mb)
            print(
                f"{title:14} {name:15} {taken.cpu:8.1f} CPU-s, peak {taken.peak_mb:6,.0f} MB, "
                f"written {sum(new) / 2**20:7.1f} MB",
                flush=True,
            )
        disk = measured.disk_mb(self.tables)
        print(
            f"{title:14} {'all':15} {total:8.1f} CPU-s, peak {peak:6,.0f} MB, disk {disk:,.0f} MB"
        )
        return measured.Taken(total, wall, peak, {})


@contextmanager
def new_home() -> Iterator[Home]:
    """A home that is gone afterwards."""
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres.Server(Path(folder) / "server").attached() as state,
    ):
        yield Home(Path(folder), new_database(state, "bench").dsn("sxe_social"))


def _stored(root: Path) -> dict[Path, int]:
    return {file: file.stat().st_size for file in root.rglob("*") if file.is_file()}


def main(count: int, rows_of_days: list[int]) -> None:
    """Print a line for each act of each day."""
    days = Days()
    with new_home() as home:
        land(home.landing, _FIRST, days.next_day(count, 0))
        taken = home.build("first build")
        peak = taken.peak_mb
        if (count, None) in _GOALS:
            measured.judge(_GOALS[count, None], taken.cpu)
        for number, rows in enumerate(rows_of_days, start=1):
            again = round(rows * _AGAIN)
            land(home.landing, _FIRST + timedelta(number), days.next_day(rows - again, again))
            taken = home.build(f"{rows} rows")
            peak = max(peak, taken.peak_mb)
            if (count, rows) in _GOALS:
                measured.judge(_GOALS[count, rows], taken.cpu)
        home.build("nothing new")
    measured.judge("day_peak", peak / 1024)


def growth(count: int, start: int, fresh: int, out: Path) -> None:
    """Let a home grow day by day; a line, a row of days.csv and a point of days.svg for each."""
    days, rows, history, night = Days(), [], 0, time.time()
    with new_home() as home:
        for number in range(count + 1):
            new, again = (fresh, round(fresh * _AGAIN / (1 - _AGAIN))) if number else (start, 0)
            landed = land(home.landing, _FIRST + timedelta(number), days.next_day(new, again))
            history += landed
            # What was replaced since the night before is younger than a day.
            since, night = time.time() - night, time.time()
            taken = home.run(",".join([*ACTS, "upkeep"]), since)
            rows.append(
                {
                    "day": number,
                    "accounts": days.known,
                    "history_rows": history,
                    "rows": landed,
                    "cpu_s": round(taken.cpu, 2),
                    "peak_mb": round(taken.peak_mb),
                    "live_mb": round(taken.found["live_bytes"] / 2**20, 1),
                    "disk_mb": round(taken.found["disk_bytes"] / 2**20, 1),
                }
            )
            print(", ".join(f"{name} {value:,}" for name, value in rows[-1].items()), flush=True)
            _write(rows, out)
    grown = rows[1:]  # The first build is no day.
    few = max(1, len(grown) // 6)
    by = {
        what: median(r[what] for r in grown[-few:]) / median(r[what] for r in grown[:few])
        for what in ("accounts", "history_rows", "cpu_s", "peak_mb")
    }
    for what, times in by.items():
        print(f"{what}: the last {few} days {times:.2f} times the first {few}")
    measured.judge("days_peak", by["peak_mb"])
    if count >= 30:
        measured.judge("days_disk", max(r["disk_mb"] / r["live_mb"] for r in rows[30:]))


def _write(rows: list[dict[str, float]], out: Path) -> None:
    """The days so far, and their picture; the first build is in the one and not in the other."""
    with (out / "days.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    if rows[1:]:
        (out / "days.svg").write_text(plot.days(rows[1:]))


if __name__ == "__main__" and not measured.as_child(act):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", nargs="*", type=measured.size)
    parser.add_argument("--days", type=int)
    parser.add_argument("--start", type=measured.size, default=10_000)
    parser.add_argument("--growth", type=measured.size, default=1_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    if given.days:
        growth(given.days, given.start, given.growth, given.out)
    else:
        first, *rest = given.counts or [100_000, 20_000, 2_000]
        main(first, rest)
