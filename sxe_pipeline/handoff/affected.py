"""Batches that crossed the border before newer redaction rules: in which of them contacts are left.

Here: the rules in force over the rows of published batches of Tier 1, and which later batch
replaces one. Nothing is changed: what was handed off stays as it was signed. Not here: stored
profiles under newer rules (`social.newer_rules`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sxe_pipeline import redact
from sxe_pipeline.handoff.batches import Batch, list_batches
from sxe_pipeline.handoff.files.delta import KEY
from sxe_pipeline.handoff.files.parts import ABOVE, FOLDERS
from sxe_pipeline.schema import arrow, load
from sxe_pipeline.schema.columns import Column
from sxe_pipeline.store.objects import Objects

_VERSION = "ruleset_version"
_HANDLE = "handle"
_ROWS = 32_768
"""That are looked at at once: memory does not grow with the batch."""


@dataclass(frozen=True, slots=True)
class Affected:
    """A batch in which the rules in force find contacts.

    `rows` is in how many of its rows; null: its files are gone from the store. `replaced_by` is the
    next batch of its chain as of which no such row is left: a full one in which they find none, or
    a delta that puts the last of them anew or takes it out. Null: there is none yet.
    """

    batch: Batch
    rows: int | None
    replaced_by: str | None


def affected(
    conn: psycopg.Connection,
    objects: Objects,
    ruleset_version: str = redact.RULESET_VERSION,
    progress: Callable[[int], None] = lambda rows: None,
) -> list[Affected]:
    """The published batches of Tier 1 in which the rules in force find contacts, oldest first.

    Rows of these very rules are not looked at again.

    Args:
        conn: A login that may read the batches, in no transaction.
        objects: The handoff store of Tier 1.
        ruleset_version: The rules in force.
        progress: Told the rows of each batch that was read.
    """
    with conn.transaction():
        batches = [batch for batch in list_batches(conn) if _has_rules(batch)]
    found = []
    chains: dict[tuple[str, str], _Chain] = {}
    for batch in batches:
        chain = chains.setdefault((batch.contract, batch.batch_key.chain), _Chain())
        rows = _rows_of(objects, batch, ruleset_version, chain)
        progress(batch.row_count)
        if rows != 0:
            chain.left.append((batch, rows))
        elif not chain.ids and not chain.is_unknown:
            found += [Affected(*one, replaced_by=batch.batch_id) for one in chain.left]
            chain.left.clear()
    found += [Affected(*one, replaced_by=None) for chain in chains.values() for one in chain.left]
    return sorted(found, key=lambda one: (one.batch.contract, one.batch.market, one.batch.day))


@dataclass(slots=True)
class _Chain:
    """What a reader of a chain holds as of some batch: the rows in which contacts are found.

    `left`: batches with such rows that nothing has replaced yet. `is_unknown`: files of a batch are
    gone, and no full batch came since.
    """

    left: list[tuple[Batch, int | None]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    is_unknown: bool = False

    def take_out(self, ids: pa.Array) -> None:
        """Rows that are put anew, or removed."""
        if self.ids:
            known = pc.is_in(ids, value_set=pa.array(sorted(self.ids), pa.string()))
            self.ids.difference_update(ids.filter(known).to_pylist())


def _has_contact(table: pa.Table, columns: Sequence[Column]) -> np.ndarray:
    has_contact = np.zeros(table.num_rows, dtype=bool)
    for column in columns:
        if not column.may_hold_contacts:
            continue
        for leaf in arrow.leaves(column, table[column.name].combine_chunks()):
            has_contact[leaf.rows[_hits(leaf.column, leaf.values)]] = True
    return has_contact


def _hits(column: Column, values: pa.Array) -> np.ndarray:
    if column.name == _HANDLE:
        counts = redact.contact_shaped(values)
    elif column.handling == "text":
        counts = redact.redact_array(values).counts
    elif column.handling == "link":
        alone = pa.ListArray.from_arrays(pa.array(range(len(values) + 1), pa.int32()), values)
        counts = redact.redact_links(alone).counts
    else:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.asarray(pc.fill_null(counts.cast(pa.int64()), 0)))


def _has_rules(batch: Batch) -> bool:
    return _VERSION in load(batch.contract, batch.contract_version).names


def _rows_of(objects: Objects, batch: Batch, ruleset_version: str, chain: _Chain) -> int | None:
    """In how many rows of a batch contacts are found; the chain is what the batch makes of it."""
    contract = load(batch.contract, batch.contract_version)
    if batch.kind == "full":
        chain.ids, chain.is_unknown = set(), False
    put, taken_out = (_parts(objects, batch, above) for above in ABOVE.values())
    if not put:
        chain.is_unknown = True
        return None
    for piece in _pieces(objects, taken_out):
        chain.take_out(piece[KEY])
    count = 0
    for piece in _pieces(objects, put):
        ids = piece[contract.key[0]]
        chain.take_out(ids)
        is_older = pc.not_equal(piece[_VERSION], ruleset_version)
        older = pa.Table.from_batches([piece.filter(is_older)])
        has_contact = _has_contact(older, contract.columns)
        chain.ids.update(ids.filter(is_older).filter(pa.array(has_contact)).to_pylist())
        count += int(has_contact.sum())
    return count


def _parts(objects: Objects, batch: Batch, above: str) -> list[str]:
    folder = f"{batch.folder}/{above}{FOLDERS['parquet']}"
    return [entry.key for entry in objects.list(folder)]


def _pieces(objects: Objects, parts: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        with objects.open(part) as stream:
            yield from pq.ParquetFile(stream).iter_batches(_ROWS)
