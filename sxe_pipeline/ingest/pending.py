"""Rows and rejects of a file that wait for their batch.

Here: the account key, the rule for observation times, what a row may not lack, Arrow batches. Not
here: what records are (`mapping`), files (`read`).
"""

from collections import Counter, defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from sxe_pipeline.ingest import columns, stated, times
from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.plain import BadValue, is_plain, plain
from sxe_pipeline.ingest.rounding import Rounding
from sxe_pipeline.ingest.rows import Accounts, Filled, Outcomes, Refused, filled, key_column
from sxe_pipeline.schema.landed import Landed, Reject
from sxe_pipeline.schema.tables import LANDED_ROW

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCK_SKEW = timedelta(days=1)
_MADE = columns.MAPPABLE.index("account_created_at")
EMPTY = pa.RecordBatch.from_pylist([], schema=LANDED_ROW.schema)
_SAME = ("collection", "file_sha256")
"""Columns that say the same of all rows of a file."""
_KINDS = {c.name: c.type for c in LANDED_ROW.schema if c.name not in _SAME}

Rows = dict[str, list[Any]]
"""The other columns of some rows."""


@dataclass(slots=True)
class Pending:
    """The rows and rejects of one file."""

    file_sha256: str
    collection: str
    registered_at: datetime
    count: int = 0
    """Records so far."""
    rows: Rows = field(default_factory=lambda: {name: [] for name in _KINDS})
    rejects: list[Reject] = field(default_factory=list)
    mapped: set[str] = field(default_factory=set)
    nulled: Counter[str] = field(default_factory=Counter)
    rounding: Rounding = field(default_factory=Rounding)
    doubtful: list[int] = field(default_factory=list)
    last_written: str | None = None
    last_observed: datetime = _EARLIEST

    def __len__(self) -> int:
        return len(self.rows["row"]) + len(self.rejects)

    def add(self, outcomes: Outcomes) -> None:
        """Make rows and rejects of what the next records became, in their order."""
        rejects: list[Reject] = []
        passed = 0
        for position, each in outcomes.others:
            row = self.count + position + 1 - passed
            if not isinstance(each, Fault):
                rejects.append(Reject(row, each.shape, each.reason, each.column))
            elif each.is_of_file and row == 1:
                passed += 1
                rejects.append(Reject(0, None, each.reason))
            else:
                rejects.append(Reject(row, None, each.reason))
        begin = self.count + 1 - passed
        landed = _in_order([self._landed(each, begin, rejects) for each in outcomes.accounts])
        self.count += outcomes.count - passed
        self.rejects += sorted(rejects, key=lambda each: each.row)
        before = len(self.rows["row"])
        doubted = self.rounding.doubted(landed["platform_id"], landed["handle"])
        self.doubtful += [before + at for at in doubted]
        for name, column in self.rows.items():
            column += landed[name]

    def _landed(self, accounts: Accounts, begin: int, rejects: list[Reject]) -> Rows:
        """The rows of some accounts, but for those that lack what a row needs."""
        form, done = accounts.form, filled(accounts)
        refused = done.refused
        self._give_up_late(done)
        rows: Rows = dict(zip(columns.MAPPABLE, done.values, strict=True))
        rows["row"] = [begin + position for position in accounts.positions]
        rows["shape"] = [form.name] * len(accounts.positions)
        rows["platform"] = [form.platform] * len(accounts.positions)
        rows["given"], rows["own_posts"] = list(accounts.given), list(accounts.posts)
        rows["is_post"] = list(accounts.is_post)
        rows["observed_at"] = self._observed(form.name, rows["observed_at"], refused)
        rows["account_key"] = list(map(account_key, rows["platform_id"], rows["handle"]))
        for at, key in enumerate(rows["account_key"]):
            if key is None:
                refused.setdefault(at, Refused(form.name, "no_account"))
        for at, unread in done.unread.items():
            if at not in refused:
                # A value that cannot be read is no statement that there is none.
                rows["given"][at] = rows["given"][at].difference(unread)
                self.nulled.update(unread)
        for at, why in refused.items():
            rejects.append(Reject(rows["row"][at], why.shape, why.reason, why.column))
        if refused:
            rows = _without(rows, refused)
        if rows["row"]:
            self.mapped |= form.mapped
        return rows

    def _give_up_late(self, done: Filled) -> None:
        """Null the days on which accounts are yet to be made: they count something else."""
        made, latest = done.values[_MADE], self.registered_at + _CLOCK_SKEW
        late = [
            at
            for at, each in enumerate(made)
            if type(each) is datetime and each.tzinfo is UTC and each > latest
        ]
        if late:
            done.values[_MADE] = [None if at in late else each for at, each in enumerate(made)]
        for at in late:
            done.unread[at] = (*done.unread.get(at, ()), columns.MAPPABLE[_MADE])

    def _observed(
        self, shape: str, written: list[Any], refused: dict[int, Refused]
    ) -> list[datetime | None]:
        done: list[datetime | None] = []
        for at, each in enumerate(written):
            try:
                done.append(self._moment(each))
            except BadValue:
                refused.setdefault(at, Refused(shape, "bad_value", "observed_at"))
                done.append(None)
        return done

    def _moment(self, written: Any) -> datetime:
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

    def _give_up_ids(self) -> None:
        """A rounded id names nobody: the handle is the key, where there is one.

        What is still doubtful where a batch ends is believed: the batch cannot wait for the file.
        """
        rows = self.rows
        gone = {}
        for at in self.doubtful:
            if not self.rounding.is_lost(rows["platform_id"][at]):
                continue
            rows["platform_id"][at] = None
            key = account_key(None, rows["handle"][at])
            if key is None:
                gone[at] = "platform_id"
                continue
            self.nulled["platform_id"] += 1
            rows["account_key"][at] = key
            rows["given"][at] -= {"platform_id"}
        self.doubtful = []
        self._drop(gone)

    def _give_up_cells(self) -> None:
        """Null what a column cannot hold, or refuse the row where that is its key."""
        bad: defaultdict[int, list[str]] = defaultdict(list)
        for name in columns.MAPPABLE:
            for at, value in enumerate(self.rows[name]):
                if not _fits(value, _KINDS[name]):
                    bad[at].append(name)
        gone = {}
        for at, unread in sorted(bad.items()):
            for name in unread:
                self.rows[name][at] = [] if name in columns.LISTS else None
            if column_lost := key_column(unread, self.rows["platform_id"][at]):
                gone[at] = column_lost
                continue
            self.nulled.update(unread)
            self.rows["given"][at] = self.rows["given"][at].difference(unread)
        self._drop(gone)

    def _drop(self, gone: dict[int, str]) -> None:
        """Refuse rows for the column named with each."""
        for at, column in gone.items():
            row, shape = self.rows["row"][at], self.rows["shape"][at]
            self.rejects.append(Reject(row, shape, "bad_value", column))
        if gone:
            self.rows = _without(self.rows, gone)

    def take(self) -> Landed:
        """The batch, and begin the next one."""
        self._give_up_ids()
        try:
            batch = self._batch()
        except Exception:  # noqa: BLE001 - a value that is not of its column's type
            self._give_up_cells()
            batch = self._batch()
        landed = Landed(batch, self.rejects, frozenset(self.mapped), dict(self.nulled))
        self.rows, self.rejects = {name: [] for name in _KINDS}, []
        self.mapped, self.nulled = set(), Counter()
        return landed

    def _batch(self) -> pa.RecordBatch:
        count = len(self.rows["row"])
        if not count:
            return EMPTY
        arrays = {name: pa.repeat(getattr(self, name), count) for name in _SAME}
        for name, kind in _KINDS.items():
            if name != "given":
                arrays[name] = pa.array(self.rows[name], type=kind)
        arrays["given"] = stated.written(self.rows["given"], arrays)
        ordered = [arrays[name] for name in LANDED_ROW.names]
        return pa.RecordBatch.from_arrays(ordered, schema=LANDED_ROW.schema)


def _in_order(parts: Sequence[Rows]) -> Rows:
    """All rows by their numbers."""
    if len(parts) == 1:
        return parts[0]
    whole = {name: [value for part in parts for value in part[name]] for name in _KINDS}
    order = sorted(range(len(whole["row"])), key=whole["row"].__getitem__)
    return {name: [column[at] for at in order] for name, column in whole.items()}


def _without(rows: Rows, gone: Container[int]) -> Rows:
    kept = [at for at in range(len(rows["row"])) if at not in gone]
    return {name: [column[at] for at in kept] for name, column in rows.items()}


def _fits(value: Any, kind: pa.DataType) -> bool:
    try:
        pa.array([value], type=kind)
    except Exception:  # noqa: BLE001 - pyarrow has five types of error for this
        return False
    return True


def account_key(platform_id: str | None, handle: str | None) -> str | None:
    """`id:<digits>` where the platform's own id is known, else `handle:<casefolded>`, else null."""
    if platform_id:
        return f"id:{platform_id}"
    return f"handle:{handle.casefold()}" if handle else None
