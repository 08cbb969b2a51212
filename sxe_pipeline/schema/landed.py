"""What ingest hands to the social tier: landing files, mapped rows, rejects.

Here: the values that pass between two rooms that import nothing of each other. In memory only: a
landed row is not yet redacted. Not here: the columns of a row (`tables`).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class LandingFile:
    """A registered file. `path` is its key in the landing store.

    `mapping_sha256` is known of the mapping that its collection brings, null where it brings none.
    `is_kept`: it cannot be read again, as it has expired or its mapping is being mended; what was
    stored of it stays.
    """

    collection: str
    file_sha256: str
    path: str
    landed_day: date
    registered_at: datetime
    mapping_sha256: str | None = None
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class LandedDay:
    """What a landing day is made from: its files, and a digest of all that decides its rows.

    The digest covers the files, the mappings of their collections, and the code and rules that
    read and redact them.
    """

    day: date
    files: Sequence[LandingFile]
    inputs: str


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that is no row. `row` 0 speaks of the file; `shape` is null where unrecognised.

    `column` is the one whose value cost the row; null where no single one did.
    """

    row: int
    shape: str | None
    reason: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Landed:
    """Some rows of a file (table `LANDED_ROW`) and the rejects among them.

    `mapped` are the columns that the shapes of these rows fill, `nulled` says of how many rows a
    column is null because its value could not be read.
    """

    rows: "pa.RecordBatch"
    rejects: Sequence[Reject]
    mapped: AbstractSet[str] = frozenset()
    nulled: Mapping[str, int] = field(default_factory=dict)


def files_digest(files: Iterable[LandingFile]) -> str:
    """What tells one set of files from another: SHA-256 of their sorted collections and hashes."""
    names = sorted(f"{file.collection}\0{file.file_sha256}" for file in files)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
