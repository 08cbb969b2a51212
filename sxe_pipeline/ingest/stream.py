"""The stream verb `sxe ingest --to-jsonl`: canonical rows as JSON Lines, before redaction.

Here: walking the given paths and writing lines. Nothing is stored or registered, so that anyone can
score the mapping on data of their own.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest.collection import COLLECTION, MAPPING
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """How many lines went to either side."""

    files: int
    rows: int
    quarantined: int


def to_jsonl(
    paths: Sequence[Path], *, out: BinaryIO, quarantine: BinaryIO | None, now: datetime
) -> Written:
    """Read files and write what they become.

    Args:
        paths: Files or folders; the nearest `_mapping.yaml`, up to the given folder, is used.
        out: Receives one line per row: `file` as given, then the columns of a landed row.
        quarantine: Receives `{file, row, shape, reason}` per reject; None to only count them.
        now: The time of observation where a file gives none.

    Returns:
        The counts.

    Raises:
        BadInput: A path does not exist, or a `_mapping.yaml` cannot be used.
    """
    encoder = msgspec.json.Encoder()
    files = rows = quarantined = 0
    for path in paths:
        if not path.exists():
            raise BadInput("a given path does not exist; check the command line")
        for file in _files(path):
            files += 1
            for row in _rows(file, path, now):
                is_reject = "reason" in row
                rows += not is_reject
                quarantined += is_reject
                target = quarantine if is_reject else out
                if target is not None:
                    target.write(encoder.encode(row) + b"\n")
    return Written(files, rows, quarantined)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        is_data = file.name not in (COLLECTION, MAPPING) and not file.name.startswith(".")
        if is_data and not file.is_dir():
            yield file


def _rows(file: Path, given: Path, now: datetime) -> Iterator[dict[str, object]]:
    name = str(file)
    inside = file.relative_to(given).parts if given.is_dir() else ()
    collection = inside[0] if len(inside) > 1 else file.absolute().parent.name
    try:
        digest = _sha256(file)
        stream = file.open("rb")
    except OSError:
        yield {"file": name, "row": 0, "shape": None, "reason": "unreadable"}
        return
    with stream:
        for landed in read_file(
            stream,
            name=name,
            file_sha256=digest,
            collection=collection,
            registered_at=now,
            mappings=mappings(_own_mapping(file, given)),
        ):
            for row in landed.rows.to_pylist():
                yield {"file": name} | row
            for reject in landed.rejects:
                yield {
                    "file": name,
                    "row": reject.row,
                    "shape": reject.shape,
                    "reason": reject.reason,
                }


def _own_mapping(file: Path, given: Path) -> bytes | None:
    for folder in file.parents:
        if (folder / MAPPING).is_file():
            return (folder / MAPPING).read_bytes()
        if folder == given or not given.is_dir():
            return None
    return None


def _sha256(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            found.update(piece)
    return found.hexdigest()
