"""What every benchmark measures alike, and the goals that they are held to.

Here: sizes, CPU and peak of this process, acts in turns, acts in a process of their own, the table
of goals and the one form in which they are printed. Not here: what is timed, and how (each
benchmark); running them all (`results`).
"""

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_SERVER = "BENCH_POSTMASTER"
_UNITS = {"k": 1_000, "M": 1_000_000}


class Goal(NamedTuple):
    """What a benchmark is held to: `limit` at most, or at least; `unit` is how it is written."""

    bench: str
    what: str
    limit: float
    unit: str = ""
    is_least: bool = False


GOALS = {
    "api": Goal("api", "p95 at 20 requests a second beside a build", 100, " ms"),
    "audit_seal": Goal("audit", "events sealed a second", 13_000, "", is_least=True),
    "audit_verify": Goal("audit", "events verified a second", 20_000, "", is_least=True),
    "audit_bytes": Goal("audit", "bytes of an event's payload", 600),
    "first_1M": Goal("day", "first build of 1,000,000 accounts", 245, " CPU-s"),
    "day_200k_1M": Goal("day", "200,000 rows onto 1,000,000 accounts", 75, " CPU-s"),
    "day_2k_1M": Goal("day", "2,000 rows onto 1,000,000 accounts", 35, " CPU-s"),
    "day_200k_8M": Goal("day", "200,000 rows onto 8,000,000 accounts", 350, " CPU-s"),
    "day_peak": Goal("day", "peak of an act", 2, " GB"),
    "days_disk": Goal("day", "disk to what is live, after 30 days", 3, "x"),
    "days_peak": Goal("day", "peak of the last days to those of the first", 1.25, "x"),
    "engine_redact": Goal("engine", "redaction by two processes", 1.7, "x", is_least=True),
    "engine_cards": Goal("engine", "cards by two processes", 1.7, "x", is_least=True),
    "export_cpu": Goal("export", "CPU to DuckDB's COPY of 1,000,000 cards", 0.9, "x"),
    "export_peak": Goal("export", "peak of 1,000,000 cards", 1.2, " GB"),
    "version": Goal("fixed", "sxe --version", 150, " ms"),
    "gate": Goal("gate", "permit to the bare update of a budget, no wait", 0.4, "", is_least=True),
    "gate_on_disk": Goal(
        "gate", "permit to the bare update of a budget, on disk", 0.4, "", is_least=True
    ),
    "link_precision": Goal("identities", "pairs right, of pairs found", 0.96, "", is_least=True),
    "link_recall": Goal("identities", "pairs found, of pairs", 0.83, "", is_least=True),
    "link_time": Goal("identities", "1,000,000 profiles linked", 35, " s"),
    "link_peak": Goal("identities", "peak of 1,000,000 profiles", 4, " GB"),
    "labels": Goal("labels", "new cards labeled a second and core", 6_000, "", is_least=True),
    "notices": Goal("notices", "notices lost", 0),
    "reading": Goal("reading", "rows read and mapped a second and core", 60_000, "", is_least=True),
    "observing": Goal("reading", "rows observed a second and core", 20_000, "", is_least=True),
    "redact_listed": Goal("redaction", "recall of listed ways", 0.999, "", is_least=True),
    "redact_bios": Goal("redaction", "bios a second and core", 80_000, "", is_least=True),
    "redact_long": Goal("redaction", "worst 2,000 characters", 25, " ms"),
    "redact_longest": Goal("redaction", "worst 100,000 characters", 1_000, " ms"),
    "tier1": Goal("tier1", "files to profiles, redacted, to bare DuckDB", 4, "x"),
    "tier1_mapped": Goal("tier1", "read, mapped, newest, to bare DuckDB", 1.3, "x"),
    "tier1_peak": Goal("tier1", "peak of files to profiles", 2, " GB"),
}
"""Each is printed by its benchmark, where it measures it at the size that the goal is for."""


