"""The stream verb `sxe ingest --to-jsonl`: canonical rows as JSON Lines, before redaction.

Here: reading the given paths and writing lines. Nothing is stored or registered, so that anyone can
score the mapping on data of their own.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from sxe_pipeline.errors import BadInput, NotFound
from sxe_pipeline.ingest import given
from sxe_pipeline.ingest.mapping import Mappings, mappings
from sxe_pipeline.ingest.read import read_file, unreadable
from sxe_pipeline.schema.landed import Landed


@dataclass(frozen=True, slots=True)
class Written:
    """How many lines went to either side; per column, in how many rows it could not be read.

    `set_aside` says of collections whose mapping cannot be used why; their files were not read.
    """

    files: int
    rows: int
    quarantined: int
    nulled: Mapping[str, int]
    set_aside: Mapping[str, str]


def to_jsonl(
    paths: Sequence[Path], *, out: BinaryIO, quarantine: BinaryIO | None, now: datetime
) -> Written:
    """Read files and write what they become.

    Args:
        paths: Files or folders, with everything below them that is data (`given.files`).
        out: Receives one line per row: `file` as given, then the columns of a landed row.
        quarantine: Receives `{file, row, shape, reason}` per reject; None to only count them.
        now: The time of observation where a file gives none.

    Returns:
        The counts.

    Raises:
        BadInput: A path does not exist, or a declaration lies where no collection would find it.
    """
    encoder = msgspec.json.Encoder()
    files = rows = quarantined = 0
    nulled: Counter[str] = Counter()
    set_aside: dict[str, str] = {}
    for each in _found(paths):
        if each.collection in set_aside:
            continue
        try:
            mapping = _mapping(each)
        except BadInput as why:
            set_aside[each.collection] = str(why)
            continue
        files += 1
        # As JSON can say it: a name on a disk need not be UTF-8.
        name = str(each.file).encode("utf-8", "replace").decode()
        for landed in _read(each, mapping, now):
            nulled.update(landed.nulled)
            for row in landed.rows.to_pylist():
                rows += 1
                out.write(encoder.encode({"file": name} | row) + b"\n")
            for reject in landed.rejects:
                quarantined += 1
                if quarantine is not None:
                    line = {
                        "file": name,
                        "row": reject.row,
                        "shape": reject.shape,
                        "reason": reject.reason,
                    }
                    quarantine.write(encoder.encode(line) + b"\n")
    return Written(files, rows, quarantined, dict(nulled), set_aside)


def landed(paths: Sequence[Path], now: datetime) -> Iterator[Landed]:
    """The rows of files, a batch at a time.

    Args:
        paths: Files or folders.
        now: The time of observation where a file gives none.

    Raises:
        BadInput: A path does not exist, or a mapping cannot be used.
    """
    for each in _found(paths):
        yield from _read(each, _mapping(each), now)


def _found(paths: Sequence[Path]) -> Iterator[given.Given]:
    for path in paths:
        try:
            yield from given.files(path)
        except NotFound:
            raise BadInput("a given path does not exist; check the command line") from None


def _read(each: given.Given, mapping: Mappings, now: datetime) -> Iterator[Landed]:
    try:
        with each.file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream = each.file.open("rb")
    except OSError:
        yield unreadable()
        return
    with stream:
        yield from read_file(
            stream,
            name=str(each.file),
            file_sha256=digest,
            collection=each.collection,
            registered_at=now,
            mappings=mapping,
        )


def _mapping(each: given.Given) -> Mappings:
    file = given.mapping_of(each)
    try:
        return mappings(file.read_bytes() if file else None)
    except OSError:
        raise BadInput("its _mapping.yaml cannot be read; check its rights") from None
