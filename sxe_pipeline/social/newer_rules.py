"""Stored rows under newer redaction rules: what their landing file could not be read again for.

Here: the same rules on texts that were redacted once, and what a row says of both times. Redacting
twice is redacting once, so whatever goes now was missed before. What was taken out without need
comes back only where the landing file is still there to be read.
"""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION, QUARANTINE
from sxe_pipeline.social import posts
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline.social.redaction import redact_rows

_NO_REJECTS = pa.RecordBatch.from_pylist([], schema=QUARANTINE.schema)


def redact_stored(
    batch: pa.RecordBatch, landed_day: dt.date, detectors: Detectors
) -> tuple[pa.RecordBatch, pa.RecordBatch, int]:
    """Take out of stored rows what the rules in force find in them.

    Args:
        batch: Rows of `OBSERVATION` of one day, in any order.
        landed_day: Their partition.
        detectors: The rules in force.

    Returns:
        Rows of `OBSERVATION`, rows of `QUARANTINE` with the reason 'leak', and in how many rows
        something was found that stood there; rows of these very rules are answered as they are.
    """
    is_current = pc.equal(batch.column("ruleset_version"), detectors.ruleset_version)
    if pc.all(is_current).as_py() is not False:
        return batch, _NO_REJECTS, 0
    # Posts come without their captions: their words are gone through apart.
    stored = {name: batch.column(name) for name in batch.schema.names}
    landed_posts = pa.nulls(batch.num_rows, LANDED_ROW.schema.field(posts.COLUMN).type)
    landed = pa.RecordBatch.from_arrays(
        [(stored | {posts.COLUMN: landed_posts})[name] for name in LANDED_ROW.schema.names],
        schema=LANDED_ROW.schema,
    )
    again, leaks = redact_rows(landed, landed_day, detectors)
    before = batch.take(pc.index_in(_names(again), _names(batch)))
    own_posts, lost_words = posts.again(before.column(posts.COLUMN), detectors)
    found = np.asarray(again.column("redaction_count")) > 0
    lost_handles = np.asarray(
        pc.and_(pc.is_valid(before.column("handle")), pc.is_null(again.column("handle")))
    )
    columns = {name: again.column(name) for name in OBSERVATION.schema.names}
    columns["redaction_count"] = pc.add(
        before.column("redaction_count"), again.column("redaction_count")
    )
    columns["redaction_kinds"] = _united(before, again, found)
    columns[posts.COLUMN] = own_posts
    columns["link_hub"] = pc.coalesce(before.column("link_hub"), again.column("link_hub"))
    rows = pa.RecordBatch.from_arrays(list(columns.values()), schema=OBSERVATION.schema)
    count = int((found | lost_handles | lost_words).sum()) + leaks.num_rows
    return rows, leaks, count


def _names(batch: pa.RecordBatch) -> pa.Array:
    """One text per row that no other row of the day has."""
    parts = (batch.column(name).cast(pa.string()) for name in ("collection", "file_sha256", "row"))
    return pc.binary_join_element_wise(*parts, "\n")


def _united(before: pa.RecordBatch, again: pa.RecordBatch, found: np.ndarray) -> pa.Array:
    """The kinds of both times; per row only where something was found, which is rare."""
    kinds = before.column("redaction_kinds")
    if not found.any():
        return kinds
    old, new = kinds.to_pylist(), again.column("redaction_kinds").to_pylist()
    for row in np.flatnonzero(found).tolist():
        old[row] = sorted({*(old[row] or ()), *(new[row] or ())})
    return pa.array(old, kinds.type)
