"""Whether a stored table holds contact data: the second detector over all that may hold some.

Here: which columns that is, by their class, and counting. Reports only: the guards stand before
the write, in the stages.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.redact import scan
from sxe_pipeline.schema import arrow
from sxe_pipeline.schema.table import Table
from sxe_pipeline.store.tables import Snapshot


@dataclass(frozen=True)
class Leaks:
    """What the second detector sees, in values: `certain` contacts and open shapes."""

    certain: int = 0
    open: int = 0


def contact_data(stored: Snapshot | None, table: Table) -> Leaks:
    """Scan every text and link of a table, lists and structs included.

    Args:
        stored: The version to scan; None, a table that was never written, holds nothing.
        table: What its columns are. A stored column that it does not name counts as text.
    """
    if stored is None:
        return Leaks()
    columns = [
        column
        for column in arrow.columns_of(stored.schema, table.columns)
        if column.may_hold_contacts
    ]
    certain = shape = 0
    for batch in stored.dataset().to_batches(columns=[column.name for column in columns]):
        for column in columns:
            for leaf in arrow.leaves(column, batch.column(column.name)):
                if leaf.column.may_hold_contacts:
                    verdicts = scan.scan_array(leaf.values.cast(pa.string()))
                    certain += pc.sum(pc.equal(verdicts, "certain")).as_py() or 0
                    shape += pc.sum(pc.equal(verdicts, "shape")).as_py() or 0
    return Leaks(certain, shape)
