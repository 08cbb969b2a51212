"""Profiles and identities become lead cards.

Here: which account speaks for a card, the order labels, market, route, readiness, and the funnel.
Pure: tables and rules in, tables out; no clock, no store. Not here: how a text is labeled
(`label`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any, NamedTuple

import pyarrow as pa

from sxe_pipeline.cards import text
from sxe_pipeline.cards.card import follower_band, is_stale, label_columns, readiness
from sxe_pipeline.cards.label import MODEL_VERSION, Labels, Voice, label
from sxe_pipeline.cards.places import ISO_COUNTRY, Place
from sxe_pipeline.cards.rules import Rule, decide
from sxe_pipeline.cards.taxonomy import FALLBACK_MARKET, Taxonomy
from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.privacy.policy import Policy
from sxe_pipeline.schema.lead_card import LEAD_CARD

MIN_INFORMATIVE_TOKENS = 3

Funnel = dict[tuple[str, str], int]
"""(stage, platform of the primary account) -> count; a stage that nothing reached is missing.
`accounts` counts profiles; every other stage counts identities or cards."""


class DeclaredAudience(NamedTuple):
    """What `_collection.yaml` says a collection stands for."""

    tribes: Sequence[str] = ()
    market: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """The lead cards, and how many accounts and identities became how many of them."""

    cards: pa.Table
    funnel: Funnel


class Account(NamedTuple):
    """The columns of a profile that a card reads, and why the account is part of it.

    A reader names what it reads; that name, type and null are those of the table is tested.
    """

    platform: str
    account_key: str
    platform_id: str | None
    handle: str | None
    display_name: str | None
    bio: str | None
    location: str | None
    links: list[str]
    interests: list[str]
    category: str | None
    category_kind: str | None
    region: str | None
    follower_count: int | None
    following_count: int | None
    post_count: int | None
    is_verified: bool | None
    is_business: bool | None
    is_private: bool | None
    is_minor: bool | None
    is_parody: bool | None
    link_hub: str | None
    ruleset_version: str
    first_seen_at: datetime
    observed_at: datetime
    collections: list[str]
    basis: str = "self"


class _Reading(NamedTuple):
    """What the texts of a card say before any label."""

    bios: list[str | None]
    languages: dict[str, str | None]
    language: str | None
    language_score: float | None
    token_count: int
    has_category: bool
    is_minor: bool

    @property
    def is_eligible(self) -> bool:
        return self.has_category or self.token_count >= MIN_INFORMATIVE_TOKENS


def build(
    profiles: pa.Table,
    identities: pa.Table,
    *,
    taxonomy: Taxonomy,
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
        collections: What each collection declares; a collection that is missing declares nothing.
        newest_day: The newest landed day; staleness counts from it.
        policy: What each platform allows.
        suppressed: Ids of cards that asked to be left alone: withheld.

    Returns:
        The cards, sorted by card_id, and the funnel.

    Raises:
        ContractBroken: Identities and profiles do not stand for the same accounts.
    """
    groups = _group(profiles, identities)
    markets = (*_declared_markets(collections), *taxonomy.markets)
    columns: dict[str, list[Any]] = {name: [] for name in LEAD_CARD.names}
    counts: Counter[tuple[str, str]] = Counter()
    versions = {
        "taxonomy_version": f"{taxonomy.version}+{taxonomy.sha256[:12]}",
        "model_version": MODEL_VERSION,
        "policy_version": policy.version,
    }
    for card_id in sorted(groups):
        accounts = sorted(groups[card_id], key=primary_order)
        reading = _read(accounts, taxonomy)
        audience = dict.fromkeys(
            tribe
            for name in sorted({c for account in accounts for c in account.collections})
            if name in collections
            for tribe in collections[name].tribes
        )
        labels = label(_voices(accounts, reading), taxonomy, audience=list(audience))
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


def primary_order(account: Account) -> tuple[bool, int, datetime, str, str]:
    """Sort key whose first account is primary: public, most followers, earliest seen, name."""
    return (
        bool(account.is_private),
        -(account.follower_count or 0),
        account.first_seen_at,
        account.platform,
        account.account_key,
    )


def _group(profiles: pa.Table, identities: pa.Table) -> dict[str, list[Account]]:
    names = [name for name in Account._fields if name != "basis"]
    lists = [profiles.column(name).to_pylist() for name in names]
    accounts = {(row[0], row[1]): Account(*row) for row in zip(*lists, strict=True)}
    keys = ("card_id", "platform", "account_key", "basis")
    rows = zip(*(identities.column(name).to_pylist() for name in keys), strict=True)
    groups: dict[str, list[Account]] = defaultdict(list)
    missing = 0
    for card_id, platform, key, basis in rows:
        account = accounts.pop((platform, key), None)
        if account is None:
            missing += 1
        else:
            groups[card_id].append(account._replace(basis=basis))
    if missing or accounts:
        raise ContractBroken(
            f"{missing} identities without a profile of their own, {len(accounts)} profiles "
            "without an identity; rebuild social/identities"
        )
    return groups


def _declared_markets(collections: Mapping[str, DeclaredAudience]) -> Iterable[Rule]:
    """A market that a collection declares stands before the rules of the file."""
    for name in sorted(collections):
        if market := collections[name].market:
            yield Rule((("collection", frozenset((name,))),), (market,))


def _read(accounts: Sequence[Account], taxonomy: Taxonomy) -> _Reading:
    bios = [text.clean(account.bio) for account in accounts]
    language, score, tokens, is_minor = None, None, 0, any(a.is_minor for a in accounts)
    languages: dict[str, str | None] = {}
    for bio in dict.fromkeys(bios):
        if bio is None:
            continue
        bare = text.skeleton(bio)
        found, found_score = text.language(bare, bio)
        languages[bio] = found
        words = taxonomy.stop_words.get(found or "en", frozenset())
        tokens += text.informative_tokens(bare, words)
        is_minor = is_minor or text.is_stated_minor(bare)
        if language is None and found_score is not None:
            language, score = found, found_score
    has_category = any(
        a.category and a.category.strip().casefold() in taxonomy.categories for a in accounts
    )
    return _Reading(bios, languages, language, score, tokens, has_category, is_minor)


def _voices(accounts: Sequence[Account], reading: _Reading) -> list[Voice]:
    return [
        Voice(
            bio=bio,
            language=reading.languages[bio] if bio else None,
            display_name=text.clean(account.display_name),
            link_domains=text.domains(account.links),
            interests=account.interests,
            category=account.category,
            category_kind=account.category_kind,
            follower_count=account.follower_count,
            is_business=account.is_business,
            is_parody=account.is_parody,
        )
        for account, bio in zip(accounts, reading.bios, strict=True)
    ]


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


def _facts_of(accounts: Sequence[Account], reading: _Reading, taxonomy: Taxonomy) -> dict[str, Any]:
    primary, home = accounts[0], _home(accounts, taxonomy)
    return {
        "platform": primary.platform,
        "platform_id": primary.platform_id,
        "handle": primary.handle,
        "display_name": text.clean(primary.display_name),
        "bio": reading.bios[0],
        "language": reading.language,
        "language_score": reading.language_score,
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
    reading: _Reading,
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
    reading: _Reading,
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
