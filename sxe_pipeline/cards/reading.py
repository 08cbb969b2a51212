"""The accounts of a card and what their texts say before any label.

Here: which account speaks for a card, what is eligible for labels, what a labeler hears. Not here:
labels (`learned`), the columns of a card (`build`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

import pyarrow as pa

from sxe_pipeline.cards import text
from sxe_pipeline.cards.ages import is_stated_minor
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


@dataclass(frozen=True)
class Reading:
    """What the texts of a card say before any label; each is looked at when it is asked for.

    Attributes:
        accounts: Those of the card, the primary one first.
        taxonomy: What is in force.
        languages: Of the clean texts of all cards that are read together.
    """

    accounts: Sequence[Account]
    taxonomy: Taxonomy
    languages: text.Languages

    @cached_property
    def bios(self) -> list[str | None]:
        """The clean bio of each account."""
        return [text.clean(account.bio) for account in self.accounts]

    @cached_property
    def bares(self) -> dict[str, str]:
        """Clean bio -> its skeleton, each once."""
        return {bio: text.skeleton(bio) for bio in dict.fromkeys(self.bios) if bio}

    @property
    def has_category(self) -> bool:
        """Whether an account names a category that the taxonomy knows."""
        known = self.taxonomy.categories
        return any(a.category and a.category.strip().casefold() in known for a in self.accounts)

    @property
    def is_minor(self) -> bool:
        """Whether an account or a bio tells an age under 18."""
        return any(a.is_minor for a in self.accounts) or any(
            is_stated_minor(bare) for bare in self.bares.values()
        )

    @property
    def language(self) -> tuple[str | None, float | None]:
        """Language and score of the first bio that holds a word."""
        found = (self.languages[bio] for bio in self.bares)
        return next((each for each in found if each[1] is not None), (None, None))

    @cached_property
    def tokens(self) -> dict[str, text.Tokens]:
        """Clean bio -> its tokens."""
        return {bio: text.tokens(bare) for bio, bare in self.bares.items()}

    @property
    def token_count(self) -> int:
        """Informative tokens of the bios, each counted in its own language."""
        stop_words = self.taxonomy.stop_words
        return sum(
            tokens.informative(stop_words.get(self.languages[bio][0] or "en", frozenset()))
            for bio, tokens in self.tokens.items()
        )

    @property
    def is_eligible(self) -> bool:
        """Whether the card says enough to be labeled."""
        if self.has_category:
            return True
        # Most texts are long or short enough in any language: no need to look which it is.
        tokens = self.tokens.values()
        if sum(each.unspaced + len(each.words) for each in tokens) < MIN_INFORMATIVE_TOKENS:
            return False
        every = self.taxonomy.every_stop_word
        if sum(each.informative(every) for each in tokens) >= MIN_INFORMATIVE_TOKENS:
            return True
        return self.token_count >= MIN_INFORMATIVE_TOKENS


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


def audience(accounts: Sequence[Account], collections: Mapping[str, DeclaredAudience]) -> list[str]:
    """The tribes that the collections of a card declare, each once."""
    names = {c for account in accounts for c in account.collections} & collections.keys()
    return list(dict.fromkeys(t for name in sorted(names) for t in collections[name].tribes))


def said(reading: Reading, audience: Sequence[str]) -> Said:
    """What the labeler hears of a card.

    Args:
        reading: Its texts.
        audience: The tribes that its collections declare.
    """
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
        for account, bio in zip(reading.accounts, reading.bios, strict=True)
    ]
    return Said(voices, list(audience))


def key_prefix(*versions: str) -> str:
    """What the keys of labels begin with, and those of other versions do not.

    Args:
        versions: Of the taxonomy, the model and the code.
    """
    return hashlib.blake2b(repr(versions).encode(), digest_size=8).hexdigest()


HEARD = tuple(name for name in Account._fields if name in Voice._fields or name == "links")
"""The columns of an account that labeling reads."""
_heard = attrgetter(*(name for name in HEARD if name != "follower_count"))


def labels_key(accounts: Sequence[Account], audience: Sequence[str], prefix: str) -> str:
    """A digest of all that labeling reads: the same digest, the same labels.

    Args:
        accounts: Those of a card, the primary one first.
        audience: The tribes that its collections declare.
        prefix: Of the versions that label (`key_prefix`).
    """
    # Of followers the band is heard, of links the hosts: those follow from the link, by the code.
    heard = [(_heard(account), band_floor(account.follower_count)) for account in accounts]
    told = repr((heard, audience)).encode("utf-8", "backslashreplace")
    return prefix + hashlib.blake2b(told, digest_size=16).hexdigest()
