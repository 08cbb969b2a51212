"""How far an answer agrees with what was asked: names and domains as people write them. Pure.

Here: what was paid for is thrown away only where it is about somebody else. What is doubtful (a
second family name, an initial, the same company under another ending) is kept with low confidence.
Not here: canonical forms (`normalise`), which values there are (the adapters).
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import IntEnum
from functools import cache

from publicsuffixlist import PublicSuffixList

from sxe_pipeline.contacts import normalise
from sxe_pipeline.contacts.adapter import Value

DOUBT = 0.3
"""The most that a value of a doubtful answer is believed."""

_TITLES = frozenset(
    {"jr", "sr", "ii", "iii", "iv", "mba", "emba", "phd", "md", "esq", "cpa", "cfa", "pmp", "dr"}
    | {"mr", "mrs", "ms", "prof", "msc", "bsc", "dds", "rn", "jd", "llm", "cissp", "shrm"}
)
_BETWEEN = re.compile(r"[\s\-\u2010-\u2015/().]+")
_LEAST_LABEL = 4


class Agreement(IntEnum):
    """NONE is somebody else; DOUBTFUL may be."""

    NONE = 0
    DOUBTFUL = 1
    FULL = 2


def of_names(ours: tuple[str, str], theirs: tuple[str, str]) -> Agreement:
    """Whether two first and last names are of one person.

    Suffixes and credentials are left out unless they are all there is, a middle initial on one side
    says nothing, the order of the parts is free, and umlauts may be spelled out.

    Args:
        ours: As it was asked; what is empty is not compared.
        theirs: As it was answered.

    Example:
        >>> of_names(("Ana", "Made"), ("Ana B.", "Made, MBA")).name
        'FULL'
        >>> of_names(("Ana", "Made"), ("Ana", "Made Lopez")).name
        'DOUBTFUL'
    """
    pairs = [(_words(a), _words(b)) for a, b in zip(ours, theirs, strict=True) if _words(a)]
    if all("".join(a) == "".join(b) for a, b in pairs):
        return Agreement.FULL
    asked, answered = (
        [word for words in side for word in words] for side in zip(*pairs, strict=True)
    )
    full, given = _long(asked), _long(answered)
    if full == given:
        initials = {w for w in asked if len(w) == 1}, {w for w in answered if len(w) == 1}
        return (
            Agreement.FULL
            if not all(initials) or initials[0] == initials[1]
            else (Agreement.DOUBTFUL)
        )
    if len(full & given) > 1 and (full < given or given < full):
        return Agreement.DOUBTFUL
    is_initial = len(pairs) == len(ours) and _is_initial(pairs[0][0], pairs[0][1])
    is_doubtful = is_initial and "".join(pairs[1][0]) == "".join(pairs[1][1])
    return Agreement.DOUBTFUL if is_doubtful else Agreement.NONE


def _words(text: str) -> list[str]:
    head, _, tail = re.sub(r"(?<=\w)\.(?=\w)", "", text).partition(",")
    words = [_spelled(word) for word in _BETWEEN.split(head if head.strip() else tail)]
    words = [word for word in words if word]
    return [word for word in words if word not in _TITLES] or words


def _spelled(word: str) -> str:
    return re.sub(r"([aou])e", r"\1", normalise.name(word))


def _long(words: Iterable[str]) -> set[str]:
    return {word for word in words if len(word) > 1}


def _is_initial(ours: list[str], theirs: list[str]) -> bool:
    """Whether one first name is the initial of the other."""
    short, other = sorted(("".join(ours), "".join(theirs)), key=len)
    return len(short) == 1 and other.startswith(short)


def of_domains(ours: str, theirs: str) -> Agreement:
    """Whether two domains are of one owner: by the part that is registered.

    The same name under another ending is doubtful; an empty domain says nothing.

    Example:
        >>> of_domains("shop.example.co.uk", "example.co.uk").name
        'FULL'
        >>> of_domains("example.org", "example.com").name
        'DOUBTFUL'
    """
    if not ours or not theirs or ours == theirs:
        return Agreement.FULL
    registered = [_suffixes().privatesuffix(host) or host for host in (ours, theirs)]
    if registered[0] == registered[1]:
        return Agreement.FULL
    labels = {host.partition(".")[0] for host in registered}
    is_sister = len(labels) == 1 and len(labels.pop()) >= _LEAST_LABEL
    return Agreement.DOUBTFUL if is_sister else Agreement.NONE


@cache
def _suffixes() -> PublicSuffixList:
    """The list in the package; it is read once, and nothing is fetched."""
    return PublicSuffixList()


def as_believed(values: Iterable[Value], agreement: Agreement) -> list[Value]:
    """The values of an answer; those of a doubtful one are believed little."""
    if agreement is Agreement.FULL:
        return list(values)
    return [
        replace(v, confidence=DOUBT if v.confidence is None else min(v.confidence, DOUBT))
        for v in values
    ]
