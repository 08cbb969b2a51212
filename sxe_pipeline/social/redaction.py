"""What stands between a landed row and Tier 1: redaction, the second detector, the schema.

Here: one pure function from a batch of landed rows to observations and leaks. Which columns it is
about is read off their class. Not here: reading files and writing tables (`observe`); how contact
data is recognised (`sxe_pipeline.redact`).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.schema import arrow
from sxe_pipeline.schema.columns import Column
from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION, QUARANTINE
from sxe_pipeline.social import posts
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline.social.networks import INGESTED

_HANDLE = "handle"
"""The one text that is no prose: what is left of a redacted handle would be somebody else's."""
_APART = frozenset({_HANDLE, posts.COLUMN})
"""Columns that are handled by rules of their own: of a caption only clean terms are left."""
_PLACE = "location"
"""Where an account says it is: in some places phone numbers are short."""
_SEAMS = (("display_name", "bio"), ("bio", "location"))
"""Texts that are shown one after the other: a contact may begin in one and end in the next."""
_KINDS = pa.list_(pa.field("element", pa.string(), nullable=False))
_KEY = r"^(?:id:[0-9]+|handle:(?s:.+))$"
_CERTAIN, _SHAPE = 2, 1


def redact_rows(
    batch: pa.RecordBatch, landed_day: dt.date, detectors: Detectors | None = None
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Take contact data out of landed rows; what still holds some is a leak and no observation.

    A handle that is shaped like contact data becomes null, or makes the row a leak where it is the
    account's key. `is_scan_open` marks rows in which the second detector sees a contact shape.

    Args:
        batch: Rows of `LANDED_ROW`.
        landed_day: The partition they belong to.
        detectors: The rules in force; all of them by default.

    Returns:
        Rows of `OBSERVATION`, and rows of `QUARANTINE` with the reason 'leak'; together as many
        as were given.

    Raises:
        ContractBroken: The batch is not of `LANDED_ROW`, a required value is null, or an account
            key has neither form.
    """
    detectors = detectors or Detectors()
    if not batch.schema.equals(LANDED_ROW.schema):
        raise ContractBroken("a batch is not in the landed_row schema; the reader must return that")
    columns = {name: batch.column(name) for name in batch.schema.names}
    is_leak = _check_handles(columns, detectors)
    columns[posts.COLUMN] = posts.evidence(columns[posts.COLUMN], detectors)
    columns |= _redacted(columns, batch.num_rows, detectors)
    verdicts = _verdicts(columns, batch.num_rows, detectors)
    is_leak = pc.or_(is_leak, pa.array(verdicts == _CERTAIN))
    columns["is_scan_open"] = pa.array(verdicts == _SHAPE)
    columns["landed_day"] = pa.repeat(pa.scalar(landed_day, pa.date32()), batch.num_rows)
    columns["reason"] = pa.repeat("leak", batch.num_rows)
    observations = _batch(OBSERVATION.schema, columns).filter(pc.invert(is_leak))
    check_observations(observations)
    return observations, _batch(QUARANTINE.schema, columns).filter(is_leak)


def unredactable(batch: pa.RecordBatch, landed_day: dt.date) -> pa.RecordBatch:
    """The quarantine rows of landed rows that the rules cannot work on: a bad value, no leak."""
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["landed_day"] = pa.repeat(pa.scalar(landed_day, pa.date32()), batch.num_rows)
    columns["reason"] = pa.repeat("bad_value", batch.num_rows)
    return _batch(QUARANTINE.schema, columns)


def _batch(schema: pa.Schema, columns: dict[str, pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def check_observations(batch: pa.RecordBatch) -> None:
    """Refuse rows that break the schema of observations.

    Raises:
        ContractBroken: With the column and the number of rows; never a value.
    """
    broken = {
        field.name: batch.column(field.name).null_count
        for field in batch.schema
        if not field.nullable and batch.column(field.name).null_count
    }
    keys = pc.match_substring_regex(batch.column("account_key"), _KEY)
    broken["account_key"] = batch.num_rows - (pc.sum(keys).as_py() or 0)
    known = pc.is_in(batch.column("platform"), pa.array(sorted(INGESTED)))
    broken["platform"] = batch.num_rows - (pc.sum(known).as_py() or 0)
    counts = {name: count for name, count in broken.items() if count}
    if counts:
        raise ContractBroken(f"rows break the observation schema, by column: {counts}; fix the map")


def _check_handles(columns: dict[str, pa.Array], detectors: Detectors) -> pa.Array:
    """Null the handles that are contact data; True where such a handle is the account's key."""
    keys = columns["account_key"]
    shaped = pc.fill_null(detectors.contact_shaped(columns[_HANDLE]), False)
    by_handle = pc.starts_with(keys, "handle:")
    spelled = pc.if_else(by_handle, pc.utf8_slice_codeunits(keys, len("handle:")), None)
    shaped_key = pc.fill_null(detectors.contact_shaped(spelled), False)
    columns[_HANDLE] = pc.if_else(shaped, pa.scalar(None, pa.string()), columns[_HANDLE])
    return pc.and_(by_handle, pc.or_(shaped, shaped_key))


def _redacted(columns: dict[str, pa.Array], rows: int, detectors: Detectors) -> dict[str, pa.Array]:
    """Every column that may hold contact data without it, and what the row says of that."""
    mine = [
        column
        for column in LANDED_ROW.columns
        if column.may_hold_contacts and column.name not in _APART
    ]
    redaction = _Redaction(rows, detectors)
    found = (leaf for column in mine for leaf in arrow.leaves(column, columns[column.name]))
    texts = [leaf for leaf in found if leaf.column.handling == "text"]
    redacted = redaction.texts(texts, columns[_PLACE])
    every = np.arange(rows)
    clean = {
        column.name: redaction.clean(column, columns[column.name], every, redacted)
        for column in mine
    }
    for first, second in _SEAMS:
        clean[first], clean[second] = redaction.join(clean[first], clean[second])
    kinds = [sorted(redaction.kinds.get(row, ())) for row in range(rows)]
    return clean | {
        "link_hub": pa.array(redaction.hubs, pa.string()),
        "redaction_count": pa.array(redaction.counts, pa.int32()),
        "redaction_kinds": pa.array(kinds, _KINDS),
        "ruleset_version": pa.repeat(detectors.ruleset_version, rows),
    }


class _Redaction:
    """Cleans a batch, and keeps per row what went: how many contacts, which kinds, which hub."""

    def __init__(self, rows: int, detectors: Detectors) -> None:
        self._detectors = detectors
        self.counts = np.zeros(rows, dtype=np.int64)
        self.kinds: dict[int, set[str]] = defaultdict(set)
        self.hubs: list[str | None] = [None] * rows

    def texts(self, leaves: Sequence[arrow.Leaf], places: pa.Array) -> Iterator[pa.Array]:
        """The texts of each leaf without contact data, in their order.

        All are searched as one column: asking costs more than a column of few texts does.
        """
        rows = np.concatenate([leaf.rows for leaf in leaves])
        redacted = self._detectors.redact_array(
            pa.concat_arrays([leaf.values for leaf in leaves]), places=places.take(pa.array(rows))
        )
        self._tally(rows, redacted.counts, redacted.kinds)
        return iter(_apart(redacted.texts, leaves))

    def clean(
        self, column: Column, values: pa.Array, rows: np.ndarray, texts: Iterator[pa.Array]
    ) -> pa.Array:
        """A column without contact data.

        Args:
            column: Says what is a list, a struct, a link and a text.
            values: Its values.
            rows: The row of each value.
            texts: What became of its texts, leaf by leaf, and of those of the columns after it.
        """
        if column.kind == "struct":
            fields = [
                self.clean(child, pc.struct_field(values, child.name), rows, texts)
                for child in column.children
            ]
            return pa.StructArray.from_arrays(
                fields, fields=list(values.type), mask=values.is_null()
            )
        if column.kind == "list" and column.children[0].handling == "link":
            return self._links(values, rows, values.type)
        if column.kind == "list":
            parents = np.asarray(pc.list_parent_indices(values))
            items = self.clean(column.children[0], pc.list_flatten(values), rows[parents], texts)
            return _lists(values, items, values.type)
        if column.handling == "link":
            alone = pa.ListArray.from_arrays(pa.array(range(len(values) + 1), pa.int32()), values)
            left = self._links(alone, rows, alone.type).to_pylist()
            return pa.array([links[0] if links else None for links in left], values.type)
        return next(texts) if column.handling == "text" else values

    def join(self, first: pa.Array, second: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Two columns that are shown one after the other, without what crosses their border."""
        joined = self._detectors.redact_seam(first, second)
        for row, kind in zip(joined.rows.tolist(), joined.kinds, strict=True):
            self.counts[row] += 1
            self.kinds[row].add(kind)
        return joined.first, joined.second

    def _links(self, lists: pa.Array, rows: np.ndarray, kind: pa.DataType) -> pa.Array:
        redacted = self._detectors.redact_links(lists)
        self._tally(rows, redacted.counts, redacted.kinds)
        for at in np.flatnonzero(np.asarray(redacted.hubs.is_valid())).tolist():
            self.hubs[rows[at]] = self.hubs[rows[at]] or redacted.hubs[at].as_py()
        return _lists(redacted.links, pc.list_flatten(redacted.links), kind)

    def _tally(self, rows: np.ndarray, counts: pa.Array, kinds: pa.Array) -> None:
        numbers = _numbers(counts)
        hits = np.flatnonzero(numbers)
        np.add.at(self.counts, rows[hits], numbers[hits])
        for row, names in zip(
            rows[hits].tolist(), kinds.take(pa.array(hits)).to_pylist(), strict=True
        ):
            self.kinds[row].update(names or ())


def _verdicts(columns: dict[str, pa.Array], rows: int, detectors: Detectors) -> np.ndarray:
    """What the second detector says of each row: 0, `_SHAPE` or `_CERTAIN`."""
    worst = np.zeros(rows, dtype=np.int8)
    leaves = [
        leaf
        for column in OBSERVATION.columns
        if column.may_hold_contacts
        for leaf in arrow.leaves(column, columns[column.name])
        if leaf.column.may_hold_contacts
    ]
    answers = detectors.scan_array(pa.concat_arrays([leaf.values for leaf in leaves]))
    row_of = np.concatenate([leaf.rows for leaf in leaves])
    for verdict, name in ((_SHAPE, "shape"), (_CERTAIN, "certain")):
        hits = np.flatnonzero(_numbers(pc.equal(answers, name)))
        np.maximum.at(worst, row_of[hits], verdict)
    return worst


def _apart(joined: pa.Array, leaves: Sequence[arrow.Leaf]) -> list[pa.Array]:
    """Values that were one column, as those of the leaves that they came from."""
    ends = np.cumsum([len(leaf.values) for leaf in leaves]).tolist()
    return [
        joined.slice(end - len(leaf.values), len(leaf.values))
        for end, leaf in zip(ends, leaves, strict=True)
    ]


def _numbers(values: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(values.cast(pa.int64()), 0))


def _lists(like: pa.Array, items: pa.Array, kind: pa.DataType) -> pa.Array:
    """Lists as long as those of `like`, over other items."""
    ends = np.cumsum(_numbers(pc.list_value_length(like)))
    offsets = pa.array(np.concatenate(([0], ends)), pa.int32())
    mask = like.is_null() if like.null_count else None
    return pa.ListArray.from_arrays(offsets, items, type=kind, mask=mask)
