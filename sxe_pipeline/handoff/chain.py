"""Which days may still be published.

Here: the pure rule. A chain is the batches of one (contract, market); a batch carries the cards of
today under the name of a day, so a backfill must not give today's cards an old date.
"""

from collections.abc import Collection
from datetime import date, timedelta


def open_days(
    days: Collection[date], published_days: Collection[date], newest_landed_day: date | None
) -> list[date]:
    """The days among `days` that are open, oldest first.

    Args:
        days: What is asked for.
        published_days: Every published day of the chain.
        newest_landed_day: None when nothing has landed: then no day is open.

    Returns:
        Days later than every published one and at most one day before the newest landed day.
    """
    if newest_landed_day is None:
        return []
    first = newest_landed_day - timedelta(days=1)
    last = max(published_days, default=None)
    return sorted({day for day in days if day >= first and (last is None or day > last)})


def day_to_publish(
    days: Collection[date], published_days: Collection[date], newest_landed_day: date | None
) -> date | None:
    """The newest open day of a run over several days; None when all are closed."""
    return max(open_days(days, published_days, newest_landed_day), default=None)
