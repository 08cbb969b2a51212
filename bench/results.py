"""Every benchmark at one size: what it printed, and each goal met or missed, in bench/results.md.

Usage: python bench/results.py [SIZE] [BENCHMARK ...]    (SIZE: 100k, 1M, 10M; `make bench SIZE=1M`)

They run one after the other, as what runs beside one falsifies it. Where some are named, these run
again and the others stay as they were at that size. What fails or cannot be had is said by its name
and the rest goes on; the end is always 0, as a goal that is missed is a figure and no fault. Where
the machine did something else meanwhile, the page says so. SIZE scales what grows with rows; what
costs the same whatever the size runs as it always does.
"""

import datetime as dt
import json
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


_KEPT = _HERE / "results.json"
"""The runs of the last page, for the next one where only some run again; it is not committed."""


class Run(NamedTuple):
    """One start of a benchmark: its lines, and how many cores others took right before it.

    `of`: the day and the commit.
    """

    title: str
    lines: Sequence[str]
    wall: float
    others: float
    of: str


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
        **({"identities, beside Splink": ["100k", "3"]} if size > 300_000 else {}),
        "export": [of_size, "4"],
        "engine": ["400k"],
        "fixed": [],
        "audit": ["200k"],
        "gate": [],
        "notices": [],
        "api": [],
    }


def _ran(title: str, given: Sequence[str], of: str) -> Run:
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
    return Run(title, lines, wall, others, of)


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


def page(size: str, runs: Sequence[Run]) -> str:
    """What stands in results.md."""
    lines = [
        "# Results",
        "",
        f"Written by `make bench SIZE={size}`: {_machine()}.",
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
        is_quiet = run.others <= _BUSY
        busy = "else quiet" if is_quiet else f"**busy**, others took {run.others:.1f} cores"
        lines += ["", f"## {run.title}", "", f"{run.wall:,.0f} s, {run.of}; {busy}.", ""]
        lines += ["```", *run.lines, "```"]
    return "\n".join(lines) + "\n"


def kept(size: str) -> dict[str, Run]:
    """The runs of the last page by their titles; none where it was of another size."""
    try:
        held = json.loads(_KEPT.read_text())
    except FileNotFoundError:
        return {}
    return {row[0]: Run(*row) for row in held["runs"]} if held["size"] == size else {}


def keep(size: str, runs: Sequence[Run]) -> None:
    """Write the page, and what the next one may be made of."""
    (_HERE / "results.md").write_text(page(size, runs))
    _KEPT.write_text(json.dumps({"size": size, "runs": runs}))


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
    of, planned = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {_commit()}", plan(measured.size(size))
    runs = kept(size) if chosen else {}
    for title, given in planned.items():
        if not chosen or title.split(",")[0] in chosen:
            runs[title] = _ran(title, given, of)
            keep(size, [runs[each] for each in planned if each in runs])
    print("== goals")
    for bench, line in goals([runs[each] for each in planned if each in runs]):
        print(f"{bench:14} {line}")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "100k", sys.argv[2:])
