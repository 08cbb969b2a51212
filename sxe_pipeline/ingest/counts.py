"""Numbers as people and interfaces write them: 12400, "12,4K", "1.204", "12,4 mil", "1.2万".

Here: one rule for separators and one table of units, for every language alike. A number that two
readings would make different is refused, never guessed: it is null and counted. Not here: ids.
"""

import re
import unicodedata
from typing import Any

from sxe_pipeline.ingest.plain import NOTHING, BadValue

INT64_MAX = 2**63 - 1
_LONGEST = 64
_UNITS = {
    10**3: "k mil thousand tsd tys тыс rb ribu bin nghìn 千 천 ألف हजार हज़ार พัน",
    10**4: "万 萬 만 w หมื่น",
    10**5: "lakh lakhs lac लाख แสน",
    10
    ** 6: "m mm mn mi mln mio million millions millón millones milhão milhões млн jt juta tr triệu "
    "百万 مليون ล้าน",
    10**7: "cr crore crores करोड़ 千万",
    10**8: "亿 億 억",
    10**9: "b bn bi billion billions mrd mld млрд",
}
_SCALES = {
    unicodedata.normalize("NFKC", unit).casefold(): scale
    for scale, units in _UNITS.items()
    for unit in units.split()
}
_THINGS = (
    r"followers?|following|subscribers?|fans|likes?|posts?|videos?|tweets?|seguidor(?:es)?|"
    r"siguiendo|seguindo|abonn[ée]s?|abonnenten|takipçi|подписчик(?:ов|а|и)?|粉丝|人|명"
)
_WRITTEN = re.compile(
    r"(?P<less>-)?(?P<number>\d(?:[\d.,'٬٫_ ]*\d)?)\s*(?P<unit>[^\d\s.,+-]*?)\.?\+?\s*"
    rf"(?:{_THINGS})?"
)
_GROUPS_ONLY = re.compile(r"['٬_ ]")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:(?P<mark>[.,])\d{3})(?:(?P=mark)\d{3})*")
_INDIAN = re.compile(r"[1-9]\d?(?:,\d\d)+,\d{3}")


def count(value: Any) -> int | None:
    """A number of things.

    Separators: groups have three digits (or the Indian two), the last of two kinds of mark is the
    decimal one, and beside a unit a single mark is. Negative is a platform's own overflow and says
    nothing.

    Args:
        value: A text or a number (`plain`).

    Returns:
        The number, null where nothing is said.

    Raises:
        BadValue: It is no whole number, or nobody can tell which.

    Example:
        >>> [count(text) for text in ("12,4K", "1.234.567", "12.400", "12,4 mil", "3万", "N/A")]
        [12400, 1234567, 12400, 12400, 30000, None]
    """
    if type(value) is int:
        return _bounded(value)
    if value is None or value != value:
        return None
    if type(value) is float:
        if value.is_integer():
            return _bounded(int(value))
        raise BadValue
    if type(value) is not str:
        raise BadValue
    if len(value) < 19 and value.isascii() and value.isdigit():
        return int(value)
    return _read(value)


def _read(text: str) -> int | None:
    if len(text) > _LONGEST:
        raise BadValue
    found = unicodedata.normalize("NFKC", text).strip().casefold().replace("’", "'")
    if found in NOTHING:
        return None
    parts = _WRITTEN.fullmatch(found)
    if not parts:
        raise BadValue
    unit = parts["unit"]
    if unit and unit not in _SCALES:
        raise BadValue
    scale = _SCALES.get(unit, 1)
    whole, fraction = _split(parts["number"], is_scaled=scale > 1)
    if parts["less"]:
        return None
    if scale == 1 and fraction.strip("0"):
        raise BadValue
    rest = int(fraction) * scale // 10 ** len(fraction) if fraction else 0
    return _bounded(int(whole) * scale + rest)


def _split(number: str, *, is_scaled: bool) -> tuple[str, str]:
    """The digits before and after the decimal mark."""
    if _GROUPS_ONLY.search(number):
        head, mark, tail = _halves(number)
        return _ungrouped(_GROUPS_ONLY.sub(",", head)), tail if mark else ""
    if "٫" in number or ("," in number and "." in number):
        head, _, tail = _halves(number)
        return _ungrouped(head), tail
    marks = number.count(",") + number.count(".")
    if marks == 1 and is_scaled:
        head, _, tail = _halves(number)
        return head, tail
    if marks and not (_GROUPED.fullmatch(number) or _INDIAN.fullmatch(number)):
        head, _, tail = _halves(number)
        if marks > 1 or tail.strip("0"):
            raise BadValue
        return head, tail
    return re.sub(r"[.,]", "", number), ""


def _halves(number: str) -> tuple[str, str, str]:
    """Cut at the last mark that can be a decimal one."""
    at = max(number.rfind(mark) for mark in ",.٫")
    if at < 0:
        return number, "", ""
    head, tail = number[:at], number[at + 1 :]
    if not tail.isdigit() or number[at] in head:
        raise BadValue
    return head, number[at], tail


def _ungrouped(head: str) -> str:
    if head.isdigit():
        return head
    if _GROUPED.fullmatch(head) or _INDIAN.fullmatch(head):
        return re.sub(r"[.,]", "", head)
    raise BadValue


def _bounded(number: int) -> int | None:
    if number > INT64_MAX:
        raise BadValue
    return number if number >= 0 else None
