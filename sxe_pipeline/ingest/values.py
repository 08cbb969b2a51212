"""The named transforms of the shape files: one payload value becomes one column value.

Here: pure functions `value -> value | None`; None means "the payload did not say". A value that is
there but cannot be what its column says raises `BadValue`. Not here: paths, shapes, rows.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Transform = Callable[[Any], Any]

INT64_MAX = 2**63 - 1
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ID = re.compile(r"[0-9]{1,24}", re.ASCII)
_NO_ID = frozenset({"", "0", "null", "none", "nan"})
_HANDLE = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]{1,64}")
_COUNT = re.compile(r"([0-9][0-9,]*)(?:\.([0-9]+))?\s*([kmb]?)", re.ASCII | re.IGNORECASE)
_SCALE = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})
_BLANK = frozenset({"", "null", "none", "nan"})
_URL_HANDLE = re.compile(r"https?://[^/\s]+/@?([^/?#\s]+)", re.IGNORECASE)
_NO_HANDLE = frozenset({"i", "intent", "home", "search", "hashtag", "share", "explore", "t", "p"})
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_BARE_HOST = re.compile(r"[^\s@/:?#.]+(?:\.[^\s@/:?#.]+)+(?:[/?#]|$)")
_RFC = re.compile(r"\w{3} (\w{3}) (\d\d) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) (\d{4})", re.ASCII)
_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: (\d{1,2}):(\d\d))?", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        start=1,
    )
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadValue(ValueError):
    """A payload value cannot be what its column says; carries no value."""


def text(value: Any) -> str | None:
    """Free text exactly as found; only control characters other than tab, LF and CR go."""
    if type(value) is str:
        return _CONTROL.sub("", value) if _CONTROL.search(value) else value
    if value is None or value != value:
        return None
    if type(value) is int:
        return str(value)
    raise BadValue


def word(value: Any) -> str | None:
    """A short text such as a category or a place: trimmed, empty is null."""
    found = text(value)
    return (found.strip() or None) if found else None


def account_id(value: Any) -> str | None:
    """The platform's own account id as digits; a float has lost digits and is refused."""
    if type(value) is str:
        found = value.strip()
        if _ID.fullmatch(found):
            return found if found != "0" else None
        if found.lower() in _NO_ID:
            return None
    elif type(value) is int:
        if value > 0:
            return account_id(str(value))
        if value == 0:
            return None
    elif value is None or value != value:
        return None
    raise BadValue


def x_base64_user_id(value: Any) -> str | None:
    """The id inside X's opaque node id, base64 of `User:<digits>`; anything else says nothing."""
    if type(value) is not str or len(value) > 64:
        return None
    try:
        plain = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    kind, _, digits = plain.decode("latin-1").partition(":")
    return account_id(digits) if kind == "User" and _ID.fullmatch(digits) else None


def handle(value: Any) -> str | None:
    """A handle without its `@`; white space, control or zero-width characters are refused."""
    if value is None or value != value:
        return None
    if type(value) is int:
        value = str(value)
    if type(value) is not str:
        raise BadValue
    found = value.strip(" \t\r\n").removeprefix("@")
    if found.lower() in _BLANK:
        return None
    if not _HANDLE.fullmatch(found):
        raise BadValue
    return found


def url_handle(value: Any) -> str | None:
    """The handle in a profile or post URL such as `https://host/@name/...`."""
    if type(value) is not str:
        return None
    found = _URL_HANDLE.match(value.strip())
    if not found or found[1].lower() in _NO_HANDLE:
        return None
    return handle(found[1])


def count(value: Any) -> int | None:
    """A number of things; negative is a platform's own overflow and says nothing."""
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
    found = value.strip()
    if found.lower() in _BLANK:
        return None
    if re.fullmatch(r"-[0-9]+", found, re.ASCII):
        return None
    if not (parts := _COUNT.fullmatch(found)) or len(found) > 32:
        raise BadValue
    scale = _SCALE[parts[3].lower()]
    if parts[2] and scale == 1 and parts[2].strip("0"):
        raise BadValue
    whole = int(parts[1].replace(",", "")) * scale
    fraction = int(parts[2]) * scale // 10 ** len(parts[2]) if parts[2] else 0
    return _bounded(whole + fraction)


