"""Batches that crossed the border before newer redaction rules: in which of them contacts are left.

Here: the rules in force over the rows of published batches of Tier 1, and which later batch
replaces one. Nothing is changed: what was handed off stays as it was signed. Not here: stored
profiles under newer rules (`social.newer_rules`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sxe_pipeline import redact
from sxe_pipeline.handoff.batches import Batch, list_batches
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
    next batch of its chain in which they find none; null: there is none yet.
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
    left: dict[tuple[str, str], list[tuple[Batch, int | None]]] = {}
    for batch in batches:
        chain = left.setdefault((batch.contract, batch.batch_key.chain), [])
        rows = _rows_of(objects, batch, ruleset_version)
        progress(batch.row_count)
        if rows == 0:
            found += [Affected(*one, replaced_by=batch.batch_id) for one in chain]
            chain.clear()
        else:
            chain.append((batch, rows))
    found += [Affected(*one, replaced_by=None) for chain in left.values() for one in chain]
    return sorted(found, key=lambda one: (one.batch.contract, one.batch.market, one.batch.day))


def rows_with_contacts(table: pa.Table, columns: Sequence[Column]) -> int:
    """In how many rows the rules in force find contact data.

    Args:
        table: Rows of a contract.
        columns: Its columns, whose classes say what is a text and what a link.

    Example:
        >>> bio = Column("bio", "string", class_="text")
        >>> rows_with_contacts(pa.table({"bio": ["me@example.com", "Baker", None]}), [bio])
        1
    """
    has_contact = np.zeros(table.num_rows, dtype=bool)
    for column in columns:
        if not column.may_hold_contacts:
            continue
        for leaf in arrow.leaves(column, table[column.name].combine_chunks()):
            has_contact[leaf.rows[_hits(leaf.column, leaf.values)]] = True
    return int(has_contact.sum())


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


def _rows_of(objects: Objects, batch: Batch, ruleset_version: str) -> int | None:
    columns = load(batch.contract, batch.contract_version).columns
    parts = [entry.key for entry in objects.list(batch.folder) if entry.key.endswith(".parquet")]
    if not parts:
        return None
    count = 0
    for part in parts:
        with objects.open(part) as stream:
            for piece in pq.ParquetFile(stream).iter_batches(_ROWS):
                older = piece.filter(pc.not_equal(piece[_VERSION], ruleset_version))
                count += rows_with_contacts(pa.Table.from_batches([older]), columns)
    return count
