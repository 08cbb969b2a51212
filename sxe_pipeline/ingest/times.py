"""Points in time as platforms, databases and people write them.

Here: ISO 8601, X's RFC-like date, RFC 5322, epochs, zone names. A date that two readings would
make different (01/02/2024), or a zone that nobody knows, is refused. Not here: which time counts
(`read`).
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from string import ascii_letters, digits
from typing import Any
from zoneinfo import ZoneInfo

from sxe_pipeline.ingest.plain import NOTHING, BadValue

_RFC = re.compile(r"\w{3} (\w{3}) (\d\d) (\d\d:\d\d:\d\d) ([+-])(\d\d)(\d\d) (\d{4})", re.ASCII)
_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: (\d{1,2}):(\d\d))?", re.ASCII)
_MONTHS = {
    name: f"{number:02}"
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        start=1,
    )
}
_X = b"aaa aaa 00 00:00:00 +0000 0000"
_KINDS = bytes.maketrans(
    (ascii_letters + digits).encode(), b"a" * len(ascii_letters) + b"0" * len(digits)
)
"""Any letter as `a`, any digit as `0`, as the dates of X are written in `_X`."""
_MILLISECONDS = 10**11
"""From here on a number is no longer one of seconds."""
_FIRST_SECOND = 10**9
"""September 2001, before any account was made: a smaller number counts something else."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Numbers with so many digits that are a date are one: as an epoch they lie centuries away."""
_EPOCH_TEXT = re.compile(r"\d{9,17}(?:\.\d+)?", re.ASCII)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d\d)?", re.ASCII)
_ZONED = re.compile(r"(.*\d(?: ?[AaPp][Mm])?)[ \[]([A-Za-z][\w/+:-]*)\]?", re.ASCII)
_HAS_OFFSET = re.compile(r"(?:[+-]\d\d:?\d\d|Z)$", re.ASCII)
_ZONES = {
    **dict.fromkeys(("UTC", "GMT", "UT", "Z", "WET"), 0),
    **{"CET": 1, "WEST": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9},
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
}
"""Zone names that mean one offset; those of North America as RFC 5322 reads them."""
_WEEKDAY = re.compile(r"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? ")
_FORMS = tuple(
    f"{day} {clock}".strip()
    for day in ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%Y/%m/%d")
    for clock in ("", "%H:%M:%S", "%H:%M", "%I:%M %p", "%I:%M:%S %p")
)
_LONGEST = 80


def when(value: Any) -> datetime | None:
    """A point in time: ISO 8601, RFC 5322, X's own date, or seconds / milliseconds / microseconds.

    A number is a date where its digits are one (20121213), a time since 1970 where that lies after
    any network began; a year alone or the day count of a spreadsheet is neither. Zero and empty
    mean "unknown". A time without a zone is UTC.

    Raises:
        BadValue: It is no time, or nobody can tell which.

    Example:
        >>> when("2012-12-13 09:41:26 Europe/Madrid").isoformat()
        '2012-12-13T08:41:26+00:00'
    """
    if value is None or value != value or value == 0:
        return None
    try:
        if isinstance(value, datetime):
            if value.tzinfo is UTC:
                return value
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        if type(value) in (int, float):
            return _epoch(value)
        if type(value) is str:
            return _written(value.strip().strip('"'))
    except (ValueError, OverflowError, KeyError, OSError):
        raise BadValue from None
    raise BadValue


