"""Landing files in memory: what a reader of ingest would hand to the social tier."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from sxe_pipeline.schema.landed import Landed, Reject
from sxe_pipeline.schema.tables import LANDED_ROW

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY, NEXT_DAY = date(2026, 3, 8), date(2026, 3, 9)


@dataclass(frozen=True)
class File:
    """A file whose content is the sightings themselves; its hash follows from `name`."""

    name: str
    sightings: tuple[dict, ...] = ()
    rejects: tuple[Reject, ...] = ()
    collection: str = "spring"
    is_kept: bool = False

    @property
    def file_sha256(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()


def sighting(key: str, *, platform: str = "x", hours: float = 0, **known) -> dict:
    """One row; `key` is 'id:7' or 'handle:ana', `hours` counts from the first sighting of all."""
    kind, _, value = key.partition(":")
    row = {
        "platform": platform,
        "account_key": key,
        "platform_id": value if kind == "id" else None,
        "handle": value if kind == "handle" else None,
        "observed_at": datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hours),
        "shape": "made_up",
        "links": [],
        "interests": [],
    }
    return row | known


def batch(rows: Sequence[dict], *, collection: str = "spring", file_sha256: str = "0" * 64):
    whole = [
        {"collection": collection, "file_sha256": file_sha256, "row": number} | row
        for number, row in enumerate(rows, 1)
    ]
    return pa.RecordBatch.from_pylist(whole, schema=LANDED_ROW.schema)


def read(file: File) -> Iterator[Landed]:
    rows = batch(file.sightings, collection=file.collection, file_sha256=file.file_sha256)
    yield Landed(rows, file.rejects)


def vanishing(name: str) -> Callable[[File], Iterator[Landed]]:
    """A reader that no longer finds one of the files."""

    def read_or_fail(file: File) -> Iterator[Landed]:
        if file.name == name:
            raise FileNotFoundError(2, "No such file or directory")
        yield from read(file)

    return read_or_fail
