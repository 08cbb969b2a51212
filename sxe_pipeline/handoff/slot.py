"""Where a batch stands: its chain, and its place in it.

Here: the one difference between batches of cards and batches of a request. Without a request the
chain is (contract, market) and the place is the day; with one the chain is the request and the
place is `seq`, and market and day are only told.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sxe_pipeline.errors import BadInput


@dataclass(frozen=True, slots=True)
class Slot:
    """One place in one chain. `request_id` and `seq` (1, 2, ...) are there together or not."""

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
    def place(self) -> int:
        """What rises along the chain."""
        return self.day.toordinal() if self.seq is None else self.seq

    def told(self) -> dict[str, str | int]:
        """The slot in the words of the manifest."""
        said: dict[str, str | int] = {"market": self.market, "day": self.day.isoformat()}
        if self.request_id is not None and self.seq is not None:
            said |= {"request_id": str(self.request_id), "seq": self.seq}
        return said
