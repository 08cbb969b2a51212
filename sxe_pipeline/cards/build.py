"""Profiles and identities become lead cards, and a narrow row for each identity that is no lead.

Here: the order labels, market, route, readiness, and what each of them reads. Pure: tables and
rules in, tables out; no clock, no store. Not here: how a text is labeled (`learned`), what is
counted (`funnel`).
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
from sxe_pipeline.cards.funnel import Funnel, reached
from sxe_pipeline.cards.labeler.label import Labels
from sxe_pipeline.cards.labeler.learned import RULES_ONLY, Said, label_all
from sxe_pipeline.cards.labeler.weights import Weights
from sxe_pipeline.cards.places import ISO_COUNTRY, Place
from sxe_pipeline.cards.reading import (
    Account,
    DeclaredAudience,
    Reading,
    group,
    primary_order,
    read,
    said,
    versioned_key,
)
from sxe_pipeline.cards.rules import Rule, decide
from sxe_pipeline.cards.taxonomy import FALLBACK_MARKET, Taxonomy
from sxe_pipeline.privacy.policy import Policy
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import OTHERS

_BATCH = 512


@dataclass(frozen=True, slots=True)
class Built:
    """The lead cards, the other identities, and how many accounts became how many of them."""

    cards: pa.Table
    others: pa.Table
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
    code: str = "",
) -> Built:
    """Make a card of every identity with a persona, and a row of every other one.

    Args:
        profiles: Table PROFILE, in any order.
        identities: Table IDENTITY, in any order, one row per profile.
        taxonomy: Labels, markets and routes.
        weights: The trained weights; None labels by rules alone.
        collections: What each collection declares; a collection that is missing declares nothing.
        newest_day: The newest landed day; staleness counts from it.
        policy: What each platform allows.
        suppressed: Ids of cards that asked to be left alone: withheld.
        code: A digest of what labels; part of `labels_key`.

    Returns:
        Tables LEAD_CARD and OTHERS, sorted by card_id, and the funnel.

    Raises:
        ContractBroken: Identities and profiles do not stand for the same accounts.
    """
    groups = group(profiles, identities)
    markets = (*_declared_markets(collections), *taxonomy.markets)
    cards: dict[str, list[Any]] = {name: [] for name in LEAD_CARD.names}
    others: dict[str, list[Any]] = {name: [] for name in OTHERS.names}
    counts: Counter[tuple[str, str, str]] = Counter()
    versions = {
        "taxonomy_version": f"{taxonomy.version}+{taxonomy.sha256[:12]}",
        "model_version": weights.version if weights else RULES_ONLY,
        "policy_version": policy.version,
    }
    key_of = versioned_key(versions["taxonomy_version"], versions["model_version"], code)
    for card_id, accounts, reading, heard, labels in _labeled(
        groups, taxonomy, weights, collections
    ):
        row = {
            "card_id": card_id,
            "labels_key": key_of(heard),
            "tribe": labels.tribe,
            **_read_of_all(accounts, reading, taxonomy),
        }
        row |= _market_and_route(row, accounts, labels, taxonomy, markets)
        if labels.standing == "lead":
            row |= {
                **_facts_of(accounts, reading),
                **label_columns(labels),
                "is_tagged": labels.is_tagged,
                "is_own_words_tagged": labels.is_own_words,
                "says_two_things": labels.says_two_things,
                **versions,
            }
            reasons = _reasons(row, accounts, reading, labels, newest_day, policy)
            if card_id in suppressed:
                reasons.append("suppressed")
            row["readiness_state"], row["readiness_reasons"] = readiness(reasons)
            columns = cards
        else:
            row["kind"] = labels.standing
            columns = others
        for name, values in columns.items():
            values.append(row[name])
        counts.update(reached(row, [account.platform for account in accounts]))
    return Built(
        cards=pa.Table.from_pydict(cards, schema=LEAD_CARD.schema),
        others=pa.Table.from_pydict(others, schema=OTHERS.schema),
        funnel=dict(sorted(counts.items())),
    )


def _labeled(
    groups: Mapping[str, Sequence[Account]],
    taxonomy: Taxonomy,
    weights: Weights | None,
    collections: Mapping[str, DeclaredAudience],
) -> Iterator[tuple[str, list[Account], Reading, Said, Labels]]:
    """The identities in the order of their ids, labeled some at a time."""
    ids = iter(sorted(groups))
    while batch := list(islice(ids, _BATCH)):
        languages = text.Languages()
        cards = [sorted(groups[card_id], key=primary_order) for card_id in batch]
        readings = [read(accounts, taxonomy, languages) for accounts in cards]
        heard = [said(*each, collections) for each in zip(cards, readings, strict=True)]
        labels = label_all(heard, taxonomy, weights)
        yield from zip(batch, cards, readings, heard, labels, strict=True)


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


def _read_of_all(
    accounts: Sequence[Account], reading: Reading, taxonomy: Taxonomy
) -> dict[str, Any]:
    """What markets and pools ask of every identity, lead or not."""
    primary, home = accounts[0], _home(accounts, taxonomy)
    language, score = reading.language
    return {
        "platform": primary.platform,
        "language": language,
        "language_score": score,
        "country": home.country,
        "region": home.region,
        "follower_band": follower_band(primary.follower_count),
        "is_eligible": reading.is_eligible,
    }


def _facts_of(accounts: Sequence[Account], reading: Reading) -> dict[str, Any]:
    primary = accounts[0]
    return {
        "platform_id": primary.platform_id,
        "handle": primary.handle,
        "display_name": text.clean(primary.display_name),
        "bio": reading.bios[0],
        "link_domains": text.domains(primary.links),
        "hashtags": [tag.lower() for tag in text.hashtags(reading.bios[0])],
        "link_hub": primary.link_hub,
        "follower_count": primary.follower_count,
        "following_count": primary.following_count,
        "post_count": primary.post_count,
        "is_verified": primary.is_verified,
        "is_business": primary.is_business,
        "accounts": [
            {name: getattr(a, name) for name in ("platform", "platform_id", "handle", "basis")}
            for a in accounts
        ],
        "first_seen_at": min(map(attrgetter("first_seen_at"), accounts)),
        "observed_at": primary.observed_at,
        "ruleset_version": primary.ruleset_version,
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
        "no_tribe": labels.tribe is None,
        "low_confidence": labels.has_weak_signal and not labels.is_tagged,
        "no_market": card["market"] == FALLBACK_MARKET,
    }
    return [reason for reason, is_so in holds.items() if is_so]
