"""Reading: rows a second of `read_file` per kind of file, beside the floor of decoding alone.

Usage: python bench/reading.py [ACCOUNTS]

The landing tree of the invented world, made for the run. The floor is what the format alone costs:
msgspec for JSON Lines, `csv.DictReader` for CSV; the ratio says what recognising, mapping and
Arrow batches add. CPU seconds of one thread, the best of three.
"""

import contextlib
import csv
import gzip
import io
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pyarrow as pa

from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file
from sxe_pipeline.sandbox import landing

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_LARGEST = (
    ("x_graphql_2023", "x_archive/*/users_2023.jsonl.gz"),
    ("x_graphql_2026", "x_builders_list/*/members.jsonl"),
    ("tiktok_web_user", "tiktok_kitchen_hashtag/*/details.jsonl.zst"),
    ("tiktok_vendor", "partner_segment/*/tiktok.csv"),
    ("x_vendor_profiles", "partner_segment/*/x_profiles.csv.gz"),
)


def _plain(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        return pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    return data


def _read(data: bytes, name: str) -> int:
    landed = read_file(
        io.BytesIO(data),
        name=name,
        file_sha256="0" * 64,
        collection="bench",
        registered_at=_NOW,
        mappings=mappings(None),
    )
    return sum(len(piece.rows) + len(piece.rejects) for piece in landed)


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


def _cpu(act: Callable[[bytes, str], int], data: bytes, name: str) -> tuple[int, float]:
    best, rows = float("inf"), 0
    for _ in range(3):
        begin = time.process_time()
        rows = act(data, name)
        best = min(best, time.process_time() - begin)
    return rows, best


def main(accounts: int) -> None:
    """Print a line per kind of file, and one for all."""
    whole, spent = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        landing.write_landing(root, seed=7, days=(date(2026, 9, 1),), accounts=accounts)
        for shape, pattern in _LARGEST:
            path = next(iter(sorted(root.glob(pattern))))
            name = path.name.removesuffix(".gz").removesuffix(".zst")
            data = _plain(path)
            rows, seconds = _cpu(_read, data, name)
            _, floor = _cpu(_decoded, data, name)
            whole, spent = whole + rows, spent + seconds
            print(
                f"{shape:20} {rows:7} rows {rows / seconds:9,.0f} a second {seconds / floor:5.1f}x"
            )
    print(f"{'all':20} {whole:7} rows {whole / spent:9,.0f} a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
