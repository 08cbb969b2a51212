"""Run a month: `make month`, or `python -m sxe_pipeline_tests.month --days 6 --kills 12 --seed 7`.

Past days land one after the other; sensors, queue and daemon are the real ones of `sxe ui`, and the
schedules are evaluated as of each night. Meanwhile workers, code servers, the daemon, the database,
or all at once are killed at random moments. Nobody mends anything. Every few days, and at the end,
everything is made whole on the same home, which must change nothing; then a copy of the home loses
its Tier 1 and builds it again from all that landed, which must give the same rows. At the end
everything must be right, and the findings are printed; the exit code is 1 where something is not.
"""

import argparse
import contextlib
import functools
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from sxe_pipeline import definitions
from sxe_pipeline import settings as environment
from sxe_pipeline.errors import SxeError
from sxe_pipeline.ingest import register
from sxe_pipeline.local import attach, runs, variables
from sxe_pipeline.ops import work
from sxe_pipeline.social import observe
from sxe_pipeline.store import sql, tables
from sxe_pipeline_tests.month import story, whole
from sxe_pipeline_tests.month.engine import SXE, Engine

PACE = {
    "SXE_RUN_LEASE_S": "10",
    "SXE_START_GRACE_S": "60",
    "SXE_RETRY_PAUSE_S": "5",
    "SXE_SETTLE_S": "3",
    "SXE_SETTLE_AT_MOST_S": "60",
    "SXE_VERSION_GRACE_S": "60",
}
TARGETS = ("worker", "worker", "worker", "code server", "daemon", "postgres", "all")
QUIET_S = 900
"""How long the engine may take to come to rest after the last landing."""
IDLE_S = 60
"""How long the killer waits for a worker; then something else dies."""
AGAIN_S = 120
"""From the end of a lost run's lease to the next run."""
SWOLLEN = 3
WHOLE_TRIES = 5


