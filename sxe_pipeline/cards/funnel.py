"""How many accounts become how many lead cards, and where the others stay behind.

Here: the stages that an identity reaches, and the shares that are told of them; one definition for
every face. Not here: where the counts are kept (`market`, `tier1`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb

Funnel = Mapping[tuple[str, str, str], int]
"""(stage, platform of the primary account, market) -> count; a stage that nothing reached is
missing. `accounts` counts profiles; every other stage counts identities or cards."""

Count = Mapping[str, int | str]
"""A value of one column, and the `cards` that have it."""

TAGGED_GOAL = 0.8
"""How many of the lead cards shall be tagged."""

MARKS = {
    "tagged": "is_tagged",
    "own_words_tagged": "is_own_words_tagged",
    "two_things": "says_two_things",
}
"""Stage of a lead card -> the column that says whether it is reached."""

_OTHER = ("platform", "market", "is_eligible")
_LEAD = (*_OTHER, *MARKS.values(), "readiness_state", "readiness_reasons")

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
        row: A row of OTHERS, or of LEAD_CARD with the `kind` 'lead'.
        platforms: Of each of its accounts.
    """
    market = row["market"]
    yield from (("accounts", platform, market) for platform in platforms)
    yield from ((stage, row["platform"], market) for stage in _stages(row))


def _stages(row: Mapping[str, Any]) -> Iterator[str]:
    yield "identities"
    if row["is_eligible"]:
        yield "eligible"
    kind = row["kind"]
    is_lead = kind == "lead"
    stages = [kind]
    if is_lead:
        stages = ["lead_cards", *(m for m, column in MARKS.items() if row[column])]
    yield from stages
    if row["is_eligible"]:
        yield from (f"{stage}_eligible" for stage in stages)
    if is_lead:
        yield row["readiness_state"]
        yield from (f"reason_{reason}" for reason in row["readiness_reasons"])


def counted(engine: duckdb.DuckDBPyConnection, leads: str, others: str, identities: str) -> Funnel:
    """The funnel of stored tables; only narrow columns are read.

    Args:
        engine: An open connection.
        leads: A table or view there, in the columns of LEAD_CARD.
        others: The same of OTHERS.
        identities: The same of IDENTITY.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    for query in (
        f"select 'lead' as kind, {', '.join(_LEAD)} from {leads}",
        f"select kind, {', '.join(_OTHER)} from {others}",
    ):
        found = engine.sql(f"select *, count(*) as n from ({query}) group by all")
        for row in found.to_arrow_table().to_pylist():
            for reach in reached(row, ()):
                counts[reach] += row["n"]
    accounts = engine.sql(
        "select 'accounts', identities.platform, market, count(*) "
        f"from {identities} as identities join (select card_id, market from {leads} union all "
        f"select card_id, market from {others}) using (card_id) group by all"
    )
    counts.update(
        {(stage, platform, market): n for stage, platform, market, n in accounts.fetchall()}
    )
    return dict(sorted(counts.items()))


def largest(engine: duckdb.DuckDBPyConnection, leads: str, column: str) -> list[Count]:
    """The ten most frequent values of a column of labels, the most first.

    Args:
        engine: An open connection.
        leads: A table or view there, in the columns of LEAD_CARD.
        column: Such as 'persona'; null is no value.
    """
    found = engine.sql(
        f"select {column}, count(*) as cards from {leads} where {column} is not null "
        f"group by {column} order by cards desc, {column} limit 10"
    )
    return [{column: name, "cards": cards} for name, cards in found.fetchall()]


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
