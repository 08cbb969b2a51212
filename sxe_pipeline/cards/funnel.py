"""How many accounts become how many lead cards, and where the others stay behind.

Here: the stages that an identity reaches, and the shares that are told of them; one definition for
every face. Not here: where the counts are kept (`market`, `tier1`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Funnel = Mapping[tuple[str, str, str], int]
"""(stage, platform of the primary account, market) -> count; a stage that nothing reached is
missing. `accounts` counts profiles; every other stage counts identities or cards."""

TAGGED_GOAL = 0.8
"""How many of the lead cards shall be tagged."""

MARKS = {
    "tagged": "is_tagged",
    "own_words_tagged": "is_own_words_tagged",
    "two_things": "says_two_things",
}
"""Stage of a lead card -> the column that says whether it is reached."""

SHARES = {
    "tagged_share": ("tagged", "lead_cards"),
    "own_words_tagged_share": ("own_words_tagged", "lead_cards"),
    "lead_of_eligible_share": ("lead_cards_eligible", "eligible"),
    "lead_of_all_share": ("lead_cards", "identities"),
}
"""Share -> what is counted, and of what. The first is the owner's metric; it says little without
the last two: fewer leads would lift it."""


def reached(row: Mapping[str, Any], platforms: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """What one identity adds to the funnel.

    Args:
        row: A row of LEAD_CARD, or of OTHERS with its `kind`.
        platforms: Of each of its accounts.
    """
    market = row["market"]
    yield from (("accounts", platform, market) for platform in platforms)
    yield from ((stage, row["platform"], market) for stage in _stages(row))


def _stages(row: Mapping[str, Any]) -> Iterator[str]:
    yield "identities"
    if row["is_eligible"]:
        yield "eligible"
    kind = row.get("kind")
    stages = [kind] if kind else ["lead_cards", *(m for m, column in MARKS.items() if row[column])]
    yield from stages
    if row["is_eligible"]:
        yield from (f"{stage}_eligible" for stage in stages)
    if not kind:
        yield row["readiness_state"]
        yield from (f"reason_{reason}" for reason in row["readiness_reasons"])


def totals(funnel: Funnel) -> Counter[str]:
    """Stage -> count over all platforms and markets.

    Example:
        >>> totals({("lead_cards", "x", "a"): 2, ("lead_cards", "tiktok", "a"): 1})
        Counter({'lead_cards': 3})
    """
    found: Counter[str] = Counter()
    for (stage, _, _), value in funnel.items():
        found[stage] += value
    return found


def shares(
    counts: Mapping[str, int], told: Mapping[str, tuple[str, str]] = SHARES
) -> dict[str, float]:
    """Every share in 0..1; 0 of nothing is 0.

    Args:
        counts: Stage -> count.
        told: Share -> what is counted, and of what.

    Example:
        >>> shares({"tagged": 4, "lead_cards": 5, "identities": 20})["lead_of_all_share"]
        0.25
    """
    return {
        name: counts.get(part, 0) / counts[whole] if counts.get(whole) else 0.0
        for name, (part, whole) in told.items()
    }
