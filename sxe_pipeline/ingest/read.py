"""One landing file becomes batches of landed rows and typed rejects; nothing is stored here.

Here: `read_file`, the account key, the rule for observation times, Arrow batches. Not here: formats
(`records`), shapes (`mapping`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from sxe_pipeline.ingest import columns, stated, times
from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.mapping import Mappings
from sxe_pipeline.ingest.plain import BadValue, is_plain, plain
from sxe_pipeline.ingest.posts import Post
from sxe_pipeline.ingest.records import records
from sxe_pipeline.ingest.rounding import Rounding
from sxe_pipeline.ingest.rows import (
    HANDLE,
    ID,
    OBSERVED,
    Filled,
    Found,
    Refused,
    filled,
    key_column,
)
from sxe_pipeline.ingest.shape_files import Form
from sxe_pipeline.schema.landed import Landed, Reject
from sxe_pipeline.schema.tables import LANDED_ROW

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCK_SKEW = timedelta(days=1)
_TOGETHER = 64
"""Records that are mapped at once; as many are held whole in memory."""
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
    waiting: list[Found | Refused | Fault] = field(default_factory=list)
    values: list[list[Any]] = field(default_factory=lambda: [[] for _ in columns.MAPPABLE])
    marks: list[_Mark] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    form: Form | None = None
    mapped: set[str] = field(default_factory=set)
    nulled: Counter[str] = field(default_factory=Counter)
    rounding: Rounding = field(default_factory=Rounding)
    doubtful: list[int] = field(default_factory=list)
    last_written: str | None = None
    last_observed: datetime = _EARLIEST

    def __len__(self) -> int:
        return len(self.waiting) + len(self.marks) + len(self.rejects)

    def add(self, outcome: Found | Refused | Fault) -> None:
        self.waiting.append(outcome)
        if len(self.waiting) >= _TOGETHER:
            self._settle()

    def _settle(self) -> None:
        """Make rows and rejects of what waits, in its order."""
        waiting, self.waiting = self.waiting, []
        found = [each for each in waiting if isinstance(each, Found)]
        done = filled(found)
        kept: list[int] = []
        spots = iter(range(len(found)))
        for each in waiting:
            if not isinstance(each, Found):
                self._reject(each)
                continue
            self.row += 1
            at = next(spots)
            refused = done.refused.get(at) or self._land(each, done, at)
            if refused is None:
                kept.append(at)
            else:
                self.rejects.append(Reject(self.row, refused.shape, refused.reason, refused.column))
        is_whole = len(kept) == len(found)
        for column, some in zip(self.values, done.values, strict=True):
            column += some if is_whole else [some[at] for at in kept]

    def _land(self, found: Found, done: Filled, at: int) -> Refused | None:
        """Note a row and the time of its observation, unless it lacks what a row needs."""
        form, values = found.form, done.values
        platform_id, handle = values[ID][at], values[HANDLE][at]
        try:
            values[OBSERVED][at] = self._observed(values[OBSERVED][at])
        except BadValue:
            return Refused(form.name, "bad_value", "observed_at")
        key = account_key(platform_id, handle)
        if key is None:
            return Refused(form.name, "no_account")
        if self.rounding.doubts(platform_id, handle):
            self.doubtful.append(len(self.marks))
        given = found.given
        if done.unread and (unread := done.unread.get(at)):
            # A value that cannot be read is no statement that there is none.
            given = given.difference(unread)
            self.nulled.update(unread)
        said = given, found.is_post, found.posts
        self.marks.append(_Mark(self.row, form.name, form.platform, key, *said))
        if form is not self.form:
            self.form = form
            self.mapped |= form.mapped
        return None

    def _reject(self, each: Refused | Fault) -> None:
        if isinstance(each, Fault):
            if each.is_of_file and self.row == 0:
                self.rejects.append(Reject(0, None, each.reason))
                return
            each = Refused(None, each.reason)
        self.row += 1
        self.rejects.append(Reject(self.row, each.shape, each.reason, each.column))

    def _give_up_ids(self) -> None:
        """A rounded id names nobody: the handle is the key, where there is one.

        What is still doubtful where a batch ends is believed: the batch cannot wait for the file.
        """
        ids, handles = self.values[ID], self.values[HANDLE]
        gone = set()
        for at in self.doubtful:
            if not self.rounding.is_lost(ids[at]):
                continue
            ids[at] = None
            mark, key = self.marks[at], account_key(None, handles[at])
            if key is None:
                self.rejects.append(Reject(mark.row, mark.shape, "bad_value", "platform_id"))
                gone.add(at)
                continue
            self.nulled["platform_id"] += 1
            given = mark.given - {"platform_id"}
            self.marks[at] = mark._replace(account_key=key, given=given)
        self.doubtful = []
        self._drop(gone)

    def _drop(self, gone: set[int]) -> None:
        if gone:
            kept = [at for at in range(len(self.marks)) if at not in gone]
            self.values = [[column[at] for at in kept] for column in self.values]
            self.marks = [self.marks[at] for at in kept]

    def _observed(self, written: Any) -> datetime:
        if type(written) is str and written == self.last_written:
            return self.last_observed
        observed = times.when(written if is_plain(written) else plain(written))
        if observed is None:
            return self.registered_at
        if not _EARLIEST <= observed <= self.registered_at + _CLOCK_SKEW:
            raise BadValue
        if type(written) is str:
            self.last_written, self.last_observed = written, observed
        return observed

    def take(self) -> Landed:
        if self.waiting:
            self._settle()
        if self.doubtful:
            self._give_up_ids()
        try:
            batch = self._batch()
        except Exception:  # noqa: BLE001 - a value that is not of its column's type
            self._give_up_cells()
            batch = self._batch()
        landed = Landed(batch, self.rejects, frozenset(self.mapped), dict(self.nulled))
        self.values, self.marks, self.rejects = [[] for _ in columns.MAPPABLE], [], []
        self.form, self.mapped, self.nulled = None, set(), Counter()
        return landed

    def _give_up_cells(self) -> None:
        """Null what a column cannot hold, or refuse the row where that is its key."""
        bad: defaultdict[int, list[int]] = defaultdict(list)
        for at, (column, kind) in enumerate(zip(self.values, _KINDS, strict=True)):
            for row, value in enumerate(column):
                if not _fits(value, kind):
                    bad[row].append(at)
        gone = set()
        for row, spots in sorted(bad.items()):
            unread = [columns.MAPPABLE[at] for at in spots]
            for at in spots:
                self.values[at][row] = [] if columns.MAPPABLE[at] in columns.LISTS else None
            mark = self.marks[row]
            if column_lost := key_column(unread, self.values[ID][row]):
                self.rejects.append(Reject(mark.row, mark.shape, "bad_value", column_lost))
                gone.add(row)
                continue
            self.nulled.update(unread)
            self.marks[row] = mark._replace(given=mark.given.difference(unread))
        self._drop(gone)

    def _batch(self) -> pa.RecordBatch:
        count = len(self.marks)
        if not count:
            return _EMPTY
        marked = dict(zip(_Mark._fields, zip(*self.marks, strict=True), strict=True))
        given = marked.pop("given")
        found: dict[str, Any] = {
            "collection": [self.collection] * count,
            "file_sha256": [self.file_sha256] * count,
            **marked,
            **dict(zip(columns.MAPPABLE, self.values, strict=True)),
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
            pending.add(record)
        else:
            for outcome in mappings.outcomes(record):
                pending.add(outcome)
        if len(pending) >= batch_rows:
            yield pending.take()
    if len(pending):
        yield pending.take()
