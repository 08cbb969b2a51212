"""The data behind the rules: words, hosts, policy, the version of all of it, families on or off.

Belongs here: loading and shaping. Does not belong here: a rule.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache

import yaml

from sxe_pipeline import contracts_root
from sxe_pipeline.redact.fold import fold_word

FAMILIES = ("email", "phone", "contact_link", "messenger_id", "postal_address", "link_hub")
_CODE_REVISION = "1"
_FILES = ("policy", "words", "numbers", "hosts", "tlds")


@dataclass(frozen=True)
class Rules:
    """Which families look. A test takes one away and expects the second detector to see it."""

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
    """One word list, folded like the texts it is looked for in."""
    raw = str(_data(file)[name])
    parts = raw.split() if file == "tlds" else raw.split(",")
    return frozenset(fold_word(part.strip()) for part in parts if part.strip())


@cache
def raw_words(name: str, file: str = "words") -> frozenset[str]:
    """One word list as written and as folded, for patterns that meet raw text."""
    written = {part.strip() for part in str(_data(file)[name]).split(",") if part.strip()}
    return words(name, file) | written


@cache
def hosts(name: str) -> tuple[str, ...]:
    """Host names or schemes, longest first."""
    listed = _data("hosts")[name]
    assert isinstance(listed, list)  # noqa: S101  the shape of a file we ship
    return tuple(sorted((str(host) for host in listed), key=len, reverse=True))


def alternation(these: Iterable[str]) -> str:
    """A regex alternation, longest first; blanks inside a phrase match any white space."""
    ordered = sorted(these, key=lambda word: (-len(word), word))
    return "|".join(re.escape(word).replace(r"\ ", r"\s{1,3}") for word in ordered)


def bounded(these: Iterable[str]) -> str:
    """The alternation, each Latin or Cyrillic word only where no letter goes on beside it."""
    spaced = [word for word in these if not _unspaced(word)]
    dense = [word for word in these if _unspaced(word)]
    parts = []
    if spaced:
        parts.append(rf"(?<![^\W_])(?:{alternation(spaced)})(?![^\W\d_])")
    if dense:
        parts.append(f"(?:{alternation(dense)})")
    return f"(?:{'|'.join(parts)})"


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
