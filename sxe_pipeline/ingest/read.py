"""One landing file becomes batches of landed rows and typed rejects; nothing is stored here.

Here: `read_file`, the account key, the rule for observation times, Arrow batches. Not here: formats
(`records`), shapes (`mapping`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from sxe_pipeline.ingest import columns, stated, times
from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.mapping import Mapped, Mappings, Refused, key_column
from sxe_pipeline.ingest.plain import BadValue, plain
from sxe_pipeline.ingest.posts import Post
from sxe_pipeline.ingest.records import records
from sxe_pipeline.ingest.rounding import Rounding
from sxe_pipeline.ingest.shape_files import Form
from sxe_pipeline.schema.landed import Landed, Reject
from sxe_pipeline.schema.tables import LANDED_ROW

_ID = columns.MAPPABLE.index("platform_id")
_HANDLE = columns.MAPPABLE.index("handle")
_OBSERVED = columns.MAPPABLE.index("observed_at")
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCK_SKEW = timedelta(days=1)
_KINDS = tuple(LANDED_ROW.schema.field(name).type for name in columns.MAPPABLE)


class _Mark(NamedTuple):
    """What is known of a row beside the columns that were mapped."""

    row: int
    shape: str
    platform: str
    account_key: str
    given: frozenset[str]
    is_post: bool
    own_posts: Sequence[Post] | None


@dataclass(slots=True)
class _Pending:
    """Rows and rejects that wait for their batch."""

    file_sha256: str
    collection: str
    registered_at: datetime
    row: int = 0
    rows: list[list[Any]] = field(default_factory=list)
    marks: list[_Mark] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    form: Form | None = None
    mapped: set[str] = field(default_factory=set)
    nulled: Counter[str] = field(default_factory=Counter)
    rounding: Rounding = field(default_factory=Rounding)
    doubtful: list[int] = field(default_factory=list)

    def add(self, outcome: Mapped | Refused) -> None:
        self.row += 1
        if isinstance(outcome, Refused):
            self.rejects.append(Reject(self.row, outcome.shape, outcome.reason, outcome.column))
            return
        found = outcome.values
        try:
            found[_OBSERVED] = self._observed(outcome.time)
        except BadValue:
            self._refuse(outcome, "bad_value", "observed_at")
            return
        key = account_key(found[_ID], found[_HANDLE])
        if key is None:
            self._refuse(outcome, "no_account")
            return
        if self.rounding.doubts(found[_ID], found[_HANDLE]):
            self.doubtful.append(len(self.rows))
        self.rows.append(found)
        form = outcome.form
        said = outcome.given, outcome.is_post, outcome.posts
        self.marks.append(_Mark(self.row, form.name, form.platform, key, *said))
        if form is not self.form:
            self.form = form
            self.mapped |= form.mapped
        if outcome.unread:
            self.nulled.update(outcome.unread)

    def _give_up_ids(self) -> None:
        """A rounded id names nobody: the handle is the key, where there is one.

        What is still doubtful where a batch ends is believed: the batch cannot wait for the file.
        """
        gone = set()
        for at in self.doubtful:
            found, mark = self.rows[at], self.marks[at]
            if not self.rounding.is_lost(found[_ID]):
                continue
            found[_ID] = None
            key = account_key(None, found[_HANDLE])
            if key is None:
                self.rejects.append(Reject(mark.row, mark.shape, "bad_value", "platform_id"))
                gone.add(at)
                continue
            self.nulled["platform_id"] += 1
            given = mark.given - {"platform_id"}
            self.marks[at] = mark._replace(account_key=key, given=given)
        self.doubtful = []
        if gone:
            self.rows = [found for at, found in enumerate(self.rows) if at not in gone]
            self.marks = [mark for at, mark in enumerate(self.marks) if at not in gone]

    def _refuse(self, outcome: Mapped, reason: str, column: str | None = None) -> None:
        self.rejects.append(Reject(self.row, outcome.form.name, reason, column))

    def _observed(self, written: Any) -> datetime:
        observed = times.when(plain(written))
        if observed is None:
            return self.registered_at
        if not _EARLIEST <= observed <= self.registered_at + _CLOCK_SKEW:
            raise BadValue
        return observed

    def fault(self, fault: Fault) -> None:
        if fault.is_of_file and self.row == 0:
            self.rejects.append(Reject(0, None, fault.reason))
            return
        self.row += 1
        self.rejects.append(Reject(self.row, None, fault.reason))

    def take(self) -> Landed:
        if self.doubtful:
            self._give_up_ids()
        try:
            batch = self._batch()
        except Exception:  # noqa: BLE001 - a value that is not of its column's type
            self._give_up_cells()
            batch = self._batch()
        landed = Landed(batch, self.rejects, frozenset(self.mapped), dict(self.nulled))
        self.rows, self.marks, self.rejects = [], [], []
        self.form, self.mapped, self.nulled = None, set(), Counter()
        return landed

    def _give_up_cells(self) -> None:
        """Null what a column cannot hold, or refuse the row where that is its key."""
        rows, marks = self.rows, self.marks
        self.rows, self.marks = [], []
        for found, mark in zip(rows, marks, strict=True):
            bad = [at for at, kind in enumerate(_KINDS) if not _fits(found[at], kind)]
            unread = [columns.MAPPABLE[at] for at in bad]
            for at in bad:
                found[at] = [] if columns.MAPPABLE[at] in columns.LISTS else None
            if column := key_column(unread, found[_ID]):
                self.rejects.append(Reject(mark.row, mark.shape, "bad_value", column))
                continue
            self.nulled.update(unread)
            self.rows.append(found)
            self.marks.append(mark._replace(given=mark.given.difference(unread)))

    def _batch(self) -> pa.RecordBatch:
        count = len(self.rows)
        if not count:
            return _EMPTY
        marked = dict(zip(_Mark._fields, zip(*self.marks, strict=True), strict=True))
        given = marked.pop("given")
        found: dict[str, Any] = {
            "collection": [self.collection] * count,
            "file_sha256": [self.file_sha256] * count,
            **marked,
            **dict(zip(columns.MAPPABLE, zip(*self.rows, strict=True), strict=True)),
        }
        kinds = {column.name: column.type for column in LANDED_ROW.schema if column.name in found}
        arrays = {name: pa.array(found[name], type=kind) for name, kind in kinds.items()}
        arrays["given"] = stated.written(given, arrays)
        ordered = [arrays[name] for name in LANDED_ROW.names]
        return pa.RecordBatch.from_arrays(ordered, schema=LANDED_ROW.schema)


def _fits(value: Any, kind: pa.DataType) -> bool:
    try:
        pa.array([value], type=kind)
    except Exception:  # noqa: BLE001 - pyarrow has five types of error for this
        return False
    return True


_EMPTY = pa.RecordBatch.from_pylist([], schema=LANDED_ROW.schema)


def unreadable() -> Landed:
    """What a file that cannot be opened becomes."""
    return Landed(_EMPTY, [Reject(0, None, Fault.UNREADABLE.reason)])


def account_key(platform_id: str | None, handle: str | None) -> str | None:
    """`id:<digits>` where the platform's own id is known, else `handle:<casefolded>`, else null."""
    if platform_id:
        return f"id:{platform_id}"
    return f"handle:{handle.casefold()}" if handle else None


