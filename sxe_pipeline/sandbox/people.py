"""Invented people and their accounts: who they are, what they show, how they name each other.

Belongs here: everything about an account that no payload shape decides. Not here: payloads
(`shapes`), files (`landing`), contact data (`plants`).
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sxe_pipeline.sandbox import bios
from sxe_pipeline.sandbox.bios import Voice

PLATFORMS = ("x", "tiktok", "threads")
_SHARES = (45, 35, 20)
_PERSONS = {1: 78, 2: 15, 3: 7}
_SHOP = ("https://www.instagram.com/riverstitch.shop", "https://shop.riverstitch.example/sale")
_JOINED = datetime(2012, 1, 1, tzinfo=UTC)
_JOINED_DAYS = 4_700
_REGIONS = {
    "ar": ("SA", "EG", "AE"),
    "de": ("DE", "AT", "CH"),
    "en": ("US", "GB", "NG", "CA"),
    "es": ("MX", "ES", "CO", "AR"),
    "fr": ("FR", "CA", "BE"),
    "id": ("ID",),
    "ja": ("JP",),
    "ko": ("KR",),
    "pt": ("BR", "PT"),
    "ru": ("RU", "KZ"),
    "tr": ("TR",),
}


@dataclass(slots=True)
class Account:
    """One account as it looks at one moment. Null or empty: the owner or platform says nothing."""

    person: int
    platform: str
    id: str
    handle: str
    name: str
    bio: str
    location: str
    voice: Voice
    region: str
    followers: int
    following: int
    posts: int
    likes: int
    created_at: datetime
    links: list[str] = field(default_factory=list)
    interests: list[str] = field(default_factory=list)
    category: tuple[str, str] | None = None
    email: str = ""
    phone: str = ""
    is_verified: bool = False
    is_private: bool = False
    is_ftc: bool = False
    is_fan: bool = False
    is_parody: bool = False
    is_linked: bool = False


def population(rng: random.Random, count: int) -> list[Account]:
    """Invent people until they hold `count` accounts.

    Args:
        rng: Chooses everything.
        count: How many accounts; no two of a platform share id or handle.

    Returns:
        The accounts, those of one person side by side.
    """
    numbers = list(range(count))
    rng.shuffle(numbers)
    accounts: list[Account] = []
    ids: set[str] = set()
    person = 0
    while len(accounts) < count:
        size = rng.choices(list(_PERSONS), list(_PERSONS.values()))[0]
        size = min(size, count - len(accounts))
        platforms = rng.choices(PLATFORMS, _SHARES) if size == 1 else rng.sample(PLATFORMS, size)
        accounts += _person(rng, person, _stem(numbers[person]), platforms, ids)
        person += 1
    for account in rng.sample(accounts, min(12, count)):
        account.links.append(rng.choice(_SHOP))
        account.bio = bios.joined(rng, account.voice, account.bio, "instagram.com/riverstitch.shop")
    return accounts


def later(rng: random.Random, account: Account, *, may_rename: bool) -> Account:
    """The same account a day later: other counts, at times another text or another handle.

    Args:
        rng: Chooses what changed.
        account: As it was; stays as it is.
        may_rename: Whether the handle may change.

    Returns:
        How it looks now. What a vendor knew about its contacts is gone.
    """
    now = replace(account, links=list(account.links), email="", phone="")
    now.followers = max(0, account.followers + rng.randint(-3, 2 + account.followers // 50))
    now.posts += rng.randint(0, 4)
    now.likes += rng.randint(0, 50)
    if rng.random() < 0.25:
        fresh = bios.bio(rng, account.voice, bios.kind(rng))
        now.bio = (
            bios.joined(rng, account.voice, account.bio, fresh) if account.is_linked else fresh
        )
    if may_rename and not account.is_linked and rng.random() < 0.08:
        now.handle = f"new_{account.handle}"
    return now


def _stem(number: int) -> str:
    """Another handle for each number; too few digits in it to be anybody's phone."""
    words = bios.common()["handle_words"]
    rest, first = divmod(number, len(words))
    rest, second = divmod(rest, len(words))
    return f"{words[first]}{words[second]}{rest or ''}"


def _person(
    rng: random.Random, person: int, stem: str, platforms: Sequence[str], ids: set[str]
) -> list[Account]:
    voice = rng.choices(bios.voices(), [one.share for one in bios.voices()])[0]
    who = bios.kind(rng)
    name = bios.display_name(rng, voice, who)
    accounts = []
    for platform in platforms:
        account = _account(rng, person, platform, stem, name, who, voice, ids)
        accounts.append(account)
    _state_age(rng, accounts)
    if len(accounts) > 1:
        _name_each_other(rng, accounts, stem)
    return accounts


