"""What is checked of Tier 1 after it is written: reports; the guards stand before the write."""

from dataclasses import dataclass

import psycopg

from sxe_pipeline.store.tables import Snapshot


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


def newest_leak_count(conn: psycopg.Connection) -> int:
    """How many rows the newest run had to quarantine as a leak."""
    row = conn.execute(
        "select coalesce(sum(leak_count), 0) from social.day_count "
        "where counted_at = (select max(counted_at) from social.day_count)"
    ).fetchone()
    return int(row[0]) if row else 0


def balance(
    conn: psycopg.Connection, observations: Snapshot | None, quarantine: Snapshot | None
) -> Balance:
    """Compare the counts of every observed day with the rows of both tables.

    Args:
        conn: The social tier's login.
        observations: The named version; None where the table was never written.
        quarantine: Likewise.
    """
    row = conn.execute(
        # What retention took out of a table is not in it; the day keeps its counts.
        "select count(*), coalesce(sum(input_count "
        "- case when observations_expired_at is null then 0 else observation_count end "
        "- case when quarantine_expired_at is null then 0 else quarantine_count end), 0) "
        "from social.day_count"
    )
    days, expected = row.fetchone() or (0, 0)
    stored = sum(t.dataset().count_rows() for t in (observations, quarantine) if t is not None)
    return Balance(int(days), int(expected), stored)
