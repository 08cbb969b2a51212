"""How well files of strangers are read: a folder of samples in, goals with met or missed out.

Here: the goals, and reading what `DIR` holds. Which files hold profiles, and of which network, is
said by the folder's own index; nothing of a row is printed. Not here: how well contacts are found
in labelled texts (`redact.measure`).
"""

import csv
import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest import naming
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file
from sxe_pipeline.redact.measure import Goal

Observed = Callable[[pa.RecordBatch, dt.date], tuple[pa.RecordBatch, pa.RecordBatch]]
"""Landed rows become observations and leaks: `social.redaction.redact_rows`."""

INDEX = PurePosixPath("payloads/INDEX.csv")
_NETWORKS = frozenset({"tiktok", "threads", "x"})
_FOLDERS = ("payloads", "tables")


@dataclass(slots=True)
class _Found:
    """What became of one file, or of all."""

    rows: int = 0
    rejects: int = 0
    leaks: int = 0
    open: int = 0
    cells: int = 0
    nulled: int = 0
    platforms: set[str] = field(default_factory=set)

    def add(self, other: "_Found") -> None:
        for name in ("rows", "rejects", "leaks", "open", "cells", "nulled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def goals(
    folder: Path,
    observed: Observed,
    now: dt.datetime,
    progress: Callable[[int], None] = lambda rows: None,
) -> Iterator[Goal]:
    """Every goal that the samples of a folder can tell of.

    Args:
        folder: Holds files with many rows in `tables`, and single answers in `payloads` with an
            `INDEX.csv` whose columns `file` (relative to the folder) and `platform` say what each
            is: tiktok, threads, x; anything else must not land. Each optional.
        observed: What redacts landed rows.
        now: The time of observation where a file gives none.
        progress: Told the number of records of each file.

    Raises:
        BadInput: The index has no such columns.
    """
    platforms = _labelled(folder)
    whole, rows_of_tables, of_network, of_others = _Found(), _Found(), [], []
    for file in _files(folder):
        found = _read(file, observed, now)
        progress(found.rows + found.rejects)
        whole.add(found)
        name = file.relative_to(folder).as_posix()
        if name.startswith("tables/"):
            rows_of_tables.add(found)
        elif (platform := platforms.get(name)) in _NETWORKS:
            of_network.append(found.rows > 0 and found.platforms == {platform})
        elif platform is not None:
            of_others.append(found.rows == 0)
    records = rows_of_tables.rows + rows_of_tables.rejects
    seen = whole.rows + whole.leaks
    for goal in (
        Goal(
            "answers of a network that land as its profiles", sum(of_network), len(of_network), 0.95
        ),
        Goal("answers of others that do not land", sum(of_others), len(of_others), 1.0),
        Goal("rows of tables that land", rows_of_tables.rows, records, 0.95),
        Goal("cells that could not be read", whole.nulled, whole.cells, 0.005, least=False),
        Goal("rows that still hold a contact for certain", whole.leaks, seen, 0.0002, least=False),
        Goal("rows in which a contact may be left", whole.open, seen, 0.01, least=False),
    ):
        if goal.of:
            yield goal


def _labelled(folder: Path) -> dict[str, str]:
    index = folder / INDEX
    if not index.is_file():
        return {}
    with index.open(encoding="utf-8", newline="") as lines:
        try:
            return {row["file"]: row["platform"] for row in csv.DictReader(lines)}
        except KeyError:
            raise BadInput(
                f"{INDEX} needs the columns file and platform; see docs/landing.md"
            ) from None


def _files(folder: Path) -> Iterator[Path]:
    for name in _FOLDERS:
        for file in sorted((folder / name).rglob("*")):
            parts = file.relative_to(folder / name).parts
            if file.is_file() and naming.is_data(parts) and file != folder / INDEX:
                yield file


def _read(file: Path, observed: Observed, now: dt.datetime) -> _Found:
    found = _Found()
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        for landed in read_file(
            stream,
            name=file.name,
            file_sha256=digest,
            collection="measured",
            registered_at=now,
            mappings=mappings(None),
        ):
            rows, leaks = observed(landed.rows, now.date())
            found.rejects += len(landed.rejects)
            found.leaks += leaks.num_rows
            found.rows += rows.num_rows
            found.open += pc.sum(rows.column("is_scan_open")).as_py() or 0
            found.cells += landed.rows.num_rows * len(landed.mapped)
            found.nulled += sum(landed.nulled.values())
            found.platforms.update(rows.column("platform").unique().to_pylist())
    return found
