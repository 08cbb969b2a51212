"""What costs the same whatever the size: a start, a run with nothing to do, a tick of the sensor.

Usage: python bench/fixed.py [FILES] [ROUNDS]

`sxe --version` and `sxe build` of a home in which nothing is pending, in turns, as processes with
all that they start (a lone verb starts and stops the embedded database, whose CPU is not counted):
wall, and CPU seconds of theirs and of their children. Then what a tick of the landing sensor asks,
over FILES small files: registering them all, and finding that none is new; CPU seconds here and in
Postgres.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median

import day
import measured

_ROUNDS = 5
_ROWS = 10
_VERBS = {
    "start": ["--version"],
    "nothing to build": ["build"],
}
_DAYS = 10


def act(name: str, home: str, dsn: str) -> Iterator[dict[str, float]]:
    """Register what landed and ask which days are due, as a tick does."""
    from sxe_pipeline import settings
    from sxe_pipeline.ingest import register
    from sxe_pipeline.store import sql
    from sxe_pipeline.store.objects import Objects

    given = settings.load({"SXE_HOME": home, "SXE_SOCIAL_DATABASE_URL": dsn})
    landing = Objects(given.landing_url)
    with sql.connect(given.need("social_dsn")) as conn:
        yield {}
        found = register.register_all(conn, landing, actor="bench")
        due = register.pending_days(conn, given.pace)
        conn.commit()
        yield {"new": found.new, "days": len(due)}


def _started(words: list[str], home: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a verb."""
    sxe = Path(sys.executable).with_name("sxe")
    env = {name: value for name, value in os.environ.items() if not name.startswith("SXE_")}
    began, spent = time.perf_counter(), measured.cpu()
    subprocess.run(
        [sxe, *words], env=env | {"SXE_HOME": str(home)}, check=True, capture_output=True
    )
    return time.perf_counter() - began, measured.cpu() - spent


def verbs(rounds: int) -> None:
    """Print a line for each verb, and the goal."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in _VERBS}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        day.land(home / "landing", date(2026, 1, 5), day.accounts(0, _ROWS))
        _started(["build"], home)
        for _ in range(rounds):
            for name, words in _VERBS.items():
                took[name].append(_started(words, home))
        _started(["down", "--reset", "--yes"], home)
    for name, words in _VERBS.items():
        wall, cpu = zip(*took[name], strict=True)
        print(
            f"{name:18} `sxe {' '.join(words)}`: {1000 * median(wall):7,.0f} ms wall "
            f"{measured.spread(wall)}, {1000 * median(cpu):7,.0f} ms CPU {measured.spread(cpu)}"
        )
    measured.judge("version", 1000 * median(wall for wall, _ in took["start"]))


def ticks(files: int, rounds: int) -> None:
    """Print what registering so many files takes, and a tick that finds nothing new."""
    with day.new_home() as home:
        for number in range(files):
            folder = home.landing / f"c{number % 20}_profiles" / f"2026-01-{number % _DAYS + 1:02}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:06}.jsonl").write_text(f'{{"number": {number}}}\n')
        run = [
            measured.apart(__file__, "tick", home.folder, home.dsn, postmaster=home.postmaster)
            for _ in range(1 + rounds)
        ]
    first, *idle = run
    print(
        f"{'files registered':18} {first.found['new']:,.0f} of {files:,}: {first.cpu:.2f} s CPU, "
        f"{files / first.cpu:,.0f} a second, peak {first.peak_mb:,.0f} MB"
    )
    cpu = [each.cpu for each in idle]
    print(
        f"{'a tick':18} over {files:,} files, {idle[-1].found['new']:.0f} new: "
        f"{median(cpu):.3f} s CPU {measured.spread(cpu)}, "
        f"wall {median(each.wall for each in idle):.3f} s"
    )


if __name__ == "__main__" and not measured.as_child(act):
    count, turns = measured.sizes(10_000, _ROUNDS)
    verbs(turns)
    ticks(count, turns)