def _epoch(number: float) -> datetime:
    if number == int(number) and (form := _COMPACT.get(len(digits_ := str(int(number))))):
        with suppress(ValueError):
            found = datetime.strptime(digits_, form).replace(tzinfo=UTC)
            if found.timestamp() >= _FIRST_SECOND:
                return found
    scale = 1 if number < _MILLISECONDS else 1_000 if number < 1e14 else 1_000_000
    if number < _FIRST_SECOND * scale:
        raise BadValue
    return _EPOCH + timedelta(microseconds=int(number * (1_000_000 // scale)))


def seconds(numbers: Sequence[int]) -> list[datetime] | None:
    """Seconds since 1970; null where one of the numbers may be anything else."""
    if min(numbers) < _FIRST_SECOND or max(numbers) >= _MILLISECONDS:
        return None
    return [datetime.fromtimestamp(number, UTC) for number in numbers]


def of_x(texts: Sequence[str]) -> list[datetime] | None:
    """X's own dates in UTC, by far the most frequent texts; null where one is any other.

    Example:
        >>> of_x(["Fri Aug 13 08:49:26 +0000 2021"])[0].isoformat(), of_x(["2021-08-13"])
        ('2021-08-13T08:49:26+00:00', None)
    """
    if set(map(len, texts)) != {len(_X)} or {text[19:26] for text in texts} != {" +0000 "}:
        return None
    if "".join(texts).encode(errors="replace").translate(_KINDS) != _X * len(texts):
        return None
    if not {text[4:7] for text in texts} <= _MONTHS.keys():
        return None
    return [
        datetime.fromisoformat(f"{t[26:]}-{_MONTHS[t[4:7]]}-{t[8:10]}T{t[11:19]}+00:00")
        for t in texts
    ]


def _written(found: str) -> datetime | None:
    if moments := of_x([found]):
        return moments[0]
    if len(found) > 18 and found[4] == "-":
        with suppress(ValueError):
            return when(datetime.fromisoformat(found))
    if parts := _RFC.fullmatch(found):
        month, day, clock, sign, zone_hours, zone_minutes, year = parts.groups()
        local = datetime.fromisoformat(f"{year}-{_MONTHS[month]}-{day}T{clock}+00:00")
        if zone_hours == zone_minutes == "00":
            return local
        zone = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        return local - zone if sign == "+" else local + zone
    if found.lower() in NOTHING:
        return None
    if found.isascii() and found.isdigit():
        return _epoch(int(found)) if found.strip("0") else None
    try:
        return when(datetime.fromisoformat(found))
    except ValueError:
        return _seldom(found)


def _seldom(found: str) -> datetime | None:
    """Forms of people and other programs; each costs several tries."""
    if len(found) > _LONGEST:
        raise BadValue
    if _EPOCH_TEXT.fullmatch(found):
        return _epoch(float(found))
    if parts := _ZONED.fullmatch(found):
        local, name = parts.groups()
        if name.upper() not in ("AM", "PM"):
            return _in_zone(local.rstrip(), name)
    head, _, offset = found.rpartition(" ")
    if head and _HAS_OFFSET.fullmatch(offset):
        return _in_zone(head, offset)
    return when(_local(found))


def _in_zone(local: str, name: str) -> datetime | None:
    if _HAS_OFFSET.search(local):
        return when(local)
    moment = _local(local)
    return when(moment if moment.tzinfo else moment.replace(tzinfo=_zone(name)))


def _zone(name: str) -> tzinfo:
    if (hours := _ZONES.get(name.upper())) is not None:
        return timezone(timedelta(hours=hours))
    if parts := _OFFSET.fullmatch(name):
        shift = timedelta(hours=int(parts[2]), minutes=int(parts[3] or 0))
        return timezone(shift if parts[1] == "+" else -shift)
    if "/" not in name:
        raise BadValue
    return ZoneInfo(name)


def _local(found: str) -> datetime:
    try:
        return datetime.fromisoformat(found)
    except ValueError:
        plain = _WEEKDAY.sub("", found)
    for form in _FORMS:
        try:
            return datetime.strptime(plain, form)  # noqa: DTZ007 - its zone is told apart
        except ValueError:
            continue
    raise BadValue


def us_date(value: Any) -> datetime | None:
    """A date as `month/day/year hour:minute`, taken as UTC."""
    if value is None or value != value or (type(value) is str and value.strip().lower() in NOTHING):
        return None
    if type(value) is not str or not (parts := _US.fullmatch(value.strip())):
        raise BadValue
    month, day, year, hour, minute = (int(part or 0) for part in parts.groups())
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        raise BadValue from None