class Month:
    """One month in a home of its own."""

    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        self.given, self.home = given, folder / "home"
        self.home.mkdir()
        self.rng, self.fate = random.Random(given.seed), random.Random(given.seed + 1)
        self.engine = Engine(self.home, given.port, PACE)
        self.settings = environment.load({"SXE_HOME": str(self.home), **PACE})
        self.landing = story.Landing(self.home / "landing", self.rng)
        self.kills: list[str] = []
        self.faults: list[str] = []
        self._over = threading.Event()

    def run(self) -> None:
        """Live through it."""
        today = datetime.now(UTC).date()
        days = [today - timedelta(days=n) for n in range(self.given.days, 0, -1)]
        with attach.attached(self.settings, "social", "dagster") as held:
            self.held = held
            exports = variables.exports(held.settings, variables.dagster_home(held.settings))
            environment.enter(exports)
            self.engine.start()
            killer = threading.Thread(target=self._kill, daemon=True)
            killer.start()
            try:
                for day, chapter in story.chapters(days, self.rng):
                    chapter(self.landing, day, [d for d in days if d < day])
                    self.say(f"{day}: {chapter.__name__}, {self.landing.expected[day]} records")
                    self._wait(self.given.day_s, self._pending)
                    self._night(day)
                    # A day is closed once the next one landed, and a night is long.
                    self._wait(self.given.day_s, functools.partial(self._under_way, day))
                    if (days.index(day) + 1) % self.given.whole_every == 0:
                        self._wait(self.given.day_s, self._open)
                        self._make_whole()
                killer.join()
                self._come_to_rest()
                self._make_whole()
                self._judge()
            finally:
                self._over.set()
                self.engine.stop()
        self._judge_twin()

    def say(self, line: str) -> None:
        print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        """A connection; the server may have been killed a moment ago."""
        for _ in range(60):
            try:
                conn = sql.open_unchecked(self.held.settings.need("social_dsn"))
                break
            except SxeError:
                time.sleep(1)
        else:
            raise SystemExit("the database does not come back")
        with conn:
            yield conn

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        for _ in range(5):
            try:
                with self._connected() as conn:
                    return conn.execute(query.encode()).fetchall()
            except psycopg.Error:
                time.sleep(1)
        raise SystemExit("the database does not answer")

    def _kill(self) -> None:
        """All kills, at random moments of the landings; a late one does not wait."""
        postmaster = attach.server_log(self.settings).parent / "data" / "postmaster.pid"
        pause = self.given.days * self.given.day_s / max(self.given.kills, 1)
        due = time.monotonic()
        while len(self.kills) < self.given.kills and not self._over.is_set():
            due += self.fate.uniform(0, 2 * pause)
            self._over.wait(max(0.0, due - time.monotonic()))
            target = self.fate.choice(TARGETS)
            if target == "worker" and not self._sees_a_worker(self.fate.randrange(3)):
                target = self.fate.choice([t for t in TARGETS if t != "worker"])
            if self.engine.kill(target, self.fate, postmaster):
                self.kills.append(target)
                self.say(f"killed {target}")

    def _sees_a_worker(self, passing: int) -> bool:
        """Until one works after so many: they live for seconds, and not each next one is killed."""
        seen: set[int] = set()
        end = time.monotonic() + IDLE_S
        while time.monotonic() < end and not self._over.wait(0.3):
            alive = self.engine.pids("worker")
            seen.update(alive)
            if alive and len(seen) > passing:
                return True
        return False

    def _night(self, day: Any) -> None:
        """The schedules as of the morning after; a launch that nobody takes is asked for again."""
        morning = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
        try:
            tier = definitions.assemble(self.held.settings)
            with runs.instance() as instance:
                for name in (s.name for s in tier.schedules or ()):
                    at = morning + timedelta(hours=4)
                    for wanted in runs.schedule_tick(tier, instance, name, at):
                        tries = self._launch(wanted)
                        self.say(f"night of {day}: {wanted.job}, try {tries}")
        except Exception as error:  # noqa: BLE001 - the database may have just been killed
            self.say(f"night of {day}: the tick died ({type(error).__name__})")
            with self._connected() as conn, contextlib.suppress(psycopg.Error):
                work.ask(conn, work.NIGHT, {day.isoformat(): day.isoformat()}, self.settings.pace)

    def _launch(self, wanted: Any) -> int:
        """As the scheduler does, whose tick stays open until somebody took the run."""
        for tries in itertools.count(1):
            if self.engine.launch(wanted.job, wanted.partition, dict(wanted.tags)):
                return tries
            if tries > QUIET_S / 2:
                raise SystemExit(f"nobody takes {wanted.job} any more")
            time.sleep(2)
        raise AssertionError

    def _wait(self, seconds: float, is_open: Callable[[], object]) -> None:
        """Until nothing of that kind is open any more, or so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and is_open():
            time.sleep(2)

    def _under_way(self, night: Any) -> list[tuple[Any, ...]]:
        return self._rows(
            f"select 1 from ops.work where work = 'night' and subject = '{night}' "
            "and state in ('asked', 'waiting')"
        )

    def _pending(self) -> int:
        with self._connected() as conn, contextlib.suppress(psycopg.Error):
            return self._unregistered() + len(register.pending_days(conn, self.settings.pace))
        return 1

    def _unregistered(self) -> int:
        files: int = self._rows("select count(*) from ingest.landing_file")[0][0]
        return self.landing.written - len(self.landing.aside) - files

    def _come_to_rest(self) -> None:
        began = time.monotonic()
        while open_work := self._open():
            if time.monotonic() > began + QUIET_S:
                self.faults.append(f"not at rest after {QUIET_S} s: {open_work}")
                return
            time.sleep(3)
        self.say(f"at rest after {time.monotonic() - began:.0f} s")

    def _open(self) -> str:
        unregistered = self._unregistered()
        with self._connected() as conn:
            pending = register.pending_days(conn, self.settings.pace)
            under_way = work.rows(conn, ["asked", "waiting"])
            alive = conn.execute("select count(*) from ops.run where ended_at is null").fetchone()
            stale = definitions.stale_tables(conn, self.held.settings)
        left = {
            "unregistered": unregistered,
            "pending": len(pending),
            "asked": len(under_way),
            "running": (alive or (0,))[0],
            "stale": int(bool(stale)),
        }
        return ", ".join(f"{name} {n}" for name, n in left.items() if n)

    def _make_whole(self) -> None:
        """Everything anew on the same home: no row changes, and nothing is minted."""
        for _ in range(WHOLE_TRIES):
            if self._open():
                break
            with self._connected() as conn:
                observed, before = whole.held(conn)
            done = whole.sxe(self.engine.env, "build", "--whole")
            with self._connected() as conn:
                seen, after = whole.held(conn)
            if done.returncode or seen != observed:
                continue  # killed, or something landed meanwhile
            moved = sorted(name for name in after if after[name] != before.get(name))
            self.say(f"made whole: changed {', '.join(moved) or 'nothing'}")
            self.faults += [f"a whole build changed {name}" for name in moved]
            return
        self.say("not made whole: the engine is not at rest")

    def _judge_twin(self) -> None:
        """A copy of the home whose Tier 1 is built from all that landed has the same rows."""
        compared, faults = whole.differing(self.home, self.engine.env)
        self.say(f"the twin: {compared}")
        self.faults += faults

    def _judge(self) -> None:
        if (short := self.given.kills - len(self.kills)) > 0:
            self.faults.append(f"{short} of {self.given.kills} kills were not delivered")
        counted = dict(self._rows("select landed_day, input_count from social.day_count"))
        for day, expected in sorted(self.landing.expected.items()):
            if counted.get(day) != expected:
                self.faults.append(f"{day}: {expected} records landed, {counted.get(day)} counted")
        odd = self._rows(
            "select landed_day from social.day_count "
            "where input_count <> observation_count + quarantine_count"
        )
        self.faults += [f"{day}: the counts do not add up" for (day,) in odd]
        for kind, subject, outcome, reason in self._rows(
            "select work, subject, outcome, reason from ops.work where state <> 'done'"
        ):
            self.faults.append(f"{kind} {subject} is not done: {outcome}, {reason}")
        self._judge_tables()
        self._judge_batches(counted)
        self._judge_screen(counted)
        self._judge_waits()

    def _judge_tables(self) -> None:
        with self._connected() as conn:
            stored: Counter[Any] = Counter()
            for name in (observe.TABLE, observe.QUARANTINE_TABLE):
                found = tables.snapshot(conn, self.settings.tier1_url, name)
                for day in (
                    found.to_table(["landed_day"])["landed_day"].to_pylist() if found else ()
                ):
                    stored[day] = stored.get(day, 0) + 1
            live = 0
            for (name,) in conn.execute(
                "select table_name from ops.version where superseded_at is null "
                "and table_name <> 'cards/enrichment_candidates'"
            ).fetchall():
                if found := tables.snapshot(conn, self.settings.tier1_url, name):
                    files = list(found.dataset().files)
                    known = found.dataset().filesystem.get_file_info(files)
                    live += sum(each.size for each in known)
        for day, count in stored.items():
            if count != self.landing.expected[day]:
                self.faults.append(
                    f"{day}: {count} rows stored, {self.landing.expected[day]} landed"
                )
        disk = sum(f.stat().st_size for f in (self.home / "tier1").rglob("*") if f.is_file())
        self.say(f"Tier 1: {disk:,} bytes on disk, {live:,} live, {disk / max(live, 1):.1f} times")
        if disk > SWOLLEN * live:
            self.faults.append(f"Tier 1 takes {disk / live:.1f} times its live bytes")

    def _judge_batches(self, counted: dict[Any, int]) -> None:
        folders = [m.parent for m in (self.home / "handoff").rglob("_manifest.json")]
        key = self.home / "keys" / "signing.pub"
        bad = [
            folder
            for folder in folders
            if subprocess.run(
                [*SXE, "batch", "verify", str(folder), "--key", str(key)],
                env=self.engine.env,
                capture_output=True,
                check=False,
            ).returncode
        ]
        published = self._rows("select count(*) from handoff.batch where state = 'published'")[0][0]
        self.say(f"{len(folders)} batches, {len(bad)} do not verify, {published} named")
        if bad or published != len(folders):
            self.faults.append(f"{len(bad)} batches do not verify, {published} of {len(folders)}")
        nights = {day for (day,) in self._rows("select distinct day from handoff.batch")}
        # A night that came late finds its day closed; then a later one stands for it.
        for day in sorted(day for day, count in counted.items() if count and day not in nights):
            if not any(night > day for night in nights):
                self.faults.append(f"{day}: neither this night nor a later one published")

    def _judge_screen(self, counted: dict[Any, int]) -> None:
        for day, count in sorted(counted.items()):
            shown = self.engine.number("social/observations", day.isoformat(), "sxe/input_rows")
            if shown != count:
                self.faults.append(f"{day}: the UI shows {shown} rows, SQL {count}")

    def _judge_waits(self) -> None:
        waits = [
            float(seconds)
            for (seconds,) in self._rows(
                "select extract(epoch from (select min(n.begun_at) from ops.run n "
                "where n.begun_at > r.lease_until) - r.lease_until) "
                "from ops.run r where outcome = 'lost' and begun_at < lease_until"
            )
            if seconds is not None
        ]
        self.say(
            f"{len(waits)} runs were lost; the next one began after "
            f"{max(waits, default=0):.0f} s at most"
        )
        if max(waits, default=0) > AGAIN_S:
            self.faults.append(f"a run began only {max(waits):.0f} s after the end of a lease")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--day-s", type=float, default=90, help="what a day may take at most")
    parser.add_argument("--whole-every", type=int, default=7, help="days until all is made whole")
    parser.add_argument("--port", type=int, default=20_000 + os.getpid() % 10_000)
    parser.add_argument("--keep", action="store_true", help="keep the home afterwards")
    given = parser.parse_args()
    print(f"seed {given.seed}: {given.days} days, {given.kills} kills", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="sxe-month-"))
    folder.chmod(0o711)  # or root keeps the database elsewhere, and a copy of the home has none
    month = Month(folder, given)
    began = time.monotonic()
    month.run()
    print(f"{len(month.kills)} kills in {time.monotonic() - began:.0f} s; seed {given.seed}")
    for fault in month.faults:
        print(f"WRONG {fault}")
    print("right" if not month.faults else f"{len(month.faults)} faults; the home is {folder}")
    if not month.faults and not given.keep:
        attach.stop(month.settings, delete=True)
        shutil.rmtree(folder)
    return 1 if month.faults else 0


if __name__ == "__main__":
    sys.exit(main())
