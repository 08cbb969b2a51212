"""What is checked of Tier 1 after it is written: reports; the guards stand before the write."""

from dataclasses import dataclass

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.redact import scan
from sxe_pipeline.store.tables import Snapshot

_TEXTS = ("handle", "display_name", "bio", "location", "category", "region", "platform_language")
_LISTS = ("links", "interests")


@dataclass(frozen=True)
class Found:
    """`certain` contacts and `open` shapes in what is stored; `leaks` were kept out of it."""

    certain: int
    open: int
    leaks: int


@dataclass(frozen=True)
class Balance:
    """Input rows as counted while reading, and rows as stored."""

    days: int
    input_count: int
    stored_count: int

    @property
    def is_even(self) -> bool:
        """Whether every input row is in exactly one of the two tables."""
        return self.input_count == self.stored_count


def contact_data(conn: psycopg.Connection, observations: Snapshot | None) -> Found:
    """Scan every stored text, and ask what the newest landed day had to quarantine as a leak."""
    row = conn.execute(
        "select coalesce(sum(leak_count), 0) from social.day_count "
        "where counted_at = (select max(counted_at) from social.day_count)"
    ).fetchone()
    leaks = int(row[0]) if row else 0
    if observations is None:
        return Found(0, 0, leaks)
    certain = shape = 0
    columns = [*_TEXTS, *_LISTS]
    for batch in observations.dataset().to_batches(columns=columns):
        for name in columns:
            values: pa.Array = batch.column(name)
            verdicts = scan.scan_array(pc.list_flatten(values) if name in _LISTS else values)
            certain += pc.sum(pc.equal(verdicts, "certain")).as_py() or 0
            shape += pc.sum(pc.equal(verdicts, "shape")).as_py() or 0
    return Found(certain, shape, leaks)


def balance(
    conn: psycopg.Connection, observations: Snapshot | None, quarantine: Snapshot | None
) -> Balance:
    """Compare the counts of every observed day with the rows of both tables."""
    row = conn.execute("select count(*), coalesce(sum(input_count), 0) from social.day_count")
    days, expected = row.fetchone() or (0, 0)
    stored = sum(t.dataset().count_rows() for t in (observations, quarantine) if t is not None)
    return Balance(int(days), int(expected), stored)
