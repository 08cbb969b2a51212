"""Run the tests of a room on mutants of it, one at a time, and print those that nobody noticed.

    python -m sxe_pipeline_tests.mutation redact gate --mutants 60 --seed 1

Each mutant is one changed file in a copy of the tree that stands first on the import path, so the
ordinary tests run on it; a changed SQL file reaches the database by the ordinary migration. A
result is kept, so a run that was stopped goes on where it was.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

from sxe_pipeline_tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".mutation"
PATIENCE = 5
"""Times the untouched tests' own duration: a mutant may have made a loop endless."""


def sources(room: str) -> list[Path]:
    """What is mutated of a room: its living SQL where it has some, else its Python."""
    folder = Path("sxe_pipeline") / room
    found = sorted((ROOT / folder).glob("sql/**/*.sql")) or sorted((ROOT / folder).glob("*.py"))
    return [file.relative_to(ROOT) for file in found]


def sample(room: str, count: int, seed: int) -> list[Mutant]:
    """`count` mutants of a room, of each kind alike.

    A larger sample of the same seed begins with the smaller one.
    """
    kinds: dict[str, list[Mutant]] = {}
    for file in sources(room):
        for mutant in mutants(file, (ROOT / file).read_text()):
            kinds.setdefault(mutant.kind, []).append(mutant)
    for kind in kinds.values():
        random.Random(seed).shuffle(kind)
    rounds = itertools.zip_longest(*(kinds[name] for name in sorted(kinds)))
    return [mutant for one in rounds for mutant in one if mutant][:count]


class Copy:
    """A copy of the tree, in which one file at a time is wrong."""

    def __init__(self, folder: Path, room: str) -> None:
        self.folder, self.room = folder, room
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)

    def run(self, mutant: Mutant | None, order: dict[str, float], patience_s: float) -> dict:
        """The report of the room's tests; they stop at the first red one."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        if mutant:
            (self.folder / mutant.file).write_text(mutant.mutated)
        try:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly"),
                    *("-p", "no:cacheprovider", "-p", f"{__package__}.order"),
                    *("--basetemp", str(self.folder / "tmp"), f"sxe_pipeline_tests/{self.room}"),
                ],
                cwd=self.folder,
                env=os.environ
                | {
                    "PYTHONPATH": str(self.folder),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "SXE_MUTATION_ORDER": json.dumps(order),
                    "SXE_MUTATION_REPORT": str(report),
                },
                capture_output=True,
                text=True,
                timeout=patience_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"code": 1, "failed": ["(too slow)"], "seconds": {}}
        finally:
            if mutant:
                (self.folder / mutant.file).write_text(mutant.text)
        told = json.loads(report.read_text()) if report.exists() else {"failed": [], "seconds": {}}
        return told | {"code": done.returncode, "output": done.stdout[-2000:]}


class Rounds:
    """The mutants of one room, tried one after the other in each copy."""

    def __init__(self, room: str, base: Path, jobs: int) -> None:
        KEPT.mkdir(exist_ok=True)
        self.room, self.file, self.lock = room, KEPT / f"{room}.jsonl", Lock()
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        self.results = {(row := json.loads(line))["id"]: row for line in lines}
        self.copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(jobs):
            folder = base / f"{room}-{number}"
            folder.mkdir()
            self.copies.put(Copy(folder, room))
        self.jobs, self.order, self.patience_s = jobs, {}, 3600.0
        self.killers = Counter(row["by"] for row in self.results.values() if row["by"])

    def learn(self) -> None:
        """Run the untouched tests: they must be green, and tell how long each takes."""
        copy = self.copies.get()
        start = time.monotonic()
        told = copy.run(None, {}, self.patience_s)
        self.copies.put(copy)
        if told["code"]:
            sys.exit(f"the tests of {self.room} fail without a mutant: {told['output']}")
        self.order = told["seconds"]
        self.patience_s = 60 + PATIENCE * (time.monotonic() - start)

    def try_all(self, chosen: list[Mutant]) -> None:
        """Try what has no result yet."""
        left = [mutant for mutant in chosen if mutant.id not in self.results]
        if left:
            self.learn()
        with ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(self._try, left))

    def _try(self, mutant: Mutant) -> None:
        copy = self.copies.get()
        # Who noticed many is asked first, then the quickest.
        order = self.order | {name: -float(times) for name, times in self.killers.items()}
        told = copy.run(mutant, order, self.patience_s)
        self.copies.put(copy)
        if told["code"] < 0:
            raise InterruptedError(f"the tests were ended by signal {-told['code']}; run it again")
        by = (told["failed"] or ["(nothing ran)"])[0] if told["code"] else None
        row = {"id": mutant.id, "mutant": str(mutant), "by": by}
        with self.lock:
            self.results[mutant.id] = row
            if by:
                self.killers[by] += 1
            with self.file.open("a") as out:
                out.write(json.dumps(row) + "\n")
        print(f"{'killed  ' if by else 'SURVIVED'} {mutant}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="+", help="rooms with sql/, or with Python")
    parser.add_argument("--mutants", type=int, default=50, help="of each room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    answers = {}
    with tempfile.TemporaryDirectory(prefix="sxe-mutation-", ignore_cleanup_errors=True) as base:
        for room in options.rooms:
            chosen = sample(room, options.mutants, options.seed)
            rounds = Rounds(room, Path(base), options.jobs)
            rounds.try_all(chosen)
            rows = [rounds.results[mutant.id] for mutant in chosen]
            alive = [row["mutant"] for row in rows if not row["by"]]
            answers[room] = {"tried": len(rows), "survived": len(alive), "survivors": alive}
    if options.json:
        print(json.dumps(answers))
        return
    for room, answer in answers.items():
        killed = answer["tried"] - answer["survived"]
        print(f"{room}: {killed} of {answer['tried']} mutants killed")
        for survivor in answer["survivors"]:
            print(f"  {survivor}")


if __name__ == "__main__":
    main()