def read_file(
    stream: BinaryIO,
    *,
    name: str,
    file_sha256: str,
    collection: str,
    registered_at: datetime,
    mappings: Mappings,
    batch_rows: int = 10_000,
) -> Iterator[Landed]:
    """Read and map one landing file in bounded memory.

    Args:
        stream: The file as it landed, compressed or not.
        name: Its path or name; the extension says the format.
        file_sha256: The hash it is known by.
        collection: Where it came from.
        registered_at: Its time of observation where the file gives none, and the bound of what it
            may give.
        mappings: The shapes to recognise.
        batch_rows: Rows and rejects per batch.

    Yields:
        Batches in file order; together their rows and rejects are exactly the file's records,
        numbered from 1.

    Raises:
        StoreUnavailable: The landing store, or the folder for temporary files, failed; nothing that
            stands in the file raises.
    """
    pending = _Pending(file_sha256, collection, registered_at.astimezone(UTC))
    for record in records(stream, name, mappings.needs):
        if isinstance(record, Fault):
            pending.fault(record)
        else:
            for outcome in mappings.outcomes(record):
                pending.add(outcome)
        if len(pending.rows) + len(pending.rejects) >= batch_rows:
            yield pending.take()
    if pending.rows or pending.rejects:
        yield pending.take()
