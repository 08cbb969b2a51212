"""The engine of one machine: what a second process brings, for redaction and for cards.

Usage: python bench/engine.py [ACCOUNTS]

Landed rows of the invented world are redacted, and cards made of them, by the acts of the product:
in this process, then by two workers, in turns. Rows come in pieces of 10,000 to redaction and of
4,096 to cards; each account is a card of its own, and no label is known from before. Wall seconds,
and CPU seconds here and in the workers; the start of workers and what they load is timed apart and
taken off. The best of three turns each, the ratio is the middle one. The checksum of what was made
is the same, or the bench fails. On a machine that does something else, walls say little: what stays
is the CPU, of which two workers share theirs and nobody shares what is spent here.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import measured
import pyarrow as pa

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import making, taxonomy
from sxe_pipeline.cards.in_force import InForce
from sxe_pipeline.cards.labeler import weights
from sxe_pipeline.engine import Act, Local, checksum
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file
from sxe_pipeline.privacy.policy import Policy
from sxe_pipeline.sandbox import landing
from sxe_pipeline.schema.tables import LANDED_ROW
from sxe_pipeline.social import redacting
from sxe_pipeline.social.detectors import Detectors

_DAY = date(2026, 9, 1)
_TURNS = 3
_SHAPES = ("x_graphql", "x_archive", "x_builders", "tiktok", "partner_segment")
_TO_REDACT, _TO_MAKE = 10_000, 4_096


def members(landed_rows: pa.Table) -> pa.Table:
    """Rows of `making.MEMBER`: the accounts as they were redacted, each a card of its own."""
    redaction = redacting.act(_DAY, Detectors())
    made = Local(1).run(landed_rows.to_reader(max_chunksize=_TO_REDACT), redaction)
    seen = pa.Table.from_batches([redacting.parted(each)[0] for each in made])
    count = seen.num_rows
    known = {
        "card_id": pa.array([f"card_{number:09}" for number in range(count)]),
        "is_suppressed": pa.repeat(False, count),
        "basis": pa.repeat("self", count),
        "first_seen_at": seen["observed_at"],
        "collections": pa.array([["bench"]] * count),
        "post_hashtags": pa.array([[]] * count, pa.list_(pa.string())),
        "post_terms": pa.array([[]] * count, pa.list_(pa.string())),
        "told": pa.nulls(count, making.MEMBER.field("told").type),
    }
    columns = [
        known.get(f.name, seen[f.name] if f.name in seen.column_names else None)
        for f in making.MEMBER
    ]
    return pa.table(
        [column.cast(f.type) for column, f in zip(columns, making.MEMBER, strict=True)],
        schema=making.MEMBER,
    )


def in_force() -> InForce:
    """The shipped labels, no collection that declares anything, a policy that is closed."""
    labels = taxonomy.load(contracts_root() / "taxonomy")
    return InForce(labels, {}, _DAY, Policy("bench", {}), weights.shipped(labels))


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


def _spent(act: Act, rows: pa.Table, piece: int, processes: int) -> tuple[float, float, float, int]:
    """Wall seconds, CPU seconds here and in workers, the checksum."""
    whose = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    before = [resource.getrusage(each) for each in whose]
    began = time.perf_counter()
    total = checksum(Local(processes).run(rows.to_reader(max_chunksize=piece), act))
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
    rows = landed(accounts)
    for name, goal, act, given, piece in (
        ("redact", "engine_redact", redacting.act(_DAY, Detectors()), rows, _TO_REDACT),
        ("cards", "engine_cards", making.act(in_force()), members(rows), _TO_MAKE),
    ):
        few = given.slice(0, 64)
        start = _spent(act, few, 32, 2)
        print(f"{name:7} start of two: {start[0]:.1f} s, CPU {start[1] + start[2]:.1f} s")
        _spent(act, few, 32, 1)
        turns = [[_spent(act, given, piece, count) for count in (1, 2)] for _ in range(_TURNS)]
        if len({turn[3] for pair in turns for turn in pair}) != 1:
            print(f"{name}: one and two processes made different rows")
            return 1
        for number, processes in enumerate((1, 2)):
            wall, here, there, _ = min(pair[number] for pair in turns)
            print(
                f"{name:7} {processes} processes, {given.num_rows} rows: {wall:6.1f} s, "
                f"CPU {here:6.1f} s here, {there:6.1f} s in workers"
            )
        quicker = _middle(one[0] / (two[0] - start[0]) for one, two in turns)
        dearer = _middle((two[1] + two[2] - start[1] - start[2]) / one[1] for one, two in turns)
        alone = _middle(one[1] / (two[1] + (two[2] - start[2]) / 2) for one, two in turns)
        print(
            f"{name:7} by two {quicker:.2f} x as quick, {dearer:.2f} x the CPU; with two cores of "
            f"its own {alone:.2f} x as quick, by its CPU"
        )
        measured.judge(goal, quicker)
    return 0


if __name__ == "__main__":
    sys.exit(main(*measured.sizes(40_000)))
