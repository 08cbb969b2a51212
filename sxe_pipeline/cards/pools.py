"""Lead cards, and the audience beside them, become audience pools.

Here: one row per market x pool x persona x tribe x country, and the facets that no pool has. Not
here: which pool a card is in (`routes.csv`, decided in `build`).
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.cards.text import phrase_skeleton
from sxe_pipeline.schema.tables import POOL

TOP_EVIDENCE = 5
SAMPLE_CARDS = 5
MIN_CARDS_PER_TERM = 2
FACETS = ("language", "follower_band")
KEYS = ("market", "audience_pool", "persona", "tribe", "country")
_READ = (
    *KEYS,
    "card_id",
    "readiness_state",
    "is_tagged",
    "account_type",
    "display_name",
    "region",
    "link_domains",
    "follower_count",
    "evidence",
)


def is_identifiable(card: dict[str, Any]) -> bool:
    """Whether a card holds what a provider needs to recognise somebody.

    That is a ready card of a person or creator with a name of at least two words, and either a
    country the profile states or a web domain of its own.
    """
    words = [word for word in phrase_skeleton(card["display_name"] or "").split() if word.isalpha()]
    is_somebody = card["account_type"] in ("person", "creator") and len(words) > 1
    is_placed = bool(card["country"] or card["link_domains"])
    return card["readiness_state"] == "ready" and is_somebody and is_placed


def pools(cards: pa.Table, others: pa.Table) -> pa.Table:
    """Count the cards and the audience of every pool.

    Args:
        cards: Table LEAD_CARD, in any order.
        others: Table OTHERS, in any order.

    Returns:
        Table POOL, sorted by its key. A top evidence term stands in at least two cards.
    """
    lists = [cards[name].to_pylist() for name in _READ]
    groups: dict[tuple[str | None, ...], list[dict[str, Any]]] = defaultdict(list)
    for values in zip(*lists, strict=True):
        card = dict(zip(_READ, values, strict=True))
        groups[tuple(values[: len(KEYS)])].append(card)
    audience = _audience(others)
    rows = [
        _row(key, groups.get(key, ()), audience.get(key, 0))
        for key in sorted(groups.keys() | audience.keys(), key=_none_first)
    ]
    return pa.Table.from_pylist(rows, schema=POOL.schema)


def facets(cards: pa.Table) -> list[tuple[str, str, str | None, int]]:
    """Count the lead cards of each market by language and by follower band.

    Args:
        cards: Table LEAD_CARD, in any order.

    Returns:
        Rows of `cards.facet`: market, facet, its value (null: not known), cards.
    """
    return [
        (row["market"], facet, row[facet], row["count_all"])
        for facet in FACETS
        for row in cards.group_by(["market", facet]).aggregate([([], "count_all")]).to_pylist()
    ]


def _audience(others: pa.Table) -> dict[tuple[str | None, ...], int]:
    """Key of a pool -> identities of whom a tribe alone is known."""
    listeners = others.filter(pc.equal(others["kind"], "audience"))
    names = [name for name in KEYS if name != "persona"]
    counted = listeners.group_by(names).aggregate([([], "count_all")])
    return {
        (row["market"], row["audience_pool"], None, row["tribe"], row["country"]): row["count_all"]
        for row in counted.to_pylist()
    }


def _none_first(key: tuple[str | None, ...]) -> tuple[tuple[bool, str], ...]:
    return tuple((part is not None, part or "") for part in key)


def _row(
    key: tuple[str | None, ...], cards: Sequence[dict[str, Any]], audience: int
) -> dict[str, Any]:
    cards = sorted(cards, key=lambda card: (card["readiness_state"] != "ready", card["card_id"]))
    followers = [c["follower_count"] for c in cards if c["follower_count"] is not None]
    return {
        **dict(zip(KEYS, key, strict=True)),
        "card_count": len(cards),
        "ready_count": sum(card["readiness_state"] == "ready" for card in cards),
        "tagged_count": sum(card["is_tagged"] for card in cards),
        "identifiable_count": sum(map(is_identifiable, cards)),
        "audience_count": audience,
        "median_follower_count": int(statistics.median(followers)) if followers else None,
        "top_evidence": _top_evidence(cards),
        "sample_card_ids": [card["card_id"] for card in cards[:SAMPLE_CARDS]],
    }


def _term(words: str) -> str:
    """Words of evidence as people read them, the same for another case or a hashtag.

    Example:
        >>> _term("Software developer/Programmer"), _term("#Baker")
        ('software developer/programmer', 'baker')
    """
    return " ".join(words.casefold().lstrip("#").split())


def _top_evidence(cards: Sequence[dict[str, Any]]) -> list[str]:
    terms: Counter[str] = Counter()
    for card in cards:
        labels = (card["persona"], card["tribe"])
        terms.update(
            {
                _term(item["text"])
                for item in card["evidence"]
                if item["text"] and item["label"] in labels and item["source"] != "audience"
            }
        )
    shared = [(-n, term) for term, n in terms.items() if n >= MIN_CARDS_PER_TERM and term]
    return [term for _, term in sorted(shared)[:TOP_EVIDENCE]]
