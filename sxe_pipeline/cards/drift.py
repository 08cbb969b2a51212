"""How far the shares of labels lie apart: under two taxonomies, two weights, on two days.

Here: counts of labels held against each other, with a limit. Not here: which cards move
(`changes`), whether a label is right (`measure`).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

COLUMNS = ("account_type", "persona_family", "persona", "tribe")
LIMIT = 0.1
"""A tenth of the cards says something else than before: more than a week or an edit does."""
_SHOWN = 5


class Share(NamedTuple):
    """Of how many cards a label was said, and is; None is no label."""

    label: str | None
    before: float
    after: float


class Drift(NamedTuple):
    """How far a column lies apart, 0 to 1, and the labels that changed most.

    `distance`: total variation, the least share of cards that says something else. `by_chance`: how
    far two samples of these sizes lie apart though nothing changed.
    """

    column: str
    before_count: int
    after_count: int
    distance: float
    by_chance: float
    limit: float
    largest: Sequence[Share]

    @property
    def is_over(self) -> bool:
        """Whether the labels drifted: further than the limit, and chance does not explain it."""
        return self.distance > self.limit + self.by_chance


def drift(old: pa.Table, new: pa.Table) -> list[Drift]:
    """The drift of each label column between two tables of cards.

    Args:
        old: The cards before; needs `COLUMNS`.
        new: The cards after.
    """
    return [of_counts(name, _counts(old, name), _counts(new, name)) for name in COLUMNS]


def _counts(cards: pa.Table, column: str) -> Counter[str | None]:
    return Counter(cards.column(column).to_pylist())


def of_counts(
    column: str,
    before: Mapping[str | None, int],
    after: Mapping[str | None, int],
    limit: float = LIMIT,
) -> Drift:
    """The drift between two counts of labels.

    Where one of both has no cards there are no shares to compare: the distance is 0.

    Example:
        >>> found = of_counts("tribe", {"music": 900, None: 100}, {"music": 600, None: 400})
        >>> (found.distance, found.is_over)
        (0.3, True)
    """
    counts = sum(before.values()), sum(after.values())
    if not all(counts):
        return Drift(column, *counts, 0.0, 0.0, limit, [])
    shares = [
        Share(label, before.get(label, 0) / counts[0], after.get(label, 0) / counts[1])
        for label in dict.fromkeys((*before, *after))
    ]
    shares.sort(key=lambda each: (-round(abs(each.after - each.before), 6), str(each.label)))
    distance = sum(abs(each.after - each.before) for each in shares) / 2
    largest = [each for each in shares[:_SHOWN] if each.after != each.before]
    by_chance = _by_chance(shares, *counts)
    return Drift(column, *counts, round(distance, 6), round(by_chance, 6), limit, largest)


def _by_chance(shares: Sequence[Share], before: int, after: int) -> float:
    """The distance that two samples of one whole have on average."""
    of_both = [(s.before * before + s.after * after) / (before + after) for s in shares]
    spread = 1 / before + 1 / after
    return sum(math.sqrt(share * (1 - share) * spread / (2 * math.pi)) for share in of_both)
