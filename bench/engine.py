"""The engine of one machine: what a second process brings, for redaction and for cards.

Usage: python bench/engine.py [ACCOUNTS]

Landed rows of the invented world are redacted, and cards made of them, by the acts of the product:
in this process, then by two workers, in turns. Rows come in pieces of 40,000 to redaction and of
4,096 to cards, as in the product, cards of a quarter of the rows; each account is a card of its
own, and no label is known from before. Each turn is a process of its own, as who has seen a text
remembers some of it. Wall seconds, and CPU seconds here and in the workers; the start of workers
and what they load is timed apart and taken off. The best of three turns each, the ratio is the
middle one. The checksum of what was made is the same, or the bench fails. On a machine that does
something else, walls say little: what stays is the CPU, of which two workers share theirs and
nobody shares what is spent here.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import measured
import pyarrow as pa

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import making, taxonomy
from sxe_pipeline.cards.in_force import InForce
from sxe_pipeline.cards.labeler import weights
from sxe_pipeline.engine import Local, checksum
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
_TO_REDACT, _TO_MAKE, _FEW = 40_000, 4_096, 64


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


def act(name: str, file: str, piece: str, processes: str) -> Iterator[dict[str, float]]:
    """Run an act over the rows of a file: CPU seconds here, and the checksum of what it made."""
    chosen = redacting.act(_DAY, Detectors()) if name == "redact" else making.act(in_force())
    with pa.memory_map(file) as opened:
        rows = pa.ipc.open_file(opened).read_all()
    checksum(Local().run(rows.slice(0, _FEW).to_reader(), chosen))
    yield {}
    began = time.process_time()
    total = checksum(Local(int(processes)).run(rows.to_reader(max_chunksize=int(piece)), chosen))
    yield {"here": time.process_time() - began, "checksum": total}


def _written(file: Path, rows: pa.Table) -> Path:
    with pa.ipc.new_file(file, rows.schema) as opened:
        opened.write_table(rows)
    return file


def _compared(name: str, goal: str, rows: pa.Table, piece: int, folder: Path) -> None:
    few = _written(folder / f"{name}.few", rows.slice(0, _FEW))
    file = _written(folder / name, rows)
    start = measured.apart(__file__, name, few, _FEW // 2, 2)
    print(f"{name:7} start of two: {start.wall:.1f} s, CPU {start.cpu:.1f} s")
    turns = [
        [measured.apart(__file__, name, file, piece, count) for count in (1, 2)]
        for _ in range(_TURNS)
    ]
    if len({turn.found["checksum"] for pair in turns for turn in pair}) != 1:
        raise SystemExit(f"{name}: one and two processes made different rows")
    for number, processes in enumerate((1, 2)):
        best = min((pair[number] for pair in turns), key=lambda taken: taken.wall)
        here = best.found["here"]
        print(
            f"{name:7} {processes} processes, {rows.num_rows} rows: {best.wall:6.1f} s, "
            f"CPU {here:6.1f} s here, {best.cpu - here:6.1f} s in workers"
        )
    quicker = median(one.wall / (two.wall - start.wall) for one, two in turns)
    dearer = median((two.cpu - start.cpu) / one.cpu for one, two in turns)
    alone = median(
        one.cpu / (_here(two) + (two.cpu - start.cpu - _here(two)) / 2) for one, two in turns
    )
    print(
        f"{name:7} by two {quicker:.2f} x as quick, {dearer:.2f} x the CPU; with two cores of "
        f"its own {alone:.2f} x as quick, by its CPU"
    )
    measured.judge(goal, quicker)


def _here(taken: measured.Taken) -> float:
    return taken.found["here"]


def main(accounts: int) -> None:
    """Print a line per act and number of processes."""
    with tempfile.TemporaryDirectory() as folder:
        rows = landed(accounts)
        _compared("redact", "engine_redact", rows, _TO_REDACT, Path(folder))
        some = members(rows.slice(0, rows.num_rows // 4))
        _compared("cards", "engine_cards", some, _TO_MAKE, Path(folder))


if __name__ == "__main__" and not measured.as_child(act):
    main(*measured.sizes(400_000))
