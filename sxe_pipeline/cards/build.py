"""Profiles and identities become lead cards, and a narrow row for each identity that is no lead.

Here: the order labels, market, route, readiness, and what each of them reads. Pure: accounts and
what is in force in, rows out; no clock, no store. Not here: how a text is labeled (`learned`),
which cards are made (`touched`), what is counted (`funnel`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

import pyarrow as pa

from sxe_pipeline.cards import text
from sxe_pipeline.cards.card import follower_band, is_stale, label_columns, readiness
from sxe_pipeline.cards.funnel import Funnel, reached
from sxe_pipeline.cards.in_force import InForce, Known
from sxe_pipeline.cards.labeler.label import Labels
from sxe_pipeline.cards.labeler.learned import label_all
from sxe_pipeline.cards.places import ISO_COUNTRY, Place
from sxe_pipeline.cards.reading import (
    Account,
    Reading,
    audience,
    group,
    labels_key,
    primary_order,
    said,
)
from sxe_pipeline.cards.taxonomy import FALLBACK_MARKET, Taxonomy
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import OTHERS

_BATCH = 512
LEAD = "lead"
FOLLOWING = (
    *("language", "language_score", "is_eligible", "informative_token_count"),
    *("account_type", "persona_family", "persona", "persona_confidence"),
    *("tribe", "tribe_confidence", "tribes", "evidence"),
    *("is_tagged", "is_own_words_tagged", "says_two_things"),
)
"""The columns that follow from what labeling reads: the same `labels_key`, the same values. A row
of OTHERS keeps those of them that a market or a route asks for."""


_SHOWN = Known._fields[2:]


class Members(NamedTuple):
    """The accounts of one card, in any order, and what else is known of it.

    `known`: of its stored row `labels_key`, `kind`, `is_doubtful` and `FOLLOWING`; None where none
    is stored. `is_suppressed`: it asked to be left alone.
    """

    card_id: str
    accounts: Sequence[Account]
    known: Mapping[str, Any] | None = None
    is_suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """The lead cards, the other identities, and how many accounts became how many of them."""

    cards: pa.Table
    others: pa.Table
    funnel: Funnel


def build(profiles: pa.Table, identities: pa.Table, in_force: InForce) -> Built:
    """Make a card of every identity with a persona, and a row of every other one, in memory.

    Args:
        profiles: Table PROFILE, in any order.
        identities: Table IDENTITY, in any order, one row per profile.
        in_force: What decides about them.

    Returns:
        Tables LEAD_CARD and OTHERS, sorted by card_id, and the funnel.

    Raises:
        ContractBroken: Identities and profiles do not stand for the same accounts.
    """
    groups = group(profiles, identities)
    counts: Counter[tuple[str, str, str]] = Counter()
    leads, others = Rows(LEAD_CARD), Rows(OTHERS)
    cards = (
        Members(card_id, groups[card_id], is_suppressed=card_id in in_force.suppressed)
        for card_id in sorted(groups)
    )
    for row in rows(cards, in_force):
        (leads if row["kind"] == LEAD else others).add(row)
        counts.update(reached(row, [account.platform for account in groups[row["card_id"]]]))
    return Built(leads.taken(), others.taken(), dict(sorted(counts.items())))


class Rows:
    """Rows of a table while they are gathered, column by column."""

    def __init__(self, table: Table) -> None:
        """Of that table; none yet."""
        self._schema = table.schema
        self._columns: dict[str, list[Any]] = {name: [] for name in table.names}
        self.count = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """One more; what is no column of the table is left out."""
        for name, values in self._columns.items():
            values.append(row[name])
        self.count += 1

    def taken(self) -> pa.Table:
        """Those that were gathered since the last time."""
        found = pa.Table.from_pydict(self._columns, schema=self._schema)
        self._columns = {name: [] for name in self._columns}
        self.count = 0
        return found


def rows(cards: Iterable[Members], in_force: InForce) -> Iterator[dict[str, Any]]:
    """A row for each card, some at a time: of LEAD_CARD where its `kind` is LEAD, else of OTHERS.

    Labels are read off the stored row where it has the same key.
    """
    left = iter(cards)
    while batch := list(islice(left, _BATCH)):
        languages = text.Languages()
        ordered = [sorted(card.accounts, key=primary_order) for card in batch]
        audiences = [audience(accounts, in_force.collections) for accounts in ordered]
        keys = [
            labels_key(*each, in_force.key_prefix) for each in zip(ordered, audiences, strict=True)
        ]
        readings = [Reading(accounts, in_force.taxonomy, languages) for accounts in ordered]
        new = [
            at
            for at, (card, key) in enumerate(zip(batch, keys, strict=True))
            if card.known is None or card.known["labels_key"] != key
        ]
        heard = [said(readings[at], audiences[at]) for at in new]
        labels = label_all(heard, in_force.taxonomy, in_force.weights)
        told = {at: _told(readings[at], each) for at, each in zip(new, labels, strict=True)}
        for at, card in enumerate(batch):
            following = told.get(at) or card.known or {}
            yield _row(card, readings[at], {**following, "labels_key": keys[at]}, in_force)


def _told(reading: Reading, labels: Labels) -> dict[str, Any]:
    """What follows from what labeling reads; of whoever is no lead, what a market or route asks."""
    language, score = reading.language
    found: dict[str, Any] = {
        "kind": labels.standing,
        "is_eligible": reading.is_eligible,
        "language": language,
        "account_type": labels.account_type,
        "persona_family": labels.persona_family,
        "persona": labels.persona,
        "tribe": labels.tribe,
    }
    if labels.standing == LEAD:
        found |= {
            **label_columns(labels),
            "language_score": score,
            "informative_token_count": reading.token_count,
            "is_tagged": labels.is_tagged,
            "is_own_words_tagged": labels.is_own_words,
            "says_two_things": labels.says_two_things,
            "is_doubtful": labels.has_weak_signal and not labels.is_tagged,
        }
    return found


def _row(
    card: Members, reading: Reading, told: Mapping[str, Any], in_force: InForce
) -> dict[str, Any]:
    """One identity as a row of LEAD_CARD or of OTHERS.

    Args:
        card: Who it is.
        reading: Its accounts, and what their texts say before any label.
        told: `labels_key`, and what follows from it (`Members.known`).
        in_force: What decides about it.
    """
    accounts = reading.accounts
    primary, home = accounts[0], _home(accounts, in_force.taxonomy)
    row = {
        **told,
        "card_id": card.card_id,
        "platform": primary.platform,
        "country": home.country,
        "region": home.region,
        "follower_band": follower_band(primary.follower_count),
    }
    row |= _market_and_route(row, accounts, in_force)
    if row["kind"] == LEAD:
        row |= {**_facts_of(reading), **in_force.versions}
        reasons = _reasons(row, reading, in_force)
        reasons += ["suppressed"] if card.is_suppressed else []
        row["readiness_state"], row["readiness_reasons"] = readiness(reasons)
    return row


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


def _facts_of(reading: Reading) -> dict[str, Any]:
    accounts, primary = reading.accounts, reading.accounts[0]
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
    }


def _market_and_route(
    card: Mapping[str, Any], accounts: Sequence[Account], in_force: InForce
) -> dict[str, str | None]:
    """Market by its rules, then pool and execution label by the routes."""
    known = Known(
        tuple(sorted({c for account in accounts for c in account.collections})),
        tuple(sorted({account.platform for account in accounts})),
        *(card[name] for name in _SHOWN),
    )
    market, pool, execution = in_force.decided(known)
    return {"market": market, "audience_pool": pool, "execution_label": execution}


def _reasons(card: Mapping[str, Any], reading: Reading, in_force: InForce) -> list[str]:
    primary = reading.accounts[0]
    is_closed = bool(primary.is_private)
    holds = {
        "minor": reading.is_minor,
        "protected": is_closed and primary.platform == "x",
        "private": is_closed and primary.platform != "x",
        "parody": card["account_type"] == "fan_or_parody",
        "stale": is_stale(primary.observed_at, in_force.newest_day),
        "policy": not all(in_force.policy.is_open(one.platform) for one in reading.accounts),
        "no_tribe": card["tribe"] is None,
        "low_confidence": card["is_doubtful"],
        "no_market": card["market"] == FALLBACK_MARKET,
    }
    return [reason for reason, is_so in holds.items() if is_so]
