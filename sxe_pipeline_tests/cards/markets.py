"""Markets of invented numbers, for whoever shows one."""

import dataclasses
from datetime import UTC, date, datetime

from sxe_pipeline.cards.markets.market import AsOf, Market
from sxe_pipeline.gate.reads import MarketCost, MarketPrice

NOW = datetime(2031, 2, 4, 9, 30, tzinfo=UTC)
DAY = date(2031, 2, 3)
COST = MarketCost(
    has_policy=True,
    candidates=70,
    open_candidates=60,
    prices=(
        MarketPrice("apollo", "email", ("email",), 40, 0.6, 1_200_000, 2_000_000),
        MarketPrice("enformion", "person", ("email", "phone"), 20, 0.5, 1_500_000, 3_000_000),
    ),
)
STAGES = {
    **{"accounts": 320, "identities": 300, "eligible": 200, "no_signal": 120, "audience": 80},
    **{"no_signal_eligible": 50, "audience_eligible": 60},
    **{"lead_cards": 100, "lead_cards_eligible": 90, "tagged": 85, "own_words_tagged": 60},
    **{"ready": 70, "incomplete": 20, "withheld": 10},
    **{"reason_no_tribe": 15, "reason_low_confidence": 9, "reason_minor": 4, "reason_stale": 6},
}


def pool(name="tech_builders", cards=1, audience=0, **more):
    """A row of `cards.audience_pool` as a market has it."""
    row = {
        "audience_pool": name,
        "persona": "software_engineer" if cards else None,
        "tribe": "software_dev",
        "country": "PT",
        "cards": cards,
        "ready": cards,
        "tagged": cards,
        "identifiable": 0,
        "audience": audience,
        "top_evidence": [],
    }
    return row | more


POOLS = (
    pool(cards=60, ready=50, tagged=55, identifiable=30, top_evidence=["rust", "databases"]),
    pool("press_media", 30, ready=15, tagged=30, persona="journalist", tribe="news_media"),
    pool("students", 10, ready=5, tagged=0, persona=None, tribe=None, country=None),
    pool("interest_other", 0, 80, tribe="space", country=None),
)
MAKERS = Market(
    market="makers",
    rule="Everybody on x.",
    now=AsOf(DAY, STAGES),
    before=AsOf(date(2031, 1, 26), {**STAGES, "identities": 250, "lead_cards": 80, "tagged": 60}),
    pools=POOLS,
    languages=[("en", 70), ("pt", 20), (None, 10)],
    follower_bands=[("under_1k", 60), ("1k_10k", 38), ("unknown", 2)],
    cost=COST,
)
WIDE = dataclasses.replace(
    MAKERS,
    pools=[
        pool(
            f"pool_{at % 21}",
            99_000 - at * 100,
            audience=5_000,
            persona=f"persona_of_long_name_{at}",
            tribe=f"tribe_of_long_name_{(at * 7) % 40}",
            country=f"C{at}",
        )
        for at in range(40)
    ],
)
NOBODY = Market(
    "listeners",
    "Everybody in the collection fair, which declares it.",
    AsOf(DAY, {"accounts": 80, "identities": 80, "eligible": 80, "audience": 80}),
    before=None,
    pools=[pool("interest_other", 0, 80, country=None)],
    languages=[],
    follower_bands=[],
    cost=None,
)
ONE = Market(
    "lone",
    "Everybody on threads.",
    AsOf(DAY, dict.fromkeys(("accounts", "identities", "lead_cards", "incomplete"), 1)),
    before=None,
    pools=[pool(ready=0, tagged=0, tribe=None, country=None)],
    languages=[(None, 1)],
    follower_bands=[("unknown", 1)],
    cost=MarketCost(has_policy=False, candidates=0, open_candidates=0, prices=()),
)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><svg onload=alert(1)>",
    "{{ 7 * 7 }}",
    "\u202egnp.exe\u2066",
    "\x1b[2Kbell\x07",
    "w" * 5_000,
    "مصور فوتوغرافي",
)
BAD = dataclasses.replace(
    MAKERS,
    market="makers<b>",
    rule=f"Everybody in the collections {HOSTILE[0]} and {HOSTILE[1]}.",
    pools=[
        *(pool(f"pool_{at}", 9, top_evidence=[text]) for at, text in enumerate(HOSTILE)),
        pool(HOSTILE[2], 1, persona=HOSTILE[0], tribe=HOSTILE[1], country=HOSTILE[4]),
        pool("x" * 400, 1, persona="y" * 400, tribe="z" * 400, country="Q" * 400),
    ],
    languages=[(HOSTILE[0], 5), ("l" * 400, 3)],
)
