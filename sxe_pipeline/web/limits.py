"""How much one caller may ask, in this process: token buckets.

Pure but for the clock that is handed in. Whose key is known has a bucket of its own; whoever is not
shares that of his address, so that guessing keys costs a consumer behind the same address nothing
once his key was seen.
"""

import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MOST = 10_000
"""Buckets that are remembered; the one that was longest unused is forgotten, full again."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second in the long run, so many at once."""

    per_second: float
    burst: int


KEY = Rate(per_second=50, burst=100)
ADDRESS = Rate(per_second=1, burst=60)
LENT = Rate(per_second=500, burst=2000)
"""Of each key, for files at addresses that were made for it: a reader of columns asks for a file
some ten times."""


class Buckets:
    """One bucket for each of those who ask."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __contains__(self, who: Hashable) -> bool:
        return who in self._left

    def take(self, who: Hashable) -> float:
        """Take a token: 0, or the seconds until there is one."""
        now = time.monotonic()
        left, at = self._left.pop(who, (float(self._rate.burst), now))
        left = min(self._rate.burst, left + (now - at) * self._rate.per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._rate.per_second
        self._left[who] = (left - 1 if not wait else left, now)
        if len(self._left) > MOST:
            self._left.popitem(last=False)
        return wait

    def give_back(self, who: Hashable) -> None:
        """Undo a `take` that should not count."""
        if who in self._left:
            left, at = self._left[who]
            self._left[who] = (left + 1, at)

    def forget(self, who: Hashable) -> None:
        """Its bucket is nobody's any more."""
        self._left.pop(who, None)
