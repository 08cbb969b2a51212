"""Pools and facets: what SQL counts is what one would count card by card."""

import statistics
from collections import Counter, defaultdict

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.cards import pools
from sxe_pipeline.cards.text import phrase_skeleton
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import OTHERS, POOL

WORDS = [
    "Baker",
    "#baker",
    "BAKER",
    "Straße",
    "STRASSE",
    "İstanbul",
    "##",
    " two\u2003 words ",
    "ß",
]
NAMES = [
    None,
    "",
    "Ana",
    "Ana Silva",
    "ana_silva",
    "Ana 99",
    "Αννα Ωμέγα",
    "李 小龍",
    "Ana-Lena 🌱",
]
LABELS = ("chef", "baker", "bread")

evidence = st.lists(
    st.fixed_dictionaries(
        {
            "label": st.sampled_from(LABELS),
            "source": st.sampled_from(("text", "platform", "audience")),
            "text": st.none() | st.sampled_from(WORDS) | st.text(max_size=4),
        }
    ),
    max_size=4,
)
counts = st.integers(0, 9) | st.integers(0, 2**62)
keys = {
    "market": st.sampled_from("ab"),
    "audience_pool": st.sampled_from(("makers", "écoles")),
    "tribe": st.none() | st.sampled_from(LABELS),
    "country": st.none() | st.sampled_from(("", "PT", "US")),
}
leads = st.fixed_dictionaries(
    {
        **keys,
        "persona": st.none() | st.sampled_from(LABELS),
        "readiness_state": st.sampled_from(("ready", "incomplete", "withheld")),
        "is_tagged": st.booleans(),
        "account_type": st.sampled_from(("person", "creator", "business")),
        "display_name": st.sampled_from(NAMES) | st.text(max_size=8),
        "link_domains": st.lists(st.just("a.example"), max_size=1),
        "follower_count": st.none() | counts,
        "evidence": evidence,
        "language": st.none() | st.sampled_from(("en", "pt")),
        "follower_band": st.sampled_from(("unknown", "1k_10k")),
    }
)
listeners = st.fixed_dictionaries({**keys, "kind": st.sampled_from(("audience", "no_signal"))})


def table(declared, rows):
    """The rows in the order of their ids, in the columns that they have of a table."""
    rows = [{"card_id": f"card-{len(rows) - n:04}", **row} for n, row in enumerate(rows)]
    schema = declared.schema
    names = rows[0] if rows else schema.names
    return pa.Table.from_pylist(rows, pa.schema([schema.field(name) for name in names]))


def counted_one_by_one(cards, others):
    """Table POOL by looks at every card: slow, and simple enough to be believed."""
    groups, audience = defaultdict(list), Counter()
    for card in cards.to_pylist():
        groups[tuple(card[key] for key in pools.KEYS)].append(card)
    for one in others.to_pylist():
        if one["kind"] == "audience":
            audience[one["market"], one["audience_pool"], None, one["tribe"], one["country"]] += 1
    order = sorted(
        groups.keys() | audience.keys(),
        key=lambda key: [(part is not None, part or "") for part in key],
    )
    rows = [pool(key, groups.get(key, ()), audience[key]) for key in order]
    return pa.Table.from_pylist(rows, schema=POOL.schema)


def pool(key, cards, audience):
    cards = sorted(cards, key=lambda card: (card["readiness_state"] != "ready", card["card_id"]))
    speaking = [card for card in cards if card["readiness_state"] != "withheld"]
    followers = [c["follower_count"] for c in speaking if c["follower_count"] is not None]
    return {
        **dict(zip(pools.KEYS, key, strict=True)),
        "card_count": len(cards),
        "ready_count": sum(card["readiness_state"] == "ready" for card in cards),
        "tagged_count": sum(card["is_tagged"] for card in cards),
        "identifiable_count": sum(map(is_identifiable, cards)),
        "audience_count": audience,
        "median_follower_count": int(statistics.median(followers)) if followers else None,
        "top_evidence": top_evidence(speaking),
        "sample_card_ids": [card["card_id"] for card in cards[: pools.SAMPLE_CARDS]],
    }


def is_identifiable(card):
    words = [word for word in phrase_skeleton(card["display_name"] or "").split() if word.isalpha()]
    is_somebody = card["account_type"] in ("person", "creator") and len(words) > 1
    is_placed = bool(card["country"] or card["link_domains"])
    return card["readiness_state"] == "ready" and is_somebody and is_placed


def top_evidence(cards):
    terms = Counter()
    for card in cards:
        labels = (card["persona"], card["tribe"])
        terms.update(
            {
                " ".join(item["text"].casefold().lstrip("#").split())
                for item in card["evidence"]
                if item["text"] and item["label"] in labels and item["source"] != "audience"
            }
        )
    shared = [(-n, term) for term, n in terms.items() if n >= pools.MIN_CARDS_PER_TERM and term]
    return [term for _, term in sorted(shared)[: pools.TOP_EVIDENCE]]


@settings(max_examples=10, deadline=None)
@given(st.lists(leads, max_size=30), st.lists(listeners, max_size=8))
def test_sql_counts_what_one_counts_card_by_card(cards, others):
    cards, others = table(LEAD_CARD, with_all_items(cards)), table(OTHERS, others)

    counted = pools.pools(cards, others)

    assert counted.schema == POOL.schema
    assert counted.to_pylist() == counted_one_by_one(cards, others).to_pylist()
    facets = Counter(
        (card["market"], facet, card[facet]) for card in cards.to_pylist() for facet in pools.FACETS
    )
    assert {row[:3]: row[3] for row in pools.facets(cards)} == dict(facets)


def with_all_items(cards):
    """The cards, each item of evidence with the fields that pools do not ask for."""
    more = {"weight": 1.0, "field": "bio", "start": None, "end": None}
    return [card | {"evidence": [item | more for item in card["evidence"]]} for card in cards]
