"""Which rows a version of a table changed, and where: noted beside it for who follows the table.

Here: the note of one step from version to version, its file, and the steps between two versions.
Who follows a table needs to know what differs, and would find it by reading both versions whole.
Not here: finding it out (`buckets`), which versions somebody may still follow (`ops.retention`).

A note is no more than a short cut: where one is missing, damaged, or was never written, the
versions themselves are compared. Its file is named after the step and the checksum of what is in
it, and is no Parquet file, which somebody might take for rows of the table. It holds keys of rows
that are no more, so it goes as soon as the version before it goes.
"""

import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sxe_pipeline.errors import NotFound
from sxe_pipeline.schema.table import Table
from sxe_pipeline.store.objects import Objects

FOLDER = "_changes"
"""Below the table: what begins so is no file of Delta's, which a vacuum would delete."""
NEW, GONE = "is_new", "is_gone"
MOST_ROWS = 1_000_000
"""Of a step with more of them there is no note: whoever follows it had better read all."""
_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")
_STEP = re.compile(r".*/(\d+)-(\d+)-([0-9a-f]{8})\.arrow")


def columns(table: Table) -> pa.Schema:
    """What a note holds of a row: its key, if it is new or gone, and which other columns changed.

    Of a row that came or went each column changed.
    """
    key = [table.schema.field(name) for name in table.key]
    told = (NEW, GONE, *(name for name in table.names if name not in table.key))
    return pa.schema([*key, *(pa.field(name, pa.bool_(), nullable=False) for name in told)])


class _Step(NamedTuple):
    """From one version to the next that was named, as the name of its file tells it."""

    before: int
    version: int
    crc: int


def rows(
    table: Table,
    came: pa.Table,
    is_new: np.ndarray,
    differing: Mapping[str, np.ndarray],
    left: pa.Table,
) -> pa.Table:
    """What a note says of some rows, in `columns`.

    Args:
        table: Where they are.
        came: Keys of rows that are new or say something else.
        is_new: Which of these are new.
        differing: By other column which of these say something else there; new ones do everywhere.
        left: Keys of rows that are no more.
    """
    schema, gone = columns(table), np.ones(left.num_rows, bool)
    marks = {
        NEW: np.concatenate([is_new, ~gone]),
        GONE: np.concatenate([np.zeros(came.num_rows, bool), gone]),
        **{name: np.concatenate([differs, gone]) for name, differs in differing.items()},
    }
    arrays = [pa.array(marks[field.name], field.type) for field in schema if field.name in marks]
    return pa.table([*pa.concat_tables([came, left]).columns, *arrays], schema=schema)


def note(
    root: str, table: Table, before: int, version: int, changed: Sequence[pa.Table] | None
) -> None:
    """Keep what a version changed, before it is named; None where too much, or all, did.

    Args:
        root: URL of the table store.
        table: What was changed.
        before: The version that it was made of.
        version: Its number.
        changed: As `rows` gives them.

    Raises:
        StoreUnavailable: The store failed.
    """
    objects = Objects(root)
    # A version that was never named may have had the number, or one of a store that was lost.
    _delete(objects, table.name, lambda step: step.version >= version)
    if changed is None:
        return
    told = pa.concat_tables([columns(table).empty_table(), *changed])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, told.schema, options=_OPTIONS) as file:
        file.write(told)
    data = sink.getvalue().to_pybytes()
    objects.put_new(f"{table.name}/{FOLDER}/{before}-{version}-{zlib.crc32(data):08x}.arrow", data)


def between(root: str, table: Table, before: int, after: int) -> pa.Table | None:
    """What the steps from one version to a later one changed.

    Args:
        root: URL of the table store.
        table: The table, with all of its columns or those that are asked for.
        before: The earlier version.
        after: The later one.

    Returns:
        The rows of all notes, with their `step`; None where not every step is noted, so that the
        versions must be compared.

    Raises:
        StoreUnavailable: The store failed.
    """
    objects, told = Objects(root), columns(table)
    noted = {step.version: (key, step) for key, step in _steps(objects, table.name)}
    found, at = [_with_step(told.empty_table(), before)], after
    while at > before and at in noted:
        key, step = noted[at]
        try:
            data = objects.get(key)
        except NotFound:  # upkeep was faster
            return None
        if zlib.crc32(data) != step.crc:
            return None
        rows = pa.ipc.open_file(data).read_all().select(told.names)
        found.append(_with_step(rows, at))
        at = step.before
    return pa.concat_tables(found) if at == before else None


def _with_step(rows: pa.Table, step: int) -> pa.Table:
    return rows.append_column("step", pa.repeat(pa.scalar(step), rows.num_rows))


def drop(root: str, name: str, keep: Collection[int] = ()) -> None:
    """Delete the notes of steps that do not lead from one kept version to another."""
    kept = set(keep)
    _delete(Objects(root), name, lambda step: not {step.before, step.version} <= kept)


def _delete(objects: Objects, name: str, is_due: Callable[[_Step], bool]) -> None:
    for key, step in _steps(objects, name):
        if is_due(step):
            objects.delete(key)


def _steps(objects: Objects, name: str) -> Iterator[tuple[str, _Step]]:
    for entry in objects.list(f"{name}/{FOLDER}"):
        if found := _STEP.fullmatch(entry.key):
            yield entry.key, _Step(int(found[1]), int(found[2]), int(found[3], 16))