def _account(
    rng: random.Random,
    person: int,
    platform: str,
    stem: str,
    name: str,
    who: str,
    voice: Voice,
    ids: set[str],
) -> Account:
    followers = min(30_000_000, int(math.exp(rng.gauss(6.0, 2.0))))
    account = Account(
        person=person,
        platform=platform,
        id=_id(rng, platform, ids),
        handle=stem
        if rng.random() < 0.6
        else f"{stem}{'.' if platform != 'x' else '_'}{voice.language}",
        name=name,
        bio=bios.bio(rng, voice, who),
        location=voice.pick(rng, "places") if rng.random() < 0.4 else "",
        voice=voice,
        region=rng.choice(_REGIONS.get(voice.language, ("US",))),
        followers=followers,
        following=int(math.exp(rng.gauss(5.0, 1.3))),
        posts=int(math.exp(rng.gauss(5.0, 2.0))),
        likes=followers * rng.randint(0, 60),
        created_at=_JOINED + timedelta(seconds=rng.randrange(_JOINED_DAYS * 86_400)),
        is_verified=rng.random() < 0.04,
        is_private=rng.random() < 0.05,
        is_ftc=platform == "tiktok" and rng.random() < 0.02,
        is_fan=who == "fan",
        is_parody=who == "fan" and rng.random() < 0.3,
    )
    if rng.random() < 0.18:
        account.links.append(f"https://{stem}.example/{rng.choice(('', 'shop', 'work', 'about'))}")
    if platform == "threads" and rng.random() < 0.35:
        account.interests = rng.sample(bios.common()["interests"], rng.randint(1, 3))
    if who in ("organisation", "creator") and rng.random() < 0.4:
        wanted = "Business" if who == "organisation" else "Creator"
        fitting = [c for c in bios.common()["categories"] if c[0] == wanted]
        owner, category = rng.choice(fitting)
        account.category = (str(owner), str(category))
    return account


def _id(rng: random.Random, platform: str, ids: set[str]) -> str:
    """A platform's id; those of X and TikTok do not fit into a float."""
    while True:
        if platform == "threads":
            found = str(rng.randrange(63_000_000_000, 64_000_000_000))
        elif platform == "tiktok":
            found = str(rng.randrange(6_700_000_000_000_000_000, 7_500_000_000_000_000_000))
        else:
            found = str(rng.randrange(1_050_000_000_000_000_000, 1_980_000_000_000_000_000))
        if found not in ids:
            ids.add(found)
            return found


def _state_age(rng: random.Random, accounts: Sequence[Account]) -> None:
    luck = rng.random()
    if luck >= 0.05:
        return
    age = rng.randint(14, 17) if luck < 0.02 else rng.randint(19, 61)
    for account in accounts:
        account.bio = bios.with_age(rng, account.voice, account.bio, age)


def _name_each_other(rng: random.Random, accounts: list[Account], stem: str) -> None:
    """How the accounts of one person point at each other: in six ways, one of them not at all.

    Where one names two others, it is none of TikTok, which shows a single link.
    """
    way = rng.choice(("both", "both", "one_way", "instagram", "named", "none"))
    if way == "none":
        return
    for account in accounts:
        account.is_linked = True
    if len(accounts) > 2:
        accounts = sorted(accounts, key=lambda account: account.platform == "tiktok")
    first, *others = accounts
    if way == "instagram":
        for account in accounts:
            named = bios.naming(rng, account.voice, "instagram", f"{stem}.pics")
            account.bio = bios.joined(rng, account.voice, account.bio, named)
        return
    for other in others:
        if way == "named" and other.platform == "tiktok":
            named = bios.naming(rng, first.voice, "tiktok", other.handle)
            first.bio = bios.joined(rng, first.voice, first.bio, named)
        else:
            first.links.insert(0, profile_url(other))
        if way == "both":
            other.links.insert(0, profile_url(first))


def profile_url(account: Account) -> str:
    """Where an account is shown on its platform."""
    host = {
        "x": "https://x.com/",
        "tiktok": "https://www.tiktok.com/@",
        "threads": "https://www.threads.net/@",
    }
    return host[account.platform] + account.handle


def masked(handle: str) -> str:
    """A handle as a vendor hides it."""
    return f"{handle[:3]}███{handle[-2:]}"


def iso(account: Account) -> str:
    """When an account was made, as official APIs write it."""
    return account.created_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
