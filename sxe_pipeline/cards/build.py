"""Profiles and identities become lead cards.

Here: which account speaks for a card, the order labels, market, route, readiness, and the funnel.
Pure: tables and rules in, tables out; no clock, no store. Not here: how a text is labeled
(`label`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from itertools import islice
from operator import attrgetter
from typing import Any

import pyarrow as pa

from sxe_pipeline.cards import text
from sxe_pipeline.cards.card import follower_band, is_stale, label_columns, readiness
from sxe_pipeline.cards.label import Labels
from sxe_pipeline.cards.learned import RULES_ONLY, label_all
from sxe_pipeline.cards.places import ISO_COUNTRY, Place
from sxe_pipeline.cards.reading import (
    Account,
    DeclaredAudience,
    Reading,
    group,
    primary_order,
    read,
    said,
)
from sxe_pipeline.cards.rules import Rule, decide
from sxe_pipeline.cards.taxonomy import FALLBACK_MARKET, Taxonomy
from sxe_pipeline.cards.weights import Weights
from sxe_pipeline.privacy.policy import Policy
from sxe_pipeline.schema.lead_card import LEAD_CARD

_BATCH = 512

Funnel = dict[tuple[str, str], int]
"""(stage, platform of the primary account) -> count; a stage that nothing reached is missing.
`accounts` counts profiles; every other stage counts identities or cards."""


@dataclass(frozen=True, slots=True)
class Built:
    """The lead cards, and how many accounts and identities became how many of them."""

    cards: pa.Table
    funnel: Funnel


def build(
    profiles: pa.Table,
    identities: pa.Table,
    *,
    taxonomy: Taxonomy,
    weights: Weights | None = None,
    collections: Mapping[str, DeclaredAudience],
    newest_day: date,
    policy: Policy,
    suppressed: Set[str] = frozenset(),
) -> Built:
    """Make one card of every identity that says something.

    Args:
        profiles: Table PROFILE, in any order.
        identities: Table IDENTITY, in any order, one row per profile.
        taxonomy: Labels, markets and routes.
        weights: The trained weights; None labels by rules alone.
        collections: What each collection declares; a collection that is missing declares nothing.
        newest_day: The newest landed day; staleness counts from it.
        policy: What each platform allows.
        suppressed: Ids of cards that asked to be left alone: withheld.

    Returns:
        The cards, sorted by card_id, and the funnel.

    Raises:
        ContractBroken: Identities and profiles do not stand for the same accounts.
    """
    groups = group(profiles, identities)
    markets = (*_declared_markets(collections), *taxonomy.markets)
    columns: dict[str, list[Any]] = {name: [] for name in LEAD_CARD.names}
    counts: Counter[tuple[str, str]] = Counter()
    versions = {
        "taxonomy_version": f"{taxonomy.version}+{taxonomy.sha256[:12]}",
        "model_version": weights.version if weights else RULES_ONLY,
        "policy_version": policy.version,
    }
    for card_id, accounts, reading, labels in _labeled(groups, taxonomy, weights, collections):
        card: dict[str, Any] | None = None
        if labels.has_signal:
            card = {
                "card_id": card_id,
                **_facts_of(accounts, reading, taxonomy),
                **label_columns(labels),
                "is_tagged": labels.is_tagged,
                "is_own_words_tagged": labels.is_own_words,
                "says_two_things": labels.says_two_things,
                **versions,
            }
            card |= _market_and_route(card, accounts, labels, taxonomy, markets)
            reasons = _reasons(card, accounts, reading, labels, newest_day, policy)
            if card_id in suppressed:
                reasons.append("suppressed")
            card["readiness_state"], card["readiness_reasons"] = readiness(reasons)
            for name, values in columns.items():
                values.append(card[name])
        _count(counts, accounts, reading, card)
    return Built(
        cards=pa.Table.from_pydict(columns, schema=LEAD_CARD.schema),
        funnel=dict(sorted(counts.items())),
    )


def _labeled(
    groups: Mapping[str, Sequence[Account]],
    taxonomy: Taxonomy,
    weights: Weights | None,
    collections: Mapping[str, DeclaredAudience],
) -> Iterator[tuple[str, list[Account], Reading, Labels]]:
    """The cards in the order of their ids, labeled some at a time."""
    ids = iter(sorted(groups))
    while batch := list(islice(ids, _BATCH)):
        languages = text.Languages()
        cards = [sorted(groups[card_id], key=primary_order) for card_id in batch]
        readings = [read(accounts, taxonomy, languages) for accounts in cards]
        heard = [said(*each, collections) for each in zip(cards, readings, strict=True)]
        yield from zip(batch, cards, readings, label_all(heard, taxonomy, weights), strict=True)


def _declared_markets(collections: Mapping[str, DeclaredAudience]) -> Iterable[Rule]:
    """A market that a collection declares stands before the rules of the file."""
    for name in sorted(collections):
        if market := collections[name].market:
            yield Rule((("collection", frozenset((name,))),), (market,))


def _home(accounts: Sequence[Account], taxonomy: Taxonomy) -> Place:
    """Where the profile says it is; else the region the platform gives."""
    for account in accounts:
        place = taxonomy.gazetteer.find(account.location)
        if place.country:
            return place
    for account in accounts:
        if account.region and ISO_COUNTRY.fullmatch(account.region):
            return Place(account.region)
    return Place()


def _facts_of(accounts: Sequence[Account], reading: Reading, taxonomy: Taxonomy) -> dict[str, Any]:
    primary, home = accounts[0], _home(accounts, taxonomy)
    language, score = reading.language
    return {
        "platform": primary.platform,
        "platform_id": primary.platform_id,
        "handle": primary.handle,
        "display_name": text.clean(primary.display_name),
        "bio": reading.bios[0],
        "language": language,
        "language_score": score,
        "country": home.country,
        "region": home.region,
        "link_domains": text.domains(primary.links),
        "hashtags": [tag.lower() for tag in text.hashtags(reading.bios[0])],
        "link_hub": primary.link_hub,
        "follower_count": primary.follower_count,
        "following_count": primary.following_count,
        "post_count": primary.post_count,
        "follower_band": follower_band(primary.follower_count),
        "is_verified": primary.is_verified,
        "is_business": primary.is_business,
        "accounts": [
            {name: getattr(a, name) for name in ("platform", "platform_id", "handle", "basis")}
            for a in accounts
        ],
        "first_seen_at": min(map(attrgetter("first_seen_at"), accounts)),
        "observed_at": primary.observed_at,
        "ruleset_version": primary.ruleset_version,
        "is_eligible": reading.is_eligible,
        "informative_token_count": reading.token_count,
    }


def _market_and_route(
    card: Mapping[str, Any],
    accounts: Sequence[Account],
    labels: Labels,
    taxonomy: Taxonomy,
    markets: Sequence[Rule],
) -> dict[str, str | None]:
    """Market by its rules, then pool and execution label by the routes."""

    def known(*values: str | None) -> list[str]:
        return [value for value in values if value]

    facts = {
        "collection": sorted({c for account in accounts for c in account.collections}),
        "platform": sorted({account.platform for account in accounts}),
        "language": known(card["language"]),
        "country": known(card["country"]),
        "persona": known(labels.persona, labels.persona_family),
        "tribe": known(labels.tribe),
        "account_type": [labels.account_type],
        "follower_band": [card["follower_band"]],
    }
    market = (decide(markets, facts) or (FALLBACK_MARKET,))[0]
    route = decide(taxonomy.routes, {**facts, "market": [market]})
    pool, execution = route or (None, "hold")
    return {"market": market, "audience_pool": pool, "execution_label": execution}


def _reasons(
    card: Mapping[str, Any],
    accounts: Sequence[Account],
    reading: Reading,
    labels: Labels,
    newest_day: date,
    policy: Policy,
) -> list[str]:
    primary = accounts[0]
    is_closed = bool(primary.is_private)
    holds = {
        "minor": reading.is_minor,
        "protected": is_closed and primary.platform == "x",
        "private": is_closed and primary.platform != "x",
        "parody": labels.account_type == "fan_or_parody",
        "stale": is_stale(primary.observed_at, newest_day),
        "policy": not policy.is_open(primary.platform),
        "no_persona": labels.persona_family is None,
        "no_tribe": labels.tribe is None,
        "low_confidence": labels.has_weak_signal and not labels.is_tagged,
        "no_market": card["market"] == FALLBACK_MARKET,
    }
    return [reason for reason, is_so in holds.items() if is_so]


def _count(
    counts: Counter[tuple[str, str]],
    accounts: Sequence[Account],
    reading: Reading,
    card: Mapping[str, Any] | None,
) -> None:
    for account in accounts:
        counts["accounts", account.platform] += 1
    stages = ["identities"]
    if reading.is_eligible:
        stages.append("eligible")
    if card is None:
        stages.append("no_signal")
    else:
        stages += _stages(card)
    for stage in stages:
        counts[stage, accounts[0].platform] += 1


def _stages(card: Mapping[str, Any]) -> list[str]:
    marks = {
        "tagged": card["is_tagged"],
        "own_words_tagged": card["is_own_words_tagged"],
        "two_things": card["says_two_things"],
    }
    stages = ["lead_cards", *(stage for stage, is_so in marks.items() if is_so)]
    if card["is_eligible"]:
        stages += [f"{stage}_eligible" for stage in stages]
    stages.append(card["readiness_state"])
    return stages + [f"reason_{reason}" for reason in card["readiness_reasons"]]
