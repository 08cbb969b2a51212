"""Phone numbers: enough digits close together, weighed by their shape and by what is around them.

Belongs here: runs of digits. What stands around them is in `context`, digits written as words are
in `spelled`. A run of digits is a phone number unless its shape (date, price, address, fraction)
or the word before it says otherwise; after a phone word six digits are enough, and a plus sign
overrules all of it.
"""

import re
from functools import lru_cache

from sxe_pipeline.redact.context import context, is_in_address, is_in_name, is_ruled_out
from sxe_pipeline.redact.places import is_in_reach
from sxe_pipeline.redact.ruleset import alternation, words
from sxe_pipeline.redact.shapes import (
    blank_objects,
    is_date,
    is_measured,
    is_other_shape,
    is_position,
)

_RUN = re.compile(r"\d(?:[^0-9a-z\ue000%°$€£₹¥₽]{0,5}\d){5,}")
_LOOKALIKE = re.compile(r"(?<![a-z0-9])(?:[0-9oli][0-9oilsb]{6,17}|[0-9oli]{2,6})(?![a-z0-9])")
_LETTERS = str.maketrans("oilsb", "01158")
_CUTS = tuple(
    re.compile(cut)
    for cut in (
        r"[|;]|\n{2,}|\s[^\w\s.()/+\-~_,]+\s",
        r"\s/\s|\s-\s|\s\+|(?<=\d[^\d\s])\+|,\s",
        r"/|\\|\n",
        r"\s{2,}|-\s|\s-|,",
        r"\s",
        "-",
    )
)
_RISING = "01234567890123456789", "98765432109876543210"


_SYMBOL = re.compile(r"\s[^\w\s.()/+\-~_,]+\s")
_WIDE = re.compile(
    r"\s[^\w\s.()/+\-~_,]+\s|[|;]|\n\n|\s/\s|(?<!\d)\d{9,17}\s{0,3}[/,\-]\s{0,3}\+?\d{7}|\s\+"
)


def _accept(text: str, start: int, end: int, inherited: bool, is_short: bool) -> bool:
    run = text[start:end]
    digits = "".join(char for char in run if char.isdigit())
    count = len(digits)
    if not 6 <= count <= 17:
        return False
    around = context(text, start, inherited)
    if (around.plus and count >= 7) or (text[end : end + 1] == "@" and count > 7):
        return True
    if around.evidence < 0 and not (around.is_postal and count > 9):
        return False
    if len(set(digits)) < 2 or digits.endswith("000000") or is_in_name(text, start):
        return False
    if around.evidence > 0:
        return not (is_date(run) or is_in_address(text, start)) and (
            count > 6 or not re.search(r"[/:]|\A\d\d \d\d \d\d\Z", run)
        )
    if digits in _RISING[0] or (digits in _RISING[1] and count < 10):
        return False
    if run.startswith("00") and count >= 10:
        return not is_ruled_out(text, start, end)
    if count < 9 and not (
        _local_shape(run) or (_short_shape(run) and (is_short or is_in_reach(text)))
    ):
        return False
    return count <= 15 and not is_other_shape(run) and not is_ruled_out(text, start, end)


def _local_shape(run: str) -> bool:
    """Whether seven or eight digits without a phone word are grouped like a phone number."""
    if run.startswith("0") and re.fullmatch(
        r"0\d{1,3}[-\s/]\d{5,6}|0\d{2}[-\s]\d{3}[-\s]\d{2,3}", run
    ):
        return True
    return len(run) > 12 and re.fullmatch(r"(?:\d[^\d]{1,3}){6,}\d", run) is not None


def _short_shape(run: str) -> bool:
    """Whether seven or eight digits may be a whole number where numbers are that short."""
    return run[0] in "23456789" and not is_other_shape(run) and run.count(",") == 0


def _split(
    text: str, start: int, end: int, inherited: bool, is_short: bool
) -> list[tuple[int, int]]:
    """The numbers in a run that is no single one: cut at the widest separator first."""
    run = text[start:end]
    for cut in _CUTS:
        if cut.search(run) is None:
            continue
        edges = [0, *(edge for match in cut.finditer(run) for edge in match.span()), len(run)]
        parts = [(start + edges[i], start + edges[i + 1]) for i in range(0, len(edges), 2)]
        spans = [span for part in parts for span in _weigh(text, *part, inherited, is_short)]
        if spans and len(parts) > 1 and not inherited:
            spans = [span for part in parts for span in _weigh(text, *part, True, is_short)]
        return spans
    return []


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and not text[start].isdigit():
        start += 1
    while end > start and not text[end - 1].isdigit():
        end -= 1
    return start, end


def _weigh(
    text: str, start: int, end: int, inherited: bool, is_short: bool
) -> list[tuple[int, int]]:
    start, end = _trim(text, start, end)
    count = sum(char.isdigit() for char in text[start:end])
    if count < 6:
        return []
    run = text[start:end]
    if is_position(run) or (is_measured(run) and context(text, start, inherited).evidence < 1):
        return []
    wide = _WIDE.search(run)
    if wide and (count > 13 or (_SYMBOL.search(run) and re.search(r"\d\d\d|\d:\d", run))):
        return _split(text, start, end, inherited, is_short) or _whole(
            text, start, end, inherited, is_short
        )
    return _whole(text, start, end, inherited, is_short) or (
        _split(text, start, end, inherited, is_short) if count > 8 else []
    )


def _whole(
    text: str, start: int, end: int, inherited: bool, is_short: bool
) -> list[tuple[int, int]]:
    if not _accept(text, start, end, inherited, is_short):
        return []
    extended = _extension().match(text, end)
    while start and text[start - 1] in "+([0":
        start -= 1
    return [(start, extended.end() if extended else end)]


@lru_cache(maxsize=1)
def _extension() -> re.Pattern[str]:
    """An extension behind a number: 'ext. 22', ' x22', ' доб. 22'."""
    name = alternation(words("extension_words"))
    return re.compile(rf"[\s,;]{{0,3}}(?:{name}|x|#)[.:=]{{0,2}}\s?\d{{1,6}}(?!\d)")


def unmask_lookalikes(text: str) -> str:
    """Digits for the letters that stand among digits (O, l, I, S, B); the length stays."""

    def swap(match: re.Match[str]) -> str:
        run = match[0]
        digits = sum(char.isdigit() for char in run)
        return run.translate(_LETTERS) if digits * 3 >= len(run) else run

    return _LOOKALIKE.sub(swap, text)


def find(text: str, *, inherited: bool = False, is_short: bool = False) -> list[tuple[int, int]]:
    """Phone numbers in a skeleton, as spans.

    Args:
        text: A skeleton.
        inherited: The text follows directly on a phone number that was found.
        is_short: The account is in a place with short numbers.
    """
    digits = blank_objects(unmask_lookalikes(text))
    spans: list[tuple[int, int]] = []
    for run in _RUN.finditer(digits):
        start, end = run.span()
        is_next = inherited and start <= 5 and not any(char.isalpha() for char in digits[:start])
        spans += _weigh(digits, start, end, is_next, is_short)
    return spans
