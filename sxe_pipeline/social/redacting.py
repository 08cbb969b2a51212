"""Redaction as an act of an engine: landed rows in, observations and quarantine rows out.

Here: the columns on both sides, and what becomes of rows that the rules cannot work on. Not here:
redaction itself (`redaction`), reading files, counting and writing (`day`).
"""

import datetime as dt
from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.engine import Act
from sxe_pipeline.errors import SxeError
from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION, QUARANTINE
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline.social.redaction import redact_rows, unredactable

REDACTED = pa.unify_schemas(
    [
        pa.schema([field.with_nullable(True) for field in table.schema])
        for table in (OBSERVATION, QUARANTINE)
    ]
)
"""A row of QUARANTINE where `reason` is not null, else of OBSERVATION; null in columns of the other
one."""
_NO_OBSERVATIONS = pa.RecordBatch.from_pylist([], schema=OBSERVATION.schema)


def act(landed_day: dt.date, detectors: Detectors) -> Act:
    """Rows of LANDED_ROW of one day become rows of REDACTED."""
    redact_all = partial(redact, landed_day=landed_day, detectors=detectors)
    return Act(redact_all, LANDED_ROW.schema, REDACTED)


def redact(
    landed: Iterator[pa.RecordBatch], landed_day: dt.date, detectors: Detectors
) -> Iterator[pa.RecordBatch]:
    """The observations of each batch, then its quarantine rows.

    Args:
        landed: Rows of LANDED_ROW.
        landed_day: The partition they belong to.
        detectors: The rules in force.

    Raises:
        ContractBroken: The reader broke its contract: that is no fault of a row.
    """
    for batch in landed:
        for pair in _redacted(batch, landed_day, detectors):
            yield from (_in_all_columns(rows) for rows in pair if rows.num_rows)


def parted(made: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Rows of REDACTED as rows of OBSERVATION and rows of QUARANTINE."""
    is_stored = pc.is_null(made.column("reason"))
    return (
        made.filter(is_stored).select(OBSERVATION.names).cast(OBSERVATION.schema),
        made.filter(pc.invert(is_stored)).select(QUARANTINE.names).cast(QUARANTINE.schema),
    )


def _redacted(
    rows: pa.RecordBatch, day: dt.date, detectors: Detectors
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Observations and quarantine rows; a row that cannot be redacted is none that is stored."""
    try:
        yield redact_rows(rows, day, detectors)
    except SxeError:
        raise
    except Exception:  # noqa: BLE001 - whatever a text does to a rule, it is not stored unredacted
        if rows.num_rows == 1:
            yield _NO_OBSERVATIONS, unredactable(rows, day)
            return
        half = rows.num_rows // 2
        for part in (rows.slice(0, half), rows.slice(half)):
            yield from _redacted(part, day, detectors)


def _in_all_columns(rows: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        rows.column(field.name)
        if field.name in rows.schema.names
        else pa.nulls(rows.num_rows, field.type)
        for field in REDACTED
    ]
    return pa.record_batch(columns, schema=REDACTED)
