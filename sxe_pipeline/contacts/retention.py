"""Contact values that are too old are deleted, each batch with its event.

Here: the calls. Not here: which values somebody still needs (the function of the database looks at
requests, calls, batches and answers), how long the others stay (`ops.periods`), a dry run: that is
a question of the api (`privacy.retention`).
"""

from datetime import datetime

import psycopg

from sxe_pipeline.ops.retention import Gone, Terms
from sxe_pipeline.privacy.retention import CONTACT_VALUES, points_gone
from sxe_pipeline.store.functions import function_rows

_MOST_POINTS = 1_000
"""In one transaction and one event."""


def expire_points(conn: psycopg.Connection, terms: Terms) -> Gone:
    """Delete contact values whose time is over and that nobody needs.

    Args:
        conn: The contact tier's login, outside of a transaction.
        terms: Under which.

    Returns:
        The values, by the day on which they were obtained.
    """
    if terms.is_dry_run:
        raise ValueError("a dry run of the contact tier is a question of the api")
    period = terms.periods.of(CONTACT_VALUES)
    if period is None:
        return points_gone(0, None, None)
    total = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    while True:
        with conn.transaction():
            terms.recheck(conn)
            [(count, first, last)] = function_rows(
                conn, "contacts.expire_points", period, terms.now, _MOST_POINTS
            )
        total, oldest, newest = total + count, oldest or first, last or newest
        if count < _MOST_POINTS:
            return points_gone(total, oldest, newest)
