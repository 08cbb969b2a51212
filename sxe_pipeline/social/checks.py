"""What is checked of Tier 1 after it is written, and that nothing leaves where it does not hold.

Here: verdicts on named versions, each found once and kept; what was counted of a day. Not here: the
guards before a write (`redaction`, `observe`).
"""

from datetime import date

import psycopg
import pyarrow.dataset as ds

from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import leaks
from sxe_pipeline.schema.tables import OBSERVATION
from sxe_pipeline.social import observe
from sxe_pipeline.social.day import DayCounts
from sxe_pipeline.store import tables
from sxe_pipeline.store.snapshot import Snapshot

COUNTS = "counts_add_up"
"""The name of the verdict that no row was lost or doubled."""


def newest_leak_count(conn: psycopg.Connection) -> int:
    """How many rows the newest run had to quarantine as a leak."""
    row = conn.execute(
        "select coalesce(sum(leak_count), 0) from social.day_count "
        "where counted_at = (select max(counted_at) from social.day_count)"
    ).fetchone()
    return int(row[0]) if row else 0


def counts_of(conn: psycopg.Connection, day: date) -> DayCounts:
    """What became of the input of a day, as it was counted; zeros where it was never observed."""
    row = conn.execute(
        "select input_count, observation_count, post_count, quarantine_count, reasons, open_count, "
        "leak_count from social.day_count where landed_day = %s",
        [day],
    ).fetchone()
    return DayCounts(day, *(row or (0, 0, 0, 0, {}, 0, 0)))


def observation_count(conn: psycopg.Connection) -> int:
    """How many observations there are, of all days."""
    row = conn.execute(
        "select coalesce(sum(observation_count), 0) from social.day_count"
    ).fetchone()
    return int(row[0]) if row else 0


def no_contact_data(conn: psycopg.Connection, root: str) -> versions.Verdict:
    """Whether the named observations hold no contact data for certain.

    Args:
        conn: The social tier's login, in a transaction.
        root: URL of the Tier 1 store.
    """
    stored = tables.snapshot(conn, root, observe.TABLE)
    return leaks.verdict(conn, stored, OBSERVATION) if stored else versions.Verdict(True, {})


def counts_add_up(conn: psycopg.Connection, root: str) -> versions.Verdict:
    """Whether every input row of every observed day is in exactly one of the two named tables.

    Sightings that were posts are counted apart: as many are among the observations as were read.

    Args:
        conn: The social tier's login, in a transaction.
        root: URL of the Tier 1 store.
    """
    # One statement: a day that another run commits meanwhile is in all of it or in nothing of it.
    row = conn.execute(
        # What retention took out of a table is not in it; the day keeps its counts.
        "select o.version, q.version, count(c), coalesce(sum(c.input_count "
        "- case when c.observations_expired_at is null then 0 else c.observation_count end "
        "- case when c.quarantine_expired_at is null then 0 else c.quarantine_count end), 0), "
        "coalesce(sum(c.post_count) filter (where c.observations_expired_at is null), 0) "
        "from ops.version o "
        "left join ops.version q on q.table_name = %s and q.superseded_at is null "
        "left join social.day_count c on true "
        "where o.table_name = %s and o.superseded_at is null group by 1, 2",
        [observe.QUARANTINE_TABLE, observe.TABLE],
    ).fetchone()
    if row is None:
        return versions.Verdict(True, {})
    observed, quarantined, days, expected, posts = row

    def judge() -> versions.Verdict:
        named = {observe.TABLE: observed, observe.QUARANTINE_TABLE: quarantined}
        stored = sum(
            Snapshot(name, version, root).dataset().count_rows()
            for name, version in named.items()
            if version is not None
        )
        stored_posts = _post_rows(Snapshot(observe.TABLE, observed, root))
        numbers = {
            "input_rows": int(expected),
            "stored_rows": stored,
            "post_rows": int(posts),
            "stored_post_rows": stored_posts,
            "days": int(days),
        }
        return versions.Verdict(stored == int(expected) and stored_posts == int(posts), numbers)

    return versions.verdict(conn, observe.TABLE, observed, COUNTS, judge)


def _post_rows(observations: Snapshot) -> int:
    """How many observations were posts; none where nobody told them apart yet."""
    if "is_post" not in observations.schema.names:
        return 0
    return int(observations.dataset().count_rows(filter=ds.field("is_post")))


def require_sound(conn: psycopg.Connection, root: str) -> None:
    """Refuse to publish from observations on which a verdict is not green; judges what nobody did.

    Args:
        conn: The social tier's login, outside of a transaction: a red verdict stays, too.
        root: URL of the Tier 1 store.

    Raises:
        Refused: A verdict is red.
    """
    with conn.transaction():
        found = {leaks.GUARD: no_contact_data(conn, root), COUNTS: counts_add_up(conn, root)}
    for guard, verdict in found.items():
        versions.require(verdict, observe.TABLE, guard)
