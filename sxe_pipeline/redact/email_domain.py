"""The domain of an e-mail address: a provider or a label, then DOT and label up to a top level.

Belongs here: reading a domain at an offset of a skeleton, and how much speaks for it. What stands
before the AT is in `email`.
"""

import re
from dataclasses import dataclass

from sxe_pipeline.redact.email_lexicon import INDIC, lexicon

_NOUNS = frozenset(
    [
        "company",
        "group",
        "team",
        "community",
        "foundation",
        "center",
        "one",
        "work",
        "life",
        "school",
        "world",
    ]
)
_SIGN = rf"(?:[^\W_]|[{INDIC}])"
_LABEL = re.compile(
    rf"{_SIGN}{{1,40}}(?:-(?!(?:dot|punto|ponto|point|punkt)-){_SIGN}{{1,40}}){{0,3}}"
)
_RUN_TOGETHER = ("com", "net", "couk", "de", "fr", "dotcom", "puntocom")
_GLUED_TLD = re.compile(r"[^\W\d_]{2,18}\Z")


@dataclass(frozen=True)
class Domain:
    """A domain that was read: where it ends, how much speaks for it, how it was written."""

    end: int
    score: float
    spelled: bool
    """A DOT of it is a word or stands between symbols."""
    bare: bool
    """A provider's name without a top level."""


def squeeze(name: str) -> str:
    """A provider's name without the separators inside it."""
    name = re.sub(r"[\s.\-_]", "", name)
    return "gmail" if name == "geemail" else name


def _provider_score(name: str, has_tld: bool) -> float:
    lists = lexicon()
    if name in lists.sure:
        return 3.0
    if name in lists.known:
        return 3.0 if has_tld and name not in lists.weak else 2.0
    return 0.0


def read_domain(text: str, start: int) -> Domain | None:
    """The longest domain of a skeleton that begins at an offset; None where none does."""
    lists = lexicon()
    named = lists.provider.match(text, start)
    best: Domain | None = None
    provider = 0.0
    if named and not text[named.end() : named.end() + 1].isalnum():
        end, first = named.end(), squeeze(named[0])
        provider = _provider_score(first, False)
        best = Domain(end, provider, False, True)
    else:
        label = _LABEL.match(text, start)
        if label is None:
            return None
        end, first = label.end(), label[0]
        if _holds_provider(first):
            return Domain(end, 4.0, False, False)
    if first in lists.never_domain:
        return None
    return _with_tld(text, end, first, provider) or best


def _holds_provider(label: str) -> bool:
    """'yahoocom': the provider and the top level run together."""
    lists = lexicon()
    return any(
        stem in lists.sure or (stem in lists.known and stem not in lists.weak)
        for tld in _RUN_TOGETHER
        if (stem := label.removesuffix(tld)) != label
    )


def _with_tld(text: str, end: int, first: str, provider: float) -> Domain | None:
    """Read DOT and label up to five times; the last that can be a top level ends the domain."""
    lists = lexicon()
    best: Domain | None = None
    score, spelled = 0.0, False
    for _ in range(5):
        dot = lists.dot.match(text, end)
        label = _LABEL.match(text, dot.end()) if dot else None
        weight = (
            _dot_weight(str(dot.lastgroup), dot[0], label[0], provider) if dot and label else None
        )
        if weight is None:
            dot = lists.odd_dot.match(text, end)
            label = _LABEL.match(text, dot.end()) if dot else None
            weight = _odd_weight(dot[0], label[0], provider) if dot and label else None
        if dot is None or label is None:
            break
        kind, name = _kind(dot), label[0]
        if weight is None:
            break
        score = max(score, weight) if best is None else score
        spelled = spelled or kind in ("bracket", "symbol", "word")
        end = label.end()
        cut_short = provider and len(name) == 1
        ends = (_GLUED_TLD.match(name) or cut_short) if kind == "glued" else name in lists.tlds
        if ends:
            best = Domain(end, score + _provider_score(first, True), spelled, False)
    return best


def _kind(dot: re.Match[str]) -> str:
    """How a DOT is written; one of a word that nobody listed counts as a word."""
    return str(dot.lastgroup) if dot.lastgroup not in (None, "mark") else "word"


def _odd_weight(raw: str, name: str, provider: float) -> float | None:
    """How much a word that nobody listed speaks for a DOT: the top level behind it has to."""
    if name not in lexicon().plain_tlds:
        return None
    if raw.isspace() or (raw[0].isspace() and raw[-1].isspace() and raw.strip().isalpha()):
        return 2.0 if provider else None
    return 2.0 if provider else 1.5


def _dot_weight(kind: str, raw: str, name: str, provider: float) -> float | None:
    """How much one DOT speaks for a domain; None where it is no DOT."""
    known = name in lexicon().tlds
    if kind == "glued":
        return 1.5
    if kind in ("bracket", "symbol"):
        return 3.0
    if kind == "word":
        return 1.0 if name in _NOUNS else 2.0
    if not known:
        return None
    if kind == "comma":
        return 1.0 if provider or name == "com" else 0.5
    if kind == "blank":
        return 2.0 if provider and name in ("com", "net", "de", "fr", "ru", "es", "it") else None
    return 1.5 if raw[0].isspace() else 1.0 if provider else 0.5