def judge(name: str, value: float) -> bool:
    """Print whether a goal is met, in the form that `results` reads; whether it is.

    Args:
        name: A key of `GOALS`.
        value: What was measured, in the goal's unit.
    """
    goal = GOALS[name]
    is_met = value >= goal.limit if goal.is_least else value <= goal.limit
    said = "met" if is_met else "missed"
    bound = "at least" if goal.is_least else "at most"
    print(
        f"goal {goal.what}: {said}, {_shown(value)}{goal.unit} "
        f"({bound} {_shown(goal.limit)}{goal.unit})",
        flush=True,
    )
    return is_met


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def size(text: str) -> int:
    """A number as it is typed: 100k, 1M, or digits.

    Raises:
        ValueError: It is none.
    """
    unit = _UNITS.get(text[-1:])
    return int(text[:-1]) * unit if unit else int(text)


def sizes(*defaults: int) -> list[int]:
    """The numbers of the command line, and the default of each that is not given."""
    given = [size(word) for word in sys.argv[1:]]
    return [*given, *defaults[len(given) :]]


def cpu() -> float:
    """CPU seconds of this process with all its threads, and of children that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peak_mb() -> float:
    """Of this process alone: `getrusage` counts what its parent held when it was started."""
    [line] = [n for n in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in n]
    return int(line.split()[1]) / 1024


def disk_mb(root: Path) -> float:
    """What lies below a folder."""
    return sum(file.stat().st_size for file in root.rglob("*") if file.is_file()) / 2**20


class Taken(NamedTuple):
    """What an act in a process of its own took, after its libraries were loaded.

    `cpu` counts threads, ended children and the database, `peak_mb` includes the libraries; `found`
    is what the act answered.
    """

    cpu: float
    wall: float
    peak_mb: float
    found: Mapping[str, float]


def apart(
    file: str, act: str, *given: object, python: str = sys.executable, postmaster: int | None = None
) -> Taken:
    """Run an act of a benchmark in a process of its own: its file ends in `as_child`.

    Args:
        file: The benchmark, `__file__`.
        act: The name of the act there.
        given: Its arguments, as text.
        python: What runs it.
        postmaster: The server whose CPU meanwhile is the act's, too.

    Raises:
        SystemExit: It failed; the end of what it wrote to stderr.
    """
    command = [python, file, "--act", act, *map(str, given)]
    env = os.environ | ({_SERVER: str(postmaster)} if postmaster else {})
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise SystemExit(f"{act} failed:\n{done.stderr[-2_000:]}")
    return Taken(**json.loads(done.stdout.splitlines()[-1]))


def as_child(act: Callable[..., Iterator[Mapping[str, float]]]) -> bool:
    """Run what `apart` asked for and print what it took; whether something was asked for.

    Args:
        act: Yields once when its libraries are loaded, and then what it found; it is given the name
            of the act and its arguments.
    """
    if sys.argv[1:2] != ["--act"]:
        return False
    steps = act(*sys.argv[2:])
    next(steps)
    server = os.environ.get(_SERVER)

    def spent() -> float:
        return cpu() + (server_cpu(int(server)) if server else 0.0)

    began, before = time.perf_counter(), spent()
    found = next(steps)
    taken = Taken(spent() - before, time.perf_counter() - began, peak_mb(), found)
    print(json.dumps(taken._asdict()))
    return True


def in_turns(acts: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each act in each round: another load on the machine meets all alike."""
    spent: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(rounds):
        for name, act in acts.items():
            began = time.process_time()
            act()
            spent[name].append(time.process_time() - began)
    return spent


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The middle one of the ratios of each round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def spread(values: Sequence[float]) -> str:
    """How far the rounds of one row lie apart: the noise of the machine."""
    middle = statistics.median(values)
    return f"±{(max(values) - min(values)) / 2 / middle:.0%}" if middle else "±0%"


def server_cpu(postmaster: int) -> float:
    """CPU seconds that a Postgres server has used, ended backends included."""
    ticks = sum(map(int, _stat(Path(f"/proc/{postmaster}"))[11:15]))
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = _stat(process)
            ticks += sum(map(int, stat[11:13])) if int(stat[1]) == postmaster else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def postmaster_of(backend: int) -> int:
    """The parent of a backend."""
    return int(_stat(Path(f"/proc/{backend}"))[1])


def _stat(process: Path) -> list[str]:
    """Fields of a process after its name: state, parent, ..."""
    return (process / "stat").read_text().rpartition(") ")[2].split()
