"""Tables in buckets by a hash of their key: only those that a change touches are written anew.

Here: which bucket a row lies in, and putting rows among the stored ones. Any reader opens such a
table: a bucket is a partition. Not here: what a row says (the stages), which rows two versions do
not share (`differences`), how a version comes to count (`ops.versions`).

There are 2^n buckets of about `ROWS` rows; a table that outgrows them is written into more. A few
are read and written at a time, so memory does not follow the size of the table.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import duckdb
import numpy as np
import psycopg
import pyarrow as pa

from sxe_pipeline.engine.rows import bucket_sql
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.table import Table
from sxe_pipeline.store import changes, tables
from sxe_pipeline.store.disk import local_path
from sxe_pipeline.store.snapshot import BUCKET as COLUMN
from sxe_pipeline.store.snapshot import Part, Snapshot

ROWS = 16_384
_AT_ONCE = 4
ROW_BYTES = 512
"""A million rows as wide as profiles were joined and sorted within 512 MB, and not within 256."""
_KEYS = "no_keys"
_FIELD = pa.field(COLUMN, pa.int32(), nullable=False)


@dataclass(frozen=True)
class Changed:
    """What a change left.

    Attributes:
        version: The version to name; the named one where nothing was written.
        row_count: Rows of the whole table.
        changed_count: Rows that are new or say something else.
        gone_count: Rows that are no more.
    """

    version: int
    row_count: int
    changed_count: int
    gone_count: int


@dataclass(frozen=True)
class Sliced:
    """Rows that are made a slice of their keys after another, as memory bears no more.

    Attributes:
        keys: A query of the keys of all rows, each any number of times.
        made: Makes the rows that a clause of SQL chooses by their key, all where it is empty; the
            name of a table or view that holds them until the next ones are made.
    """

    keys: str
    made: Callable[[str], str]


def count_for(rows: int) -> int:
    """How many buckets that many rows are kept in.

    Example:
        >>> count_for(0), count_for(16_384), count_for(16_385), count_for(1_000_000)
        (1, 1, 2, 64)
    """
    return 1 << (max(rows - 1, 0) // ROWS).bit_length()


def count_of(stored: Snapshot) -> int | None:
    """How many buckets a version is in; None where it is in none.

    It is read off the numbers that are there: where none of the upper half is, every row lies where
    it would under half as many.
    """
    if stored.partition_columns != [COLUMN]:
        return None
    return 1 << max((number_of(part) for part in stored.parts), default=0).bit_length()


def is_kept_in(stored: Snapshot, table: Table) -> bool:
    """Whether a version is in buckets, and in the columns of this table."""
    if count_of(stored) is None:
        return False
    held = {field.name: field.type for field in stored.schema if field.name != COLUMN}
    return held == {field.name: field.type for field in table.schema}


def attach(
    engine: duckdb.DuckDBPyConnection,
    view: str,
    stored: Snapshot | None,
    table: Table,
    numbers: Collection[object] | None = None,
    by: str = COLUMN,
) -> None:
    """Name the rows of a version, in the columns of its table; a column it has not yet is null.

    Args:
        engine: An open connection.
        view: What the rows are called in SQL; what had that name before is replaced.
        stored: A version of any table, in buckets or not; None has no rows.
        table: Its columns, or some of them.
        numbers: Only the rows of these buckets.
        by: Another column that it is partitioned by; `numbers` are values of that one.

    Raises:
        NotFound: Files of theirs are not what was written.
    """
    within = None if numbers is None else [str(number) for number in numbers]
    parts = stored.parts if stored else []
    parts = [part for part in parts if within is None or str(part.partition[by]) in within]
    if stored:
        stored.check(parts)
    rows = f"{view}_stored"
    if not stored or not parts:
        rows = f"{view}_declared"
    elif (folder := local_path(stored.root)) is None:
        engine.register(rows, stored.dataset([(by, "in", within)] if within else None))
    else:
        files = [str(folder.absolute() / stored.name / part.path) for part in parts]
        found = engine.read_parquet(files, hive_partitioning=True, union_by_name=True)
        found.create_view(rows, replace=True)
    engine.register(f"{view}_declared", table.schema.empty_table())
    engine.execute(
        f"create or replace temp view {view} as select {', '.join(table.names)} "
        f"from (from {rows} union all by name from {view}_declared)"
    )


def change(
    conn: psycopg.Connection,
    root: str,
    table: Table,
    engine: duckdb.DuckDBPyConnection,
    rows: str | Sliced,
    gone: str | None = None,
    *,
    is_whole: bool = False,
) -> Changed:
    """Put rows into a table, in place of those of the same keys, and take others out.

    Only buckets in which a row becomes another one are written; where none does, nothing is. The
    caller holds `tables.lock`.

    Args:
        conn: The writing transaction.
        root: URL of the table store.
        table: What is written; it has a key.
        engine: An open connection.
        rows: A table or view there, in the columns of `table`, each key once; or how to make it.
        gone: A table or view there with keys whose rows are to go, unless `rows` has them.
        is_whole: `rows` are all that there is: stored keys that are not among them go. Must be set
            where the table is not `is_kept_in` yet.

    Raises:
        NotFound: The named version is gone from the store.
        ContractBroken: The rows do not fit the table.
        StoreUnavailable: The store failed; what is named stays as it is.
    """
    named = tables.snapshot(conn, root, table.name)
    stored = named if named is not None and is_kept_in(named, table) else None
    if stored is None and named is not None and not is_whole:
        raise ValueError(f"{table.name} is in no such buckets yet: it must be written whole")
    made = _Change(table, engine, stored, is_whole)
    parts = made.parts(rows, gone)
    schema = pa.schema([*table.schema, _FIELD])
    version = tables.write_parts(
        conn, root, table.name, schema, COLUMN, parts, is_fresh=stored is None
    )
    if named is not None and version != named.version:
        noted = made.noted if made.is_noted else None
        changes.note(root, table, named.version, version, noted)
    return Changed(version, made.row_count, made.changed_count, made.gone_count)


class _Change:
    """One change of one table: its rows sorted by bucket, then put in, some buckets at a time."""

    def __init__(
        self,
        table: Table,
        engine: duckdb.DuckDBPyConnection,
        stored: Snapshot | None,
        is_whole: bool,
    ) -> None:
        self._table, self._engine, self._stored = table, engine, stored
        self._is_whole = is_whole or stored is None
        self._key, self._names = ", ".join(table.key), ", ".join(table.names)
        self.row_count = sum(part.row_count for part in stored.parts) if stored else 0
        self.changed_count = self.gone_count = 0
        self.noted: list[pa.Table] = []

    @property
    def is_noted(self) -> bool:
        """Whether what changed so far is worth a note."""
        return (
            self._stored is not None and self.changed_count + self.gone_count <= changes.MOST_ROWS
        )

    def parts(self, rows: str | Sliced, gone: str | None) -> Iterator[tables.Rewritten]:
        """The buckets that must be written, with all of their rows."""
        was = count_of(self._stored) if self._stored else None
        given = self._given(rows)
        # How many rows of a change are new nobody knows yet; afterwards these are there, at least.
        needed = count_for(given if self._is_whole else max(given, self.row_count))
        # Rows come and go around a border: not each of them is worth writing all anew.
        count = needed if was is None or needed > 2 * was else was
        stored, is_moved = was or count, count != was
        self._take(gone, count)
        slices = min(1 << (max(given - 1, 0) // duck.rows_at_once(ROW_BYTES)).bit_length(), count)
        is_all = is_moved or self._is_whole
        for chosen in range(slices):
            self._stage(rows, count, chosen, slices)
            # Where buckets are too few, each stored one becomes several, some at a time.
            numbers = sorted(range(chosen, count, slices), key=lambda number: number % stored)
            if not is_all:
                touched = self._touched()
                numbers = [number for number in numbers if number in touched]
            for into in in_groups(numbers):
                group = {number % stored for number in into}
                yield from self._rewritten(group, into, count, is_moved=is_moved)

    def _given(self, rows: str | Sliced) -> int:
        """How many rows are put."""
        each = f"(select distinct {self._key} {rows.keys})" if isinstance(rows, Sliced) else rows
        [(given,)] = self._engine.sql(f"select count(*) from {each}").fetchall()
        return int(given)

    def _take(self, gone: str | None, count: int) -> None:
        keys = f"from {gone}" if gone else f"from {_KEYS} limit 0"
        self._engine.register(_KEYS, self._table.schema.empty_table())
        self._engine.execute(
            "create or replace temp table going as select *, "
            f"{bucket_sql(self._table.key, count)} as {COLUMN} from (select {self._key} {keys})"
        )

    def _stage(self, rows: str | Sliced, count: int, chosen: int, slices: int) -> None:
        """Sort a slice of the rows by their buckets; those of one bucket are in one slice."""
        key, clause = self._table.key, ""
        if slices > 1:
            clause = f"where {bucket_sql(key, slices)} = {chosen}"
        made = rows.made(clause) if isinstance(rows, Sliced) else f"(from {rows} {clause})"
        self._engine.execute(
            f"create or replace temp table staged as select {self._names}, "
            f"{bucket_sql(key, count)} as {COLUMN} from {made} order by {COLUMN}"
        )

    def _touched(self) -> Set[int]:
        """Those buckets in which something may change."""
        found = self._engine.sql(f"select {COLUMN} from staged union select {COLUMN} from going")
        return {number for (number,) in found.fetchall()}

    def _rewritten(
        self, group: Collection[int], into: Sequence[int], count: int, *, is_moved: bool
    ) -> Iterator[tables.Rewritten]:
        """Hold a group as it is stored against what is to be put there: the buckets that change."""
        within = f"where {COLUMN} in ({', '.join(map(str, into))})"
        put = self._engine.sql(f"select {self._names}, {COLUMN} from staged {within}")
        put_rows = put.to_arrow_table()
        put_at = np.asarray(put_rows.column(COLUMN))
        put_rows = put_rows.select(self._table.names).cast(self._table.schema)
        held, held_at = self._held(group, into, count, is_moved=is_moved)
        twins, went = self._matched(held, put_rows, within)
        is_kept = np.ones(held.num_rows, bool)
        is_kept[twins["held"]] = is_kept[went] = False
        differing = self._differing(held, put_rows, twins)
        is_new = np.ones(put_rows.num_rows, bool)
        is_new[twins["put"]] = False
        is_changed = np.logical_or.reduce([is_new, *differing.values()])
        self.changed_count += int(is_changed.sum())
        self.gone_count += len(went)
        self.row_count += int(is_new.sum()) - len(went)
        if self.is_noted:
            came = put_rows.select(self._table.key).filter(pa.array(is_changed))
            columns = {name: differs[is_changed] for name, differs in differing.items()}
            left = held.select(self._table.key).take(went)
            self.noted.append(changes.rows(self._table, came, is_new[is_changed], columns, left))
        due = into if is_moved else np.union1d(put_at[is_changed], held_at[went]).tolist()
        for number in due:
            parts = (_of(held, is_kept & (held_at == number)), _of(put_rows, put_at == number))
            yield tables.Rewritten(number, pa.concat_tables(parts))

    def _held(
        self, group: Collection[int], into: Sequence[int], count: int, *, is_moved: bool
    ) -> tuple[pa.Table, np.ndarray]:
        """The stored rows of a group that lie in one of the buckets `into`, and which each does."""
        schema = self._table.schema
        if self._stored is None:
            return schema.empty_table(), np.zeros(0, np.int32)
        parts = sorted((number_of(part), part) for part in self._stored.parts)
        found = [(n, self._stored.rows_of(part).cast(schema)) for n, part in parts if n in group]
        held = pa.concat_tables([schema.empty_table(), *(rows for _, rows in found)])
        if not is_moved:
            numbers = np.array([number for number, _ in found], np.int32)
            return held, numbers.repeat([rows.num_rows for _, rows in found])
        self._engine.register("held", held.select(self._table.key))
        bucket = bucket_sql(self._table.key, count)
        moved = self._engine.sql(f"select {bucket} as {COLUMN} from held").to_arrow_table()
        moved_to = np.asarray(moved.column(COLUMN))
        is_here = np.isin(moved_to, into)
        return held.filter(pa.array(is_here)), moved_to[is_here]

    def _matched(
        self, held: pa.Table, put: pa.Table, within: str
    ) -> tuple[Mapping[str, np.ndarray], np.ndarray]:
        """Where stored rows and rows to put have one key, and which stored rows are to go."""
        for name, rows in (("held", held), ("put", put)):
            numbers = pa.array(np.arange(rows.num_rows), pa.int64())
            keys = rows.select(self._table.key).append_column("number", numbers)
            self._engine.register(name, keys)
        key = self._key
        twins = self._engine.sql(
            f"select held.number as held, put.number as put from held join put using ({key})"
        ).fetchnumpy()
        going = "" if self._is_whole else f"semi join (from going {within}) using ({key})"
        went = f"select number from held anti join put using ({key}) {going} order by number"
        return twins, self._engine.sql(went).fetchnumpy()["number"]

    def _differing(
        self, held: pa.Table, put: pa.Table, twins: Mapping[str, np.ndarray]
    ) -> Mapping[str, np.ndarray]:
        """By column which rows to put are not what is stored; one that is new is it nowhere."""
        self._engine.register("held", held.take(twins["held"]))
        self._engine.register("put", put.take(twins["put"]))
        told = [name for name in self._table.names if name not in self._table.key]
        columns = ", ".join(f"put.{name} is distinct from held.{name} as {name}" for name in told)
        found = self._engine.sql(
            f"select {columns or 'true'} from put positional join held"
        ).fetchnumpy()
        differing = {name: np.ones(put.num_rows, bool) for name in told}
        for name, differs in differing.items():
            differs[twins["put"]] = found[name]
        return differing


def _of(rows: pa.Table, chosen: np.ndarray) -> pa.Table:
    """The chosen rows; those of one bucket lie together, and the others are not looked at."""
    found = np.flatnonzero(chosen)
    if not len(found):
        return rows.slice(0, 0)
    first, last = found[0], found[-1] + 1
    return rows.slice(first, last - first).filter(pa.array(chosen[first:last]))


def in_groups(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """A few buckets at a time, as many as are read and written at once."""
    for at in range(0, len(numbers), _AT_ONCE):
        yield numbers[at : at + _AT_ONCE]


def number_of(part: Part) -> int:
    """The bucket that a part is."""
    return int(part.partition[COLUMN])
