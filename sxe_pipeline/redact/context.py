"""What stands around a run of digits: the words before it, the unit after it, a name it is part of.

Belongs here: evidence from outside of the digits. What the digits themselves look like is in
`phone`; digits written as words are in `spelled`, which reads the same evidence.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from sxe_pipeline.redact.places import is_in_reach
from sxe_pipeline.redact.ruleset import words

_WORD = re.compile(r"[^\W\d_]+(?:[.'&-][^\W\d_]+){0,3}\.?")
_FILLERS = frozenset(
    [
        "no",
        "no.",
        "nr",
        "nr.",
        "num",
        "number",
        "numero",
        "is",
        "at",
        "on",
        "us",
        "me",
        "only",
        "es",
        "the",
        "my",
        "our",
        "y",
        "o",
        "or",
        "and",
        "id",
        "de",
        "del",
        "al",
        "a",
    ]
)
_NUMBER = frozenset(("no", "nr", "num", "number", "nummer", "numero", "numer"))
_CURRENCY = frozenset(
    [
        "usd",
        "eur",
        "cop",
        "gbp",
        "inr",
        "rs",
        "mxn",
        "clp",
        "ars",
        "brl",
        "idr",
        "rp",
        "ngn",
        "php",
        "aud",
        "cad",
    ]
)


_IN_ADDRESS = re.compile(r"(?:https?://|[\w-]\.[a-z]{2,}[/?])[^\s\ue000|,;<>\"]*\Z")
_YEAR_AND_COUNT = re.compile(r"(?:19|20)\d\d-\d{4,6}(?!\d)")
"""What stands behind the letters of a register: 'CVE-2021-44228'."""


@dataclass(frozen=True)
class Context:
    """What the words before a run of digits say."""

    evidence: int
    """1 after a phone word, -1 after the word of another number, 0 after neither."""
    plus: bool
    is_postal: bool = False
    """Whether that other number is a postal code, which has at most 9 digits: `cep` is one in
    Brazil, and a mobile phone in Turkey."""


@lru_cache(maxsize=1)
def _marks() -> tuple[str, ...]:
    return tuple(words("phone_marks"))


@cache
def _dense(name: str) -> tuple[str, ...]:
    return tuple(word for word in words(name) if not word.isascii() and len(word) > 1)


def context(text: str, start: int, inherited: bool = False) -> Context:
    """Read the words before `start`, nearest first.

    Args:
        text: A skeleton.
        start: Where the digits begin.
        inherited: A phone number ended just before.
    """
    before = text[max(0, start - 40) : start]
    bare = before.rstrip(" (\t[.-")
    plus = bare.endswith("+") or bool(re.search(r"(?<!\d)\+\s?\(?\Z", before))
    if any(mark in before[-5:] for mark in _marks()):
        return Context(1, plus)
    if before.rstrip(" :.-").endswith(_dense("phone_words")):
        return Context(1, plus)
    matches = list(_WORD.finditer(before))
    edge = len(before)
    spoken = [word[0] for word in matches]
    for index in range(len(matches) - 1, max(-1, len(matches) - 5), -1):
        if edge - matches[index].end() > 6:
            break
        verdict = _verdict(spoken[: index + 1])
        if verdict < 0 and not _reaches(before[matches[index].end() : edge]):
            break
        if verdict:
            is_postal = spoken[index].rstrip(".") in words("postal_code_words")
            return Context(verdict, plus, is_postal)
        if spoken[index].strip(".") not in _FILLERS:
            break
        edge = matches[index].start()
    return Context(1 if inherited else 0, plus)


def _reaches(gap: str) -> bool:
    """Whether a word of another number is near enough: it counts for what follows directly."""
    if any(char in gap for char in "\n|•✨"):
        return False
    return len(gap) < 4 or not gap.strip(" :#=.-()0123456789")


def _verdict(spoken: list[str]) -> int:
    """1, -1 or 0 for the phrase that ends the list; the longest known one decides."""
    phone, other = words("phone_words"), words("not_phone_words")
    for length in (3, 2, 1):
        phrase = " ".join(spoken[-length:])
        short = phrase.rstrip(".")
        if phrase in other or (short in other and short == phrase):
            return -1
        if length == 1 and _is_number_of(spoken, other):
            return -1
        if phrase in phone or short in phone:
            return 1
    last = spoken[-1].rstrip(".")
    return 1 if any(part in phone for part in re.split(r"[-.&]", last)[-1:]) else 0


def _is_number_of(spoken: list[str], other: frozenset[str]) -> bool:
    """Whether the phrase ends as 'license number' and 'Steuer-Nr.' do: of what it is the number."""
    *before, last = [part for word in spoken[-2:] for part in re.split(r"[-.&]", word) if part]
    return last in _NUMBER and bool(before) and before[-1] in other


def is_ruled_out(text: str, start: int, end: int) -> bool:
    """Whether the digits are part of a URL, a handle or a longer identifier, money, or a count.

    Args:
        text: A skeleton.
        start: Where the digits begin.
        end: One past the last of them.
    """
    floor = max(text.rfind(" ", 0, start), text.rfind("\n", 0, start)) + 1
    chunk = text[max(floor, start - 200) : start]
    if (
        chunk.endswith((",,", "@", "_"))
        or (chunk.endswith("#") and "#" not in text[start:end] and not is_in_reach(text))
        or text[max(0, start - 3) : start].rstrip().endswith("=")
    ):
        return True
    if "://" in chunk or re.search(r"[\w-]\.[a-z]{2,}[/?]\S*\Z", chunk):
        return True
    if chunk and chunk[-1].isalpha():
        letters = re.search(r"[^\W\d_]+\Z", chunk)
        if letters is None or len(letters[0]) < 3 or text[end : end + 1].isalpha():
            return True
    if re.search(r"[^\W\d_]-\Z", chunk) and _YEAR_AND_COUNT.match(text, start):
        return True
    after = text[end : end + 14].lstrip(" -")
    unit = re.match(r"[%$€£₹¥°₽]|[^\W\d_]+(?:/s)?", after)
    if unit and unit[0] in words("units_after") and text[end : end + 1] != "\n":
        return True
    money = text[max(0, start - 5) : start].rstrip()
    return money.endswith(("$", "€", "£", "₹", "¥")) or money.split(" ")[-1] in _CURRENCY


def is_in_address(text: str, start: int) -> bool:
    """Whether the digits stand in a web address: what it carries is read in `urls`."""
    return _IN_ADDRESS.search(text[max(0, start - 200) : start]) is not None


def is_in_name(text: str, start: int) -> bool:
    """Whether the digits belong to a handle or a hashtag."""
    floor = max(text.rfind(" ", 0, start), text.rfind("\n", 0, start)) + 1
    chunk = text[max(floor, start - 60) : start]
    return re.search(r"(?:\A|[^\w])[@#][a-z_][\w.]*\Z", chunk) is not None
