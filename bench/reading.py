"""Reading and observing: rows a second per kind of file, beside the floor of decoding alone.

Usage: python bench/reading.py [ACCOUNTS]

The landing tree of the invented world, made for the run; of 100,000 accounts, the smallest of the
five files holds some 3,000 rows and what a file costs once no longer shows. The floor is what the
format alone costs: msgspec for JSON Lines, `csv.DictReader` for CSV; the ratio says what
recognising, mapping and Arrow batches add. Then all of `observe` up to its rows: read, map, redact,
scan. Ours and the floor take turns, so that another load on the machine meets both: read the
ratios. CPU seconds of one thread, the best of three turns; the ratio is the middle one. The goal
is for all files together, on a machine that does nothing else.
"""

import contextlib
import csv
import gzip
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import msgspec
import pyarrow as pa

from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file
from sxe_pipeline.sandbox import landing
from sxe_pipeline.schema.landed import Landed
from sxe_pipeline.social.redaction import redact_rows

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_TURNS = 3
_GOAL = 60_000
"""Rows a second and core that are read and mapped."""
_LARGEST = (
    ("x_graphql_2023", "x_archive/*/users_2023.jsonl.gz"),
    ("x_graphql_2026", "x_builders_list/*/members.jsonl"),
    ("tiktok_web_user", "tiktok_kitchen_hashtag/*/details.jsonl.zst"),
    ("tiktok_vendor", "partner_segment/*/tiktok.csv"),
    ("x_vendor_profiles", "partner_segment/*/x_profiles.csv.gz"),
)


Act = Callable[[bytes, str], int]


def _plain(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        return pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    return data


def _landed(data: bytes, name: str) -> Iterator[Landed]:
    return read_file(
        io.BytesIO(data),
        name=name,
        file_sha256="0" * 64,
        collection="bench",
        registered_at=_NOW,
        mappings=mappings(None),
    )


def _read(data: bytes, name: str) -> int:
    return sum(len(piece.rows) + len(piece.rejects) for piece in _landed(data, name))


def _decoded(data: bytes, name: str) -> int:
    if name.endswith(".csv"):
        return sum(1 for _ in csv.DictReader(io.StringIO(data.decode())))
    decode = msgspec.json.Decoder().decode
    count = 0
    for line in data.splitlines():
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            decode(line)
        count += 1
    return count


def _observed(data: bytes, name: str) -> int:
    return sum(redact_rows(piece.rows, _NOW.date())[0].num_rows for piece in _landed(data, name))


def _in_turns(acts: list[Act], data: bytes, name: str) -> list[list[float]]:
    """CPU seconds of each act in each turn."""
    spent: list[list[float]] = [[] for _ in acts]
    for _ in range(_TURNS):
        for act, seconds in zip(acts, spent, strict=True):
            began = time.process_time()
            act(data, name)
            seconds.append(time.process_time() - began)
    return spent


def main(accounts: int) -> None:
    """Print a line per kind of file, and one for all."""
    whole, reading, observing, least = 0, 0.0, 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        landing.write_landing(root, seed=7, days=(date(2026, 9, 1),), accounts=accounts)
        for shape, pattern in _LARGEST:
            path = next(iter(sorted(root.glob(pattern))))
            name = path.name.removesuffix(".gz").removesuffix(".zst")
            data = _plain(path)
            rows = _read(data, name)
            ours, floor, observe = _in_turns([_read, _decoded, _observed], data, name)
            ratio = sorted(a / b for a, b in zip(ours, floor, strict=True))[_TURNS // 2]
            whole, reading, observing = whole + rows, reading + min(ours), observing + min(observe)
            least += min(floor)
            print(
                f"{shape:20} {rows:7} rows, a second: read and map {rows / min(ours):9,.0f} "
                f"({ratio:.1f}x the time of decoding), observe {rows / min(observe):9,.0f}"
            )
    print(
        f"{'all':20} {whole:7} rows, a second: read and map {whole / reading:9,.0f} "
        f"({reading / least:.1f}x the time of decoding), observe {whole / observing:9,.0f}"
    )
    said = "met" if whole / reading >= _GOAL else "missed"
    print(f"read and map: {whole / reading:,.0f} of {_GOAL:,} rows a second, the goal is {said}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
