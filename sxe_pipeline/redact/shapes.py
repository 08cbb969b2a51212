"""Digits that are something else by their shape.

Decimals, prices, years, dates, hours, machine addresses, book and object numbers, coordinates,
scores.

Belongs here: what a run of digits looks like. What the words around it say is in `context`; whether
a run is a phone number is weighed in `phone`.
"""

import re

_YEAR = r"(?:1[5-9]|20)\d\d"
_DAY_MONTH = r"(?:(?:0?[1-9]|1[0-2]){0}[0-3]?\d|[0-3]?\d{0}(?:0?[1-9]|1[0-2]))"
_DATE = re.compile(
    "|".join(
        rf"(?<![\d{sep}]){_DAY_MONTH.format('[' + sep + ']')}[{sep}](?:{_YEAR}|\d\d)(?!\d"
        rf"|[{sep}]\d)"
        for sep in ("/", ".", r"\-", "_")
    )
    + rf"|(?<!\d){_YEAR}\s?[-./年]\s?(?:0?[1-9]|1[0-2])\s?[-./月]\s?[0-3]?\d(?!\d|[-./]\d)"
)
_YEARS = re.compile(rf"{_YEAR}(?:[^\d]{{1,5}}(?:{_YEAR}|\d\d(?!\d)))*\Z")
_ONE_YEAR = re.compile(rf"(?<!\d){_YEAR}(?!\d)")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_TRIPLE = rf"{_OCTET}(?:,\s?{_OCTET}){{2}}"
_SHAPES = re.compile(
    r"(?:"
    r"\d{1,2}\.\d{5,}"
    r"|\d{1,3}\.\d{3,}\s?[,;/]\s?-?\d{1,3}\.\d{3,}"
    rf"|{_OCTET}(?:\.{_OCTET}){{3}}(?:[:/]\d{{1,5}})?"
    rf"(?:[\s,;|]+{_OCTET}(?:\.{_OCTET}){{3}}(?:[:/]\d{{1,5}})?)*"
    rf"|{_TRIPLE}(?:\s?[/|;]\s?{_TRIPLE})+"
    r"|(?:\d{1,2}/\d{1,3}[\s,;|]*)+|(?:\d{1,3}/\d{2,3}[\s,;|]+){2,}\d{1,3}/\d{2,3}"
    r"|\d{2,4}(?:\s?/\s?\.\d{2,4}){2,}"
    r"|(?:\d{1,2}:\d\d\.\d{1,3}[\s,/]*){2,}"
    r"|(?:\d{1,3}:\d{1,3}(?:-\d{1,3})?[\s,;|]+)+\d{1,3}:\d{1,3}(?:-\d{1,3})?"
    r"|[1-9]\d{0,2}(?:,\d{3})+(?:\.\d\d)?|[1-9]\d{0,2}(?:\.\d{3})+,\d\d|[1-9]\d?(?:,\d\d)+,\d{3}"
    r"|\d{1,2}[:.]\d\d\s?-\s?\d{1,2}[:.]\d\d(?:[\s,/&|]+\d{1,2}[:.]\d\d\s?-\s?\d{1,2}[:.]\d\d)*"
    r"|(?:\d{1,2}:\d\d[\s\-,/&|]*)+"
    r"|(?:0?[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d\d|(?:19|20)\d\d(?:0[1-9]|1[0-2])[0-3]\d"
    r"|[1-9]\d\d/[1-9]\d\d/[1-9]\d\d|[1-9]\d{0,2}(?:\s000){2,}"
    r"|(?:[0-3]\d){2}\d\d/(?:[0-3]\d){2}\d\d"
    r"|\d{6}(?:\s?#\d{6})+|[01](?:\D?[01])+"
    r"|(?:\d{1,3}-\d{1,3}(?:-\d{1,3}|\(\d{1,2}\))?[\s,;|]+)+\d{1,3}-\d{1,3}(?:-\d{1,3})?"
    r"|[1-9]\d(?:[\s,\-][0-9]\d){5}"
    r"|97[89](?:[\- ]?\d){10}"
    r"|\d{3,6}(?:-\d{1,2})?:(?:19|20)\d\d"
    r")\Z"
)
_DECIMAL = re.compile(r"-?\d{1,4}\.\d{1,8}|-?\d{1,3},\d{1,2}")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+(?:[.,]\d\d)?")
_ROUND = re.compile(r"[1-9]\d{0,2}00")
_PRECISE = re.compile(r"-?\d{1,3}\.\d{3,}")
_BETWEEN = re.compile(r"\s{0,2}[/;|–]\s{0,2}|\s{0,2}-\s{0,2}|,\s{1,2}|\s{1,2}")
_OBJECT = re.compile(
    r"(?<![\da-f])[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?![\da-f])"
    r"|(?<![\da-z])(?=[\d:]*[a-f])(?:[\da-f]{1,4}:{1,2}){3,7}[\da-f]{1,4}(?![\da-z])"
    r"|(?<![\da-z])(?=[\da-f]{24})(?=\d*[a-f][\da-f]*\d[a-f]|[a-f]+\d+[a-f])[\da-f]{24,64}"
    r"(?![\da-z])"
)


