"""How many contact values would go by a retention period: a number, for whoever may look.

Here: the question. Not here: deleting them (`contacts.retention`), how long (`ops.periods`).
"""

from datetime import datetime, timedelta

import psycopg

from sxe_pipeline.ops.retention import Gone
from sxe_pipeline.store.functions import at_once, function_rows

CONTACT_VALUES = "contact_values"


def expiring_points(conn: psycopg.Connection, period: timedelta, now: datetime | None) -> Gone:
    """What would be deleted: older than the period, and needed by nobody.

    Args:
        conn: The api's login.
        period: How long values are kept.
        now: The database's time by default.
    """
    with at_once(conn):
        [found] = function_rows(conn, "privacy.expiring_points", period, now)
    return points_gone(*found)


def points_gone(count: int, first: datetime | None, last: datetime | None) -> Gone:
    """So many values, by the day on which they were obtained."""
    return Gone(CONTACT_VALUES, count, "values", first and first.date(), last and last.date())
