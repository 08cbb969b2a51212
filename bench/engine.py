"""The engine of one machine: what a second process brings, for redaction and for labels.

Usage: python bench/engine.py [ACCOUNTS]

Landed rows of the invented world are redacted, and their bios labeled, as acts of the engine: in
this process, then by two workers, in turns. Wall seconds, and CPU seconds here and in the workers;
the start of workers and what they load is timed apart and taken off. The best of three turns each,
the ratio is the middle one. The checksum of what was made is the same, or the bench fails. On a
machine that does something else, walls say little: what stays is the CPU, of which two workers
share theirs and nobody shares what is spent here.
"""

import functools
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import pyarrow as pa

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import taxonomy, text, truth
from sxe_pipeline.cards.labeler import learned, weights
from sxe_pipeline.engine import Act, Local, checksum
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file
from sxe_pipeline.sandbox import landing
from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION
from sxe_pipeline.social.redaction import redact_rows

_DAY = date(2026, 9, 1)
_TURNS = 3
_GOAL = 1.7
_SHAPES = ("x_graphql", "x_archive", "x_builders", "tiktok", "partner_segment")
_LABELS = pa.schema([("persona", pa.string()), ("tribe", pa.string())])
_READ = ("platform", "handle", "display_name", "bio", "follower_count")


def redact(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        yield redact_rows(batch, _DAY)[0]


@functools.cache
def _trained() -> tuple[taxonomy.Taxonomy, weights.Weights]:
    labels = taxonomy.load(contracts_root() / "taxonomy")
    return labels, weights.shipped(labels)


def label(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        languages = text.Languages()
        voices = [truth.voice_of(row) for row in batch.to_pylist()]
        cards = [learned.Said([v._replace(language=languages.of(v.bio))]) for v in voices]
        found = learned.label_all(cards, *_trained())
        columns = [[each.persona for each in found], [each.tribe for each in found]]
        yield pa.record_batch([pa.array(c, pa.string()) for c in columns], schema=_LABELS)


def landed(accounts: int) -> pa.Table:
    """Rows of every file that can be read, in the columns of a landed row."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        landing.write_landing(root, seed=7, days=(_DAY,), accounts=accounts)
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            if path.relative_to(root).parts[0].startswith(_SHAPES) and "json" in path.name:
                with path.open("rb") as opened:
                    pieces = read_file(
                        opened,
                        name=path.name,
                        file_sha256="0" * 64,
                        collection="bench",
                        registered_at=datetime(2026, 11, 1, tzinfo=UTC),
                        mappings=mappings(None),
                    )
                    found += [piece.rows for piece in pieces]
    return pa.Table.from_batches(found, LANDED_ROW.schema).combine_chunks()


def _spent(act: Act, rows: pa.Table, processes: int) -> tuple[float, float, float, int]:
    """Wall seconds, CPU seconds here and in workers, the checksum."""
    whose = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    before = [resource.getrusage(each) for each in whose]
    began = time.perf_counter()
    total = checksum(Local(processes).run(rows.to_reader(max_chunksize=1_024), act))
    wall = time.perf_counter() - began
    after = [resource.getrusage(each) for each in whose]
    cpu = [
        b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime
        for a, b in zip(before, after, strict=True)
    ]
    return wall, cpu[0], cpu[1], total


def _middle(ratios: Iterable[float]) -> float:
    return sorted(ratios)[_TURNS // 2]


def main(accounts: int) -> int:
    """Print a line per act and number of processes."""
    # By its own name: workers import this module, and know no `__main__`.
    import engine as own

    rows = landed(accounts)
    read = pa.schema([LANDED_ROW.schema.field(name) for name in _READ])
    for name, act in (
        ("redact", Act(own.redact, LANDED_ROW.schema, OBSERVATION.schema)),
        ("label", Act(own.label, read, _LABELS)),
    ):
        few = rows.slice(0, 2_048)
        start = _spent(act, few, 2)
        print(f"{name:7} start of two: {start[0]:.1f} s, CPU {start[1] + start[2]:.1f} s")
        _spent(act, few, 1)
        turns = [[_spent(act, rows, processes) for processes in (1, 2)] for _ in range(_TURNS)]
        if len({turn[3] for pair in turns for turn in pair}) != 1:
            print(f"{name}: one and two processes made different rows")
            return 1
        for number, processes in enumerate((1, 2)):
            wall, here, there, _ = min(pair[number] for pair in turns)
            print(
                f"{name:7} {processes} processes, {rows.num_rows} rows: {wall:6.1f} s, "
                f"CPU {here:6.1f} s here, {there:6.1f} s in workers"
            )
        quicker = _middle(one[0] / (two[0] - start[0]) for one, two in turns)
        dearer = _middle((two[1] + two[2] - start[1] - start[2]) / one[1] for one, two in turns)
        alone = _middle(one[1] / (two[1] + (two[2] - start[2]) / 2) for one, two in turns)
        said = "met" if quicker >= _GOAL else "missed"
        print(
            f"{name:7} by two {quicker:.2f} x as quick (goal {_GOAL}: {said}), {dearer:.2f} x the "
            f"CPU; with two cores of its own {alone:.2f} x as quick, by its CPU"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40_000))
