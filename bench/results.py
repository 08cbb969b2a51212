"""Every benchmark at one size: what it printed, and each goal met or missed, in bench/results.md.

Usage: python bench/results.py [SIZE] [BENCHMARK ...]    (SIZE: 100k, 1M, 10M; `make bench SIZE=1M`)

They run one after the other, as what runs beside one falsifies it. What fails or cannot be had is
said by its name and the rest goes on; the end is always 0, as a goal that is missed is a figure and
no fault. Where the machine did something else meanwhile, the page says so. SIZE scales what grows
with rows; what costs the same whatever the size runs as it always does.
"""

import datetime as dt
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import measured

_HERE = Path(__file__).parent
_SAID = re.compile(r"\bgoal .*?: ?(met|missed)\b")
_LOOK_S = 3
_BUSY = 0.3
"""Cores that others take at most on a machine that is called quiet."""


class Run(NamedTuple):
    """One start of a benchmark: its lines, and how many cores others took right before it."""

    title: str
    lines: Sequence[str]
    wall: float
    others: float
    is_whole: bool


def plan(size: int) -> dict[str, list[str]]:
    """Benchmark and its arguments, in the order in which they run."""
    of_size = str(size)
    day = [of_size, str(size // 5), str(size // 500)]
    return {
        "tier1": [of_size, "3" if size <= 1_000_000 else "1"],
        "reading": ["100k"],
        "redaction": ["100k"],
        "labels": ["10k"],
        "day": day,
        "day, 60 days": ["--days", "60"],
        "identities": [of_size, "3" if size < 1_000_000 else "1"],
        "export": [of_size, "4"],
        "engine": ["100k"],
        "fixed": [],
        "audit": ["200k"],
        "gate": [],
        "notices": [],
        "api": [],
    }


def _ran(title: str, given: Sequence[str]) -> Run:
    command = [sys.executable, str(_HERE / f"{title.split(',')[0]}.py"), *given]
    print(f"== {title} {' '.join(given)}", flush=True)
    lines = []
    others, began = _others(), time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    wall = time.perf_counter() - began
    if child.returncode:
        lines.append(f"it ended with {child.returncode}")
    return Run(title, lines, wall, others, not child.returncode)


def _others() -> float:
    """How many cores are at work while we wait."""
    before = _machine_cpu()
    time.sleep(_LOOK_S)
    return (_machine_cpu() - before) / _LOOK_S


def _machine_cpu() -> float:
    """CPU seconds that the whole machine was not idle."""
    line = Path("/proc/stat").read_text().splitlines()[0]
    user, nice, system, _, _, irq, soft, *_ = map(int, line.split()[1:])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def goals(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    """Benchmark and the line of each goal: as it was printed, or that nothing measured it."""
    printed = [(run.title, line) for run in runs for line in run.lines if _SAID.search(line)]
    yield from printed
    for goal in measured.GOALS.values():
        if not any(line.startswith(f"goal {goal.what}: ") for _, line in printed):
            yield goal.bench, f"goal {goal.what}: not measured"


def page(size: str, runs: Sequence[Run], commit: str) -> str:
    """What stands in results.md."""
    others = max(run.others for run in runs)
    busy = "else quiet" if others <= _BUSY else f"**busy**, others took up to {others:.1f} cores"
    lines = [
        "# Results",
        "",
        f"Written by `make bench SIZE={size}` on {dt.datetime.now(dt.UTC):%Y-%m-%d} "
        f"of {commit}: {_machine()}; {busy}.",
        "Rates and seconds are this machine's, ratios are of rounds in turns; ± is half of the "
        "distance between the rounds",
        "of a row, its noise. A goal for another size is not measured, nor one of a run that was "
        f"left out: here are {len(runs)} of {len(plan(measured.size(size)))}.",
        "",
        "| benchmark | goal | |",
        "|---|---|---|",
    ]
    for bench, line in goals(runs):
        what, _, said = line[line.index("goal ") + 5 :].partition(": ")
        lines.append(f"| {bench} | {what} | {said} |")
    for run in runs:
        lines += [
            "",
            f"## {run.title}",
            "",
            f"{run.wall:,.0f} s.",
            "",
        ]
        lines += ["```", *run.lines, "```"]
    return "\n".join(lines) + "\n"


def _machine() -> str:
    """Processor, cores, memory and Python; no name of the machine."""
    known = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return (
        f"{known[1] if known else platform.machine()}, {cores} cores, {memory:.0f} GB, "
        f"Python {platform.python_version()}"
    )


def _commit() -> str:
    """The commit of the tree, and whether it was edited since."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=_HERE, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    edited = git("status", "--porcelain", "--untracked-files=no", "--", ":!results.md", ":!days.*")
    return (git("rev-parse", "--short", "HEAD") or "no commit") + (" with edits" if edited else "")


def main(size: str, chosen: Sequence[str]) -> None:
    """Run them, print every goal, write the page."""
    commit, runs = _commit(), []
    for title, given in plan(measured.size(size)).items():
        if not chosen or title.split(",")[0] in chosen:
            runs.append(_ran(title, given))
            (_HERE / "results.md").write_text(page(size, runs, commit))
    print("== goals")
    for bench, line in goals(runs):
        print(f"{bench:14} {line}")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "100k", sys.argv[2:])