def blank_objects(text: str) -> str:
    """The skeleton with letters for the digits of UUIDs, hashes and machine addresses."""
    if "-" not in text and ":" not in text and len(text) < 24:
        return text
    return _OBJECT.sub(lambda found: "x" * len(found[0]), text)


def is_other_shape(run: str) -> bool:
    """Whether a run of digits is a date, years, a price, decimals, a time, a score or the like."""
    if "^" in run or " = " in run or _SHAPES.match(run) or _YEARS.match(run):
        return True
    if is_measured(run) or is_series(run):
        return True
    rest = _DATE.sub(" ", run)
    if rest != run and sum(char.isdigit() for char in rest) < 7:
        return True
    years = _ONE_YEAR.findall(run)
    left = sum(char.isdigit() for char in run) - 4 * len(years)
    return (len(years) > 1 and left < 6) or (
        ("'" in run or '"' in run) and re.search(r"\d['\"]\s?\d", run) is not None
    )


def is_measured(run: str) -> bool:
    """Whether every part of the run is a decimal, or in groups of three, or round."""
    if "." not in run and "," not in run and "00" not in run:
        return False
    parts = [part for part in _BETWEEN.split(run) if part]
    return len(parts) > 1 and any(
        all(form.fullmatch(part) for part in parts) for form in (_DECIMAL, _GROUPED, _ROUND)
    )


def is_series(run: str) -> bool:
    """Whether the groups of a run are numbers of their own: repeated digits, or in order.

    Three groups of three, pairs behind a zero and groups of four are how whole countries write.
    """
    groups = re.findall(r"\d+", run)
    widths = {len(group) for group in groups}
    if len(groups) < 3:
        return False
    if widths != {1} and all(len(group) > 1 and len(set(group)) == 1 for group in groups):
        return True
    if len(widths) == 1 and min(widths) > 4:
        return True
    values = [int(group) for group in groups]
    if values not in (sorted(values), sorted(values, reverse=True)):
        return False
    if len(widths) == 1 and min(widths) > 1:
        leads = {group[0] for group in groups}
        return len(leads) == 1 and leads != {"0"} and widths != {3}
    return len(groups) > 5


def is_position(run: str) -> bool:
    """Whether the run is a pair of coordinates: no word before it makes it a phone number."""
    if "." not in run:
        return False
    parts = [part for part in re.split(r"\s{0,2}[,;/]\s{0,2}|\s{1,2}", run) if part]
    return len(parts) == 2 and all(_PRECISE.fullmatch(part) for part in parts)


def is_date(run: str) -> bool:
    """Whether the whole run is one date, or years."""
    return _YEARS.match(run) is not None or _DATE.fullmatch(run) is not None
