"""The data behind the rules: words, hosts, policy, the version of all of it, which families are on.

Belongs here: loading it and building patterns from it. Does not belong here: a rule.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache

import yaml

from sxe_pipeline import contracts_root
from sxe_pipeline.redact.skeleton import skeleton

FAMILIES = ("email", "phone", "contact_link", "messenger_id", "postal_address", "link_hub")
_CODE_REVISION = "4"
_FILES = ("policy", "words", "numbers", "hosts", "tlds", "places")


@dataclass(frozen=True)
class Rules:
    """Which families are searched for; a test of the second detector switches one off."""

    on: frozenset[str] = field(default_factory=lambda: frozenset(FAMILIES))

    def without(self, family: str) -> "Rules":
        """The same rules with one family switched off.

        Args:
            family: One of `FAMILIES`.

        Raises:
            KeyError: No family has that name.
        """
        if family not in FAMILIES:
            raise KeyError(family)
        return Rules(self.on - {family})


@lru_cache(maxsize=1)
def _texts() -> dict[str, bytes]:
    root = contracts_root() / "redaction"
    return {name: (root / f"{name}.yaml").read_bytes() for name in _FILES}


@cache
def _data(name: str) -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load(_texts()[name])
    return loaded


def _version() -> str:
    digest = hashlib.sha256(_CODE_REVISION.encode())
    for name in _FILES:
        digest.update(_texts()[name])
    return f"{_data('policy')['version']}+{digest.hexdigest()[:8]}"


@cache
def words(name: str, file: str = "words") -> frozenset[str]:
    """The skeletons of one word list: they are looked for in the skeletons of texts."""
    raw = str(_data(file)[name])
    parts = raw.split() if file == "tlds" else raw.split(",")
    return frozenset(skeleton(part.strip())[0] for part in parts if part.strip())


@cache
def raw_words(name: str, file: str = "words") -> frozenset[str]:
    """One word list as written and as skeletons, for patterns that read the raw text."""
    written = {part.strip() for part in str(_data(file)[name]).split(",") if part.strip()}
    return words(name, file) | written


_ALSO_WORDS = frozenset(
    [
        "ad",
        "ai",
        "al",
        "am",
        "an",
        "ar",
        "as",
        "at",
        "be",
        "by",
        "ca",
        "cd",
        "de",
        "do",
        "eg",
        "en",
        "es",
        "et",
        "ga",
        "go",
        "he",
        "hr",
        "id",
        "ie",
        "il",
        "im",
        "in",
        "io",
        "is",
        "it",
        "la",
        "li",
        "lo",
        "ma",
        "me",
        "mg",
        "ml",
        "mm",
        "ms",
        "mu",
        "my",
        "na",
        "ne",
        "no",
        "nu",
        "om",
        "pa",
        "pe",
        "pm",
        "ps",
        "re",
        "sa",
        "se",
        "si",
        "so",
        "st",
        "su",
        "ta",
        "te",
        "to",
        "tv",
        "um",
        "us",
        "vi",
        "we",
    ]
)


@lru_cache(maxsize=1)
def plain_tlds() -> frozenset[str]:
    """Ends of a domain that are no word of a language: they speak for one after any DOT."""
    generic = frozenset(("com", "net", "org", "edu"))
    return words("country", "tlds").difference(_ALSO_WORDS) | words("spelled", "tlds") | generic


@cache
def hosts(name: str) -> tuple[str, ...]:
    """Host names or schemes, longest first."""
    listed = _data("hosts")[name]
    assert isinstance(listed, list)  # noqa: S101  the shape of a file we ship
    return tuple(sorted((str(host) for host in listed), key=len, reverse=True))


def alternation(phrases: Iterable[str]) -> str:
    """A regex alternation, longest first; blanks inside a phrase match any white space."""
    ordered = sorted(phrases, key=lambda word: (-len(word), word))
    return "|".join(re.escape(word).replace(r"\ ", r"\s{1,3}") for word in ordered)


def bounded(listed: Iterable[str]) -> str:
    """The alternation; a word of a script with blanks matches only as a whole word."""
    spaced = [word for word in listed if not _unspaced(word)]
    dense = [word for word in listed if _unspaced(word)]
    parts = []
    if spaced:
        parts.append(rf"(?<![^\W_])(?:{alternation(spaced)})(?![^\W\d_])")
    if dense:
        ended = [word for word in dense if word[-1].isascii() and word[-1].isalpha()]
        parts.append(f"(?:{alternation(set(dense) - set(ended)) or '(?!)'})")
        if ended:
            parts.append(rf"(?:{alternation(ended)})(?![^\W\d_])")
    return f"(?:{'|'.join(parts)})"


def dense(listed: Iterable[str]) -> str:
    """The alternation of the words of scripts that write no blanks."""
    return alternation(word for word in listed if word[0].isalpha() and _unspaced(word))


def _unspaced(word: str) -> bool:
    """Scripts without blanks between words, and symbols: nothing to bound."""
    first = word[0]
    return (
        not first.isalpha()
        or "\u0e00" <= first <= "\u0eff"
        or "\u1100" <= first <= "\u11ff"
        or ("\u3040" <= first <= "\ud7ff")
    )


@lru_cache(maxsize=1)
def tokens() -> dict[str, str]:
    """Kind -> token, for the kinds that the policy redacts (review is redacted too)."""
    classes = _data("policy")["classes"]
    assert isinstance(classes, dict)  # noqa: S101  the shape of a file we ship
    return {kind: rule["token"] for kind, rule in classes.items() if rule["action"] != "keep"}


RULESET_VERSION = _version()
"""Changes with any rule, word, host or policy line; stamped on every redacted row."""

TOKENS = ("[email]", "[phone]", "[link]", "[messenger]", "[address]")
BARRIER = "\ue000"
"""Stands for one redacted character: nothing is matched across it."""