def _bounded(number: int) -> int | None:
    if number > INT64_MAX:
        raise BadValue
    return number if number >= 0 else None


def flag(value: Any) -> bool | None:
    """A yes or no, also as a word or as 0 and 1."""
    if type(value) is bool:
        return value
    if value is None or value != value:
        return None
    if value in (0, 1):
        return bool(value)
    if type(value) is str:
        found = value.strip().lower()
        if found in _TRUE:
            return True
        if found in _FALSE:
            return False
        if found in _BLANK:
            return None
    raise BadValue


def true_or_null(value: Any) -> bool | None:
    """A flag that is worth something only when set: false says nothing."""
    return True if flag(value) else None


def link(value: Any) -> str | None:
    """A link; a bare host gets `https://`, everything else stays as it was found."""
    if type(value) is not str:
        return None
    found = _CONTROL.sub("", value).strip()
    if not found or found.lower() in _BLANK:
        return None
    if not _SCHEME.match(found) and _BARE_HOST.match(found):
        return f"https://{found}"
    return found


def x_url(value: Any) -> str | None:
    """A URL entity of X: where it leads, not the t.co link it was shortened to."""
    if type(value) is not dict:
        return None
    return link(value.get("expanded_url")) or link(value.get("url"))


def when(value: Any) -> datetime | None:
    """A point in time: ISO 8601, X's RFC-like date, or seconds / milliseconds / microseconds.

    Zero and empty mean "unknown". A time without a zone is UTC.
    """
    if value is None or value != value or value == 0:
        return None
    try:
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        if type(value) in (int, float):
            return _epoch(value)
        if type(value) is str:
            return _written(value.strip().strip('"'))
    except (ValueError, OverflowError, KeyError):
        raise BadValue from None
    raise BadValue


def _epoch(number: float) -> datetime:
    scale = 1 if number < 1e11 else 1_000 if number < 1e14 else 1_000_000
    return _EPOCH + timedelta(microseconds=int(number * (1_000_000 // scale)))


def _written(found: str) -> datetime | None:
    if found.lower() in _BLANK:
        return None
    if found.isascii() and found.isdigit():
        return _epoch(int(found)) if found.strip("0") else None
    if parts := _RFC.fullmatch(found):
        month, day, hour, minute, second, sign, zone_hours, zone_minutes, year = parts.groups()
        zone = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        local = datetime(
            int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
        return local - zone if sign == "+" else local + zone
    return when(datetime.fromisoformat(found))


def us_date(value: Any) -> datetime | None:
    """A date as `month/day/year hour:minute`, taken as UTC."""
    if value is None or value != value or (type(value) is str and value.strip().lower() in _BLANK):
        return None
    if type(value) is not str or not (parts := _US.fullmatch(value.strip())):
        raise BadValue
    month, day, year, hour, minute = (int(part or 0) for part in parts.groups())
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        raise BadValue from None


def mapped(words: Mapping[str, Any]) -> Transform:
    """A lookup by the lower-cased value; a word that is not listed says nothing."""
    known = {str(key).lower(): meaning for key, meaning in words.items()}

    def look_up(value: Any) -> Any:
        return known.get(str(value).strip().lower())

    return look_up


TRANSFORMS: dict[str, Transform] = {
    "text": text,
    "word": word,
    "id": account_id,
    "x_base64_user_id": x_base64_user_id,
    "handle": handle,
    "url_handle": url_handle,
    "count": count,
    "flag": flag,
    "true_or_null": true_or_null,
    "link": link,
    "x_url": x_url,
    "when": when,
    "us_date": us_date,
}
"""What `as:` in a shape file may say."""
