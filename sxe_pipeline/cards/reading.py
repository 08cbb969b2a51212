"""The accounts of a card and what their texts say before any label.

Here: which account speaks for a card, what is eligible for labels, what a labeler hears. Not here:
labels (`learned`), the columns of a card (`build`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from sxe_pipeline.cards import text
from sxe_pipeline.cards.card import band_floor
from sxe_pipeline.cards.labeler.evidence import Voice
from sxe_pipeline.cards.labeler.learned import Said
from sxe_pipeline.cards.taxonomy import Taxonomy
from sxe_pipeline.errors import ContractBroken

MIN_INFORMATIVE_TOKENS = 3


class DeclaredAudience(NamedTuple):
    """What `_collection.yaml` says a collection stands for."""

    tribes: Sequence[str] = ()
    market: str | None = None


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
    post_hashtags: list[str]
    post_terms: list[str]
    ruleset_version: str
    first_seen_at: datetime
    observed_at: datetime
    collections: list[str]
    basis: str = "self"


class Reading(NamedTuple):
    """What the texts of a card say before any label."""

    bios: list[str | None]
    bares: dict[str, str]
    languages: text.Languages
    stop_words: Mapping[str, frozenset[str]]
    has_category: bool
    is_minor: bool

    @property
    def language(self) -> tuple[str | None, float | None]:
        """Language and score of the first bio that holds a word."""
        found = (self.languages[bio] for bio in self.bares)
        return next((each for each in found if each[1] is not None), (None, None))

    @property
    def token_count(self) -> int:
        """Informative tokens of the bios, each counted in its own language."""
        return sum(
            text.informative_tokens(
                bare, self.stop_words.get(self.languages[bio][0] or "en", frozenset())
            )
            for bio, bare in self.bares.items()
        )

    @property
    def is_eligible(self) -> bool:
        """Whether the card says enough to be labeled."""
        if self.has_category:
            return True
        # Most texts are long or short enough in any language: no need to look which it is.
        if self._tokens_without(frozenset()) < MIN_INFORMATIVE_TOKENS:
            return False
        every = frozenset().union(*self.stop_words.values())
        if self._tokens_without(every) >= MIN_INFORMATIVE_TOKENS:
            return True
        return self.token_count >= MIN_INFORMATIVE_TOKENS

    def _tokens_without(self, words: Set[str]) -> int:
        return sum(text.informative_tokens(bare, words) for bare in self.bares.values())


def primary_order(account: Account) -> tuple[bool, int, datetime, str, str]:
    """Sort key whose first account is primary: public, most followers, earliest seen, name."""
    return (
        bool(account.is_private),
        -(account.follower_count or 0),
        account.first_seen_at,
        account.platform,
        account.account_key,
    )


def group(profiles: pa.Table, identities: pa.Table) -> dict[str, list[Account]]:
    """Card id -> its accounts.

    Raises:
        ContractBroken: Identities and profiles do not stand for the same accounts.
    """
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


def read(accounts: Sequence[Account], taxonomy: Taxonomy, languages: text.Languages) -> Reading:
    """Read the texts of a card; a language is looked at only where it decides."""
    bios = [text.clean(account.bio) for account in accounts]
    bares = {bio: text.skeleton(bio) for bio in dict.fromkeys(bios) if bio}
    return Reading(
        bios,
        bares,
        languages,
        taxonomy.stop_words,
        has_category=any(
            a.category and a.category.strip().casefold() in taxonomy.categories for a in accounts
        ),
        is_minor=any(a.is_minor for a in accounts)
        or any(text.is_stated_minor(bare) for bare in bares.values()),
    )


def said(
    accounts: Sequence[Account],
    reading: Reading,
    collections: Mapping[str, DeclaredAudience],
) -> Said:
    """What the labeler hears of a card."""
    voices = [
        Voice(
            bio=bio,
            language=reading.languages.of(bio),
            display_name=text.clean(account.display_name),
            link_domains=text.domains(account.links),
            interests=account.interests,
            category=account.category,
            category_kind=account.category_kind,
            # Labels know the band alone: whoever gains a follower keeps them.
            follower_count=band_floor(account.follower_count),
            is_business=account.is_business,
            is_parody=account.is_parody,
            is_verified=account.is_verified,
            platform=account.platform,
            handle=account.handle,
            post_hashtags=account.post_hashtags,
            post_terms=account.post_terms,
        )
        for account, bio in zip(accounts, reading.bios, strict=True)
    ]
    audience = dict.fromkeys(
        tribe
        for name in sorted({c for account in accounts for c in account.collections})
        if name in collections
        for tribe in collections[name].tribes
    )
    return Said(voices, list(audience))


def key_prefix(*versions: str) -> str:
    """What the keys of labels begin with, and those of other versions do not.

    Args:
        versions: Of the taxonomy, the model and the code.
    """
    return hashlib.blake2b(repr(versions).encode(), digest_size=8).hexdigest()


def labels_key(card: Said, prefix: str) -> str:
    """A digest of all that labeling reads: the same digest, the same labels.

    Args:
        card: What it says.
        prefix: Of the versions that label (`key_prefix`).

    Example:
        >>> old, new = key_prefix("1"), key_prefix("2")
        >>> chef = Said([Voice(bio="Chef")])
        >>> keys = [labels_key(chef, prefix) for prefix in (old, old, new)]
        >>> keys[0] == keys[1], keys[0] == keys[2]
        (True, False)
    """
    # The language is found from the bio, by the code.
    heard = [tuple(voice._replace(language=None)) for voice in card.voices]
    told = repr((heard, card.audience)).encode("utf-8", "backslashreplace")
    return prefix + hashlib.blake2b(told, digest_size=16).hexdigest()
