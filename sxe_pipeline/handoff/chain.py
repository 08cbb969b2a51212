"""Chains: what names the chain of a batch, where the batch is in it, and which days are still open.

Here: pure rules. Without a request the chain is (contract, market), and a batch is known by its
day; with one the chain is the request, and a batch is known by its seq, market and day are facts
about it. A batch holds the cards of today under the name of a day, so a backfill must not give
today's cards an old date.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sxe_pipeline.errors import BadInput


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What tells a batch from the others of its contract: market and day, or request and seq.

    `request_id` and `seq` (1, 2, ...) are set together or not at all.
    """

    market: str
    day: date
    request_id: UUID | None = None
    seq: int | None = None

    def __post_init__(self) -> None:
        is_half = (self.request_id is None) != (self.seq is None)
        if is_half or (self.seq is not None and self.seq < 1):
            raise BadInput("a batch of a request needs its id and a seq from 1 on; give both")

    @property
    def chain(self) -> str:
        """What names the chain beside its contract."""
        return self.market if self.request_id is None else str(self.request_id)

    @property
    def ordinal(self) -> int:
        """The number that rises along the chain: the day as one, or the seq."""
        return self.day.toordinal() if self.seq is None else self.seq

    def fields(self) -> dict[str, str | int]:
        """The key as the manifest holds it."""
        fields: dict[str, str | int] = {"market": self.market, "day": self.day.isoformat()}
        if self.request_id is not None and self.seq is not None:
            fields |= {"request_id": str(self.request_id), "seq": self.seq}
        return fields


def open_days(
    days: Collection[date], published_days: Collection[date], newest_landed_day: date | None
) -> list[date]:
    """The days among `days` that are open, oldest first.

    Args:
        days: The days of the run.
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
    """The newest open day of a run over several days; None when all are closed.

    Args:
        days: As in `open_days`.
        published_days: As in `open_days`.
        newest_landed_day: As in `open_days`.
    """
    return max(open_days(days, published_days, newest_landed_day), default=None)
