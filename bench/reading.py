"""Reading and observing: rows a second per kind of file, beside the floor of decoding alone.

Usage: python bench/reading.py [ACCOUNTS]

The landing tree of the invented world, made for the run; of 100,000 accounts, the smallest of the
five files holds some 3,000 rows and what a file costs once no longer shows. The floor is what the
format alone costs: msgspec for JSON Lines, `csv.DictReader` for CSV; the ratio says what
recognising, mapping and Arrow batches add. Each payload form stands alone as well, as JSON Lines of
the same length. Then all of `observe` up to its rows: read, map, redact,
scan. Ours and the floor take turns, so that another load on the machine meets both: read the
ratios. CPU seconds of one thread, the best of three turns; the ratio is the middle one. The goals
are for all files together, on a machine that does nothing else.
"""

import contextlib
import csv
import functools
import gzip
import io
import os
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import measured
import msgspec
import pyarrow as pa

from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file
from sxe_pipeline.sandbox import landing, people, shapes
from sxe_pipeline.schema.landed import Landed
from sxe_pipeline.social.redaction import redact_rows

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_TURNS = 3
_RECORDS = 3_000
"""Of each payload form."""
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


def _in_turns(
    what: str, data: bytes, name: str
) -> tuple[int, list[float], list[float], list[float]]:
    """Print a line; the rows, and CPU seconds of reading, decoding and observing in each turn."""
    rows = _read(data, name)
    acts = {each: functools.partial(each, data, name) for each in (_read, _decoded, _observed)}
    ours, floor, observe = measured.in_turns(acts, _TURNS).values()
    print(
        f"{what:31} {rows:7} rows, a second: read and map {rows / min(ours):9,.0f} "
        f"{measured.spread(ours)} ({measured.ratio(ours, floor):.1f}x the time of decoding), "
        f"observe {rows / min(observe):9,.0f} {measured.spread(observe)}"
    )
    return rows, ours, floor, observe


def _of_shape(shape: shapes.Shape, everybody: list[people.Account]) -> bytes:
    """A file of JSON Lines in one payload form."""
    own = [account for account in everybody if account.platform == shape.platform]
    records = (shape.render(own[at % len(own)]) for at in range(_RECORDS))
    return b"\n".join(map(msgspec.json.Encoder().encode, records))


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
            rows, ours, floor, observe = _in_turns(shape, data, name)
            whole, reading, observing = whole + rows, reading + min(ours), observing + min(observe)
            least += min(floor)
    print(
        f"{'all files':31} {whole:7} rows, a second: read and map {whole / reading:9,.0f} "
        f"({reading / least:.1f}x the time of decoding), observe {whole / observing:9,.0f}"
    )
    everybody = people.population(random.Random(7), _RECORDS)
    for name, shape in shapes.SHAPES.items():
        data = _of_shape(shape, everybody)
        if any(len(piece.rows) for piece in _landed(data, name)):  # else it takes a `_mapping.yaml`
            _in_turns(f"lines of {name}", data, f"{name}.jsonl")
    measured.judge("reading", whole / reading)
    measured.judge("observing", whole / observing)


if __name__ == "__main__":
    main(*measured.sizes(100_000))
