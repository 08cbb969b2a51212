"""Where a labeler should say nothing: limits by answers of models that never saw the account.

Here: which limits keep the promises of docs/label_model.md, and the curve they were picked from.
Not here: the answers themselves (`labels_train`).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

RIGHT, TAGGED = 0.82, 0.80
"""What the labels promise: pairs right, of tagged cards; tagged, of lead cards."""
FRESH = 650
"""Accounts that the promises are judged on: so many of X are held back."""
_FOUR_OF_FIVE = 0.84
_DRAWS = 400
_LEADS = range(450, 850, 10)
_TOPICS = range(400, 850, 10)


class Best(NamedTuple):
    """Account -> how sure its best candidate is, which that is, whether it is right."""

    sure: np.ndarray
    label: np.ndarray
    is_right: np.ndarray


class Point(NamedTuple):
    """What two limits make of a set of accounts."""

    persona: int
    tribe: int
    accounts: int
    leads: int
    tagged: int
    right: int

    @property
    def keeps_promises(self) -> bool:
        """Whether four of five fresh samples are expected to have both shares."""
        is_right = _low(self.right, self.tagged, self.accounts) >= RIGHT
        return is_right and _low(self.tagged, self.leads, self.accounts) >= TAGGED


def _low(hits: int, of: int, accounts: int) -> float:
    """The share that four of five fresh samples reach: it is unsure here, and varies there."""
    share = hits / of
    spread = share * (1 - share) * (1 / of + accounts / (of * FRESH))
    return share - _FOUR_OF_FIVE * float(np.sqrt(spread))


def point(persona: Best, tribe: Best, limits: tuple[int, int]) -> Point:
    leads = persona.sure >= limits[0]
    tagged = leads & (tribe.sure >= limits[1])
    right = tagged & persona.is_right & tribe.is_right
    return Point(*limits, len(leads), *(int(each.sum()) for each in (leads, tagged, right)))


def choose(persona: Best, tribe: Best) -> Point:
    """The limits with most lead cards that keep the promises; of these the most right pairs."""
    points = [point(persona, tribe, (lead, topic)) for lead in _LEADS for topic in _TOPICS]
    kept = [each for each in points if each.tagged and each.keeps_promises]
    if not kept:
        raise ValueError("no limits keep the promises; the labels are too few or too doubtful")
    return max(kept, key=lambda each: (each.leads, each.right / each.tagged))


def curve(persona: Best, tribe: Best) -> Iterator[str]:
    """Per limit of the persona: shares at the highest limit of the tribe with enough tagged.

    The interval holds 95 of 100 resamples of the accounts.
    """
    drawn = np.random.default_rng(0).integers(0, len(persona.sure), (_DRAWS, len(persona.sure)))
    yield "| persona | tribe | lead / eligible | tagged / lead | pair / eligible | pair right |"
    for lead in range(500, 850, 20):
        points = [point(persona, tribe, (lead, topic)) for topic in _TOPICS]
        enough = [p for p in points if p.leads and _low(p.tagged, p.leads, p.accounts) >= TAGGED]
        if not enough:
            continue
        best = enough[-1]
        tagged = (persona.sure >= lead) & (tribe.sure >= best.tribe)
        right = tagged & persona.is_right & tribe.is_right
        shares = np.sort(right[drawn].sum(axis=1) / tagged[drawn].sum(axis=1))
        low, high = shares[_DRAWS // 40], shares[-1 - _DRAWS // 40]
        yield (
            f"| {lead} | {best.tribe} | {best.leads / best.accounts:.2f} "
            f"| {best.tagged / best.leads:.2f} | {best.tagged / best.accounts:.2f} "
            f"| {best.right / best.tagged:.3f} ({low:.2f} to {high:.2f}) |"
        )


def f1(true: np.ndarray, said: np.ndarray) -> float:
    return 2 * (true & said).sum() / max(1, true.sum() + said.sum())


def best_f1(true: np.ndarray, sure: np.ndarray, limits: range) -> int:
    """The limit at which those that are sure enough agree best with the truth."""
    return max(limits, key=lambda least: f1(true, sure >= least))


def of_accounts(best: Mapping[str, Best], which: np.ndarray) -> dict[str, Best]:
    """The same for some accounts."""
    return {kind: Best(*(part[which] for part in each)) for kind, each in best.items()}
