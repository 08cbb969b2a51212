"""What stands between a landed row and Tier 1: redaction, the second detector, the schema.

Here: one pure function from a batch of landed rows to observations and leaks. Not here: reading
files and writing tables (`observe`); how contact data is recognised (`sxe_pipeline.redact`).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline import redact
from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.redact import scan
from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION, QUARANTINE, WORDS
from sxe_pipeline.social.networks import INGESTED

_TEXTS = ("display_name", "bio", "location", "category", "region", "platform_language")
_SCANNED = (*_TEXTS, "handle")
_SCANNED_LISTS = ("interests", "links")
_KEY = r"^(?:id:[0-9]+|handle:(?s:.+))$"


@dataclass(frozen=True)
class Screen:
    """The rules in force. A test switches one off by handing in another function."""

    redact_array: Callable[[pa.Array], redact.Redacted] = redact.redact_array
    redact_links: Callable[[pa.Array], redact.RedactedLinks] = redact.redact_links
    contact_shaped: Callable[[pa.Array], pa.Array] = redact.contact_shaped
    scan_array: Callable[[pa.Array], pa.Array] = scan.scan_array
    ruleset_version: str = redact.RULESET_VERSION


def redact_rows(
    batch: pa.RecordBatch, landed_day: dt.date, screen: Screen | None = None
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Take contact data out of landed rows; what still holds some is a leak and no observation.

    A handle that is shaped like contact data becomes null, or makes the row a leak where it is the
    account's key. `is_scan_open` marks rows in which the second detector sees a contact shape.

    Args:
        batch: Rows of `LANDED_ROW`.
        landed_day: The partition they belong to.
        screen: The rules in force; all of them by default.

    Returns:
        Rows of `OBSERVATION`, and rows of `QUARANTINE` with the reason 'leak'; together as many
        as were given.

    Raises:
        ContractBroken: The batch is not of `LANDED_ROW`, a required value is null, or an account
            key has neither form.
    """
    screen = screen or Screen()
    if not batch.schema.equals(LANDED_ROW):
        raise ContractBroken("a batch is not in the landed_row schema; the reader must return that")
    columns = {name: batch.column(name) for name in batch.schema.names}
    is_leak = _check_handles(columns, screen)
    columns |= _redacted(columns, batch.num_rows, screen)
    verdicts = _verdicts(columns, batch.num_rows, screen)
    is_leak = pc.or_(is_leak, pa.array(verdicts == _CERTAIN))
    columns["is_scan_open"] = pa.array(verdicts == _SHAPE)
    columns["landed_day"] = pa.repeat(pa.scalar(landed_day, pa.date32()), batch.num_rows)
    seen = pa.RecordBatch.from_arrays(
        [columns[field.name] for field in OBSERVATION], schema=OBSERVATION
    )
    leaks = pa.RecordBatch.from_arrays(
        [
            *(columns[name] for name in ("landed_day", "collection", "file_sha256", "row")),
            columns["shape"],
            pa.repeat("leak", batch.num_rows),
        ],
        schema=QUARANTINE,
    )
    observations = seen.filter(pc.invert(is_leak))
    check_observations(observations)
    return observations, leaks.filter(is_leak)


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


_CERTAIN, _SHAPE = 2, 1


def _check_handles(columns: dict[str, pa.Array], screen: Screen) -> pa.Array:
    """Null the handles that are contact data; True where such a handle is the account's key."""
    keys = columns["account_key"]
    shaped = pc.fill_null(screen.contact_shaped(columns["handle"]), False)
    by_handle = pc.starts_with(keys, "handle:")
    spelled = pc.if_else(by_handle, pc.utf8_slice_codeunits(keys, len("handle:")), None)
    shaped_key = pc.fill_null(screen.contact_shaped(spelled), False)
    columns["handle"] = pc.if_else(shaped, pa.scalar(None, pa.string()), columns["handle"])
    return pc.and_(by_handle, pc.or_(shaped, shaped_key))


def _redacted(columns: dict[str, pa.Array], rows: int, screen: Screen) -> dict[str, pa.Array]:
    counts = np.zeros(rows, dtype=np.int64)
    kinds: dict[int, set[str]] = defaultdict(set)

    def tally(parents: np.ndarray, found: pa.Array, found_kinds: pa.Array) -> None:
        hits = np.flatnonzero(_numbers(found))
        np.add.at(counts, parents[hits], _numbers(found)[hits])
        for parent, names in zip(
            parents[hits].tolist(), found_kinds.take(pa.array(hits)).to_pylist(), strict=True
        ):
            kinds[parent].update(names or ())

    every = np.arange(rows)
    clean: dict[str, pa.Array] = {}
    for name in _TEXTS:
        texts = screen.redact_array(columns[name])
        clean[name] = texts.texts
        tally(every, texts.counts, texts.kinds)
    interests = screen.redact_array(pc.list_flatten(columns["interests"]))
    clean["interests"] = _lists(columns["interests"], interests.texts)
    tally(_parents(columns["interests"]), interests.counts, interests.kinds)
    links = screen.redact_links(columns["links"])
    clean["links"] = _lists(links.links, pc.list_flatten(links.links))
    tally(every, links.counts, links.kinds)
    return clean | {
        "link_hub": links.hubs,
        "redaction_count": pa.array(counts, pa.int32()),
        "redaction_kinds": pa.array([sorted(kinds.get(row, ())) for row in range(rows)], WORDS),
        "ruleset_version": pa.repeat(screen.ruleset_version, rows),
    }


def _verdicts(columns: dict[str, pa.Array], rows: int, screen: Screen) -> np.ndarray:
    """What the second detector says of each row: 0, `_SHAPE` or `_CERTAIN`."""
    worst = np.zeros(rows, dtype=np.int8)
    for parents, texts in _scanned(columns, rows):
        found = screen.scan_array(texts)
        for verdict, name in ((_SHAPE, "shape"), (_CERTAIN, "certain")):
            hit = np.flatnonzero(_numbers(pc.equal(found, name)))
            np.maximum.at(worst, parents[hit], verdict)
    return worst


def _scanned(columns: dict[str, pa.Array], rows: int) -> Iterator[tuple[np.ndarray, pa.Array]]:
    for name in _SCANNED:
        yield np.arange(rows), columns[name]
    for name in _SCANNED_LISTS:
        yield _parents(columns[name]), pc.list_flatten(columns[name])


def _parents(lists: pa.Array) -> np.ndarray:
    return np.asarray(pc.list_parent_indices(lists))


def _numbers(values: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(values.cast(pa.int64()), 0))


def _lists(like: pa.Array, values: pa.Array) -> pa.Array:
    """Lists as long as those of `like`, over other values."""
    ends = np.cumsum(_numbers(pc.list_value_length(like)))
    offsets = pa.array(np.concatenate(([0], ends)), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, type=WORDS)
