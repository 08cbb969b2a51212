"""What invented people write about themselves, from the hand-written fragments in `fragments/`.

Belongs here: fragments, names, profile texts. Never here: the taxonomy of labels, which these texts
were written without; contact data, which only `plants` makes.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FRAGMENTS = Path(__file__).parent / "fragments"
_NO_LANGUAGE = ("common", "collections")
_EMPTY, _NOTHING = 0.09, 0.27
_STYLED = dict(
    zip(
        map(ord, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        [chr(0x1D400 + at) for at in range(52)],
        strict=True,
    )
)
_MAIN = {
    "person": "work",
    "student": "study",
    "organisation": "organisation",
    "creator": "creator",
    "fan": "fan",
}
KINDS = tuple(_MAIN)
_SHARES = (58, 9, 15, 12, 6)


@dataclass(frozen=True, slots=True)
class Voice:
    """One language's fragments, and those that belong to every language."""

    language: str
    share: int
    fragments: Mapping[str, Sequence[str]]
    common: Mapping[str, Any]

    def pick(self, rng: random.Random, key: str) -> str:
        """One fragment with its blanks filled in."""
        return self.filled(rng, rng.choice(self.fragments[key]))

    def filled(self, rng: random.Random, text: str) -> str:
        """Fill {place}, {company}, {year} and {n}."""
        if "{" not in text:
            return text
        return (
            text.replace("{place}", rng.choice(self.fragments["places"]))
            .replace("{company}", rng.choice(self.common["companies"]))
            .replace("{year}", str(rng.randint(1985, 2025)))
            .replace("{n}", str(rng.randint(2, 9)))
        )


@cache
def common() -> Mapping[str, Any]:
    """The fragments of no language in particular."""
    return dict(yaml.safe_load((FRAGMENTS / "common.yaml").read_bytes()))


@cache
def voices() -> tuple[Voice, ...]:
    """Every language, in the order of its name."""
    files = sorted(file for file in FRAGMENTS.glob("*.yaml") if file.stem not in _NO_LANGUAGE)
    read = [yaml.safe_load(file.read_bytes()) for file in files]
    return tuple(Voice(str(one["language"]), int(one["share"]), one, common()) for one in read)


def collections() -> dict[str, dict[str, Any]]:
    """What the landing collections declare of themselves."""
    return dict(yaml.safe_load((FRAGMENTS / "collections.yaml").read_bytes()))


def kind(rng: random.Random) -> str:
    """What somebody is: one of `KINDS`."""
    return rng.choices(KINDS, _SHARES)[0]


def display_name(rng: random.Random, voice: Voice, who: str) -> str:
    """A person's name, or a company's."""
    if who == "organisation":
        return str(rng.choice(voice.common["companies"]))
    given, family = rng.choice(voice.fragments["given"]), rng.choice(voice.fragments["family"])
    name = f"{given} {family}" if rng.random() < 0.7 else given
    return f"{name} {rng.choice(voice.common['emoji'])}" if rng.random() < 0.1 else name


def bio(rng: random.Random, voice: Voice, who: str) -> str:
    """A profile text; about a quarter are empty or say nothing of use.

    Args:
        rng: Chooses.
        voice: The language.
        who: One of `KINDS`.

    Returns:
        The text, without contacts, ages and names of other accounts.
    """
    luck = rng.random()
    if luck < _EMPTY:
        return ""
    if luck < _NOTHING:
        return voice.pick(rng, "nothing")
    parts = [voice.pick(rng, _MAIN[who])] if rng.random() < 0.85 else []
    parts += [voice.pick(rng, "hobby") for _ in range(rng.randint(0 if parts else 1, 2))]
    if who != "organisation" and rng.random() < 0.3:
        parts.append(voice.pick(rng, "family"))
    rng.shuffle(parts)
    text = rng.choice(voice.fragments["joiners"]).join(parts)
    if rng.random() < 0.2:
        tags = rng.sample(list(voice.fragments["tags"]), rng.randint(1, 2))
        text += " " + " ".join(f"#{tag}" for tag in tags)
    if rng.random() < 0.3:
        text += " " + rng.choice(voice.common["zwj" if rng.random() < 0.3 else "emoji"])
    return text.translate(_STYLED) if rng.random() < 0.03 else text


def with_age(rng: random.Random, voice: Voice, text: str, age: int) -> str:
    """The text with a stated age in front."""
    return joined(rng, voice, rng.choice(voice.fragments["age"]).replace("{age}", str(age)), text)


def naming(rng: random.Random, voice: Voice, network: str, handle: str) -> str:
    """How somebody names an account of theirs on Instagram or TikTok."""
    key = "named" if network == "instagram" else "named_other"
    return rng.choice(voice.fragments[key]).replace("{h}", handle)


def joined(rng: random.Random, voice: Voice, first: str, second: str) -> str:
    """Two parts of a text, the way the language joins them; either may be empty."""
    return rng.choice(voice.fragments["joiners"]).join(part for part in (first, second) if part)
