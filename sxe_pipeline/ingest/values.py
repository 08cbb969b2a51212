"""The named transforms of the shape files: one payload value becomes one column value.

Here: pure functions `value -> value | None`; None means "the payload did not say". A value that is
there but cannot be what its column says raises `BadValue`. Not here: numbers (`counts`), times
(`times`), paths, shapes, rows.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from sxe_pipeline.ingest.counts import count
from sxe_pipeline.ingest.plain import NOTHING, SPREADSHEET_ERRORS, BadValue, LostDigits, Rounded
from sxe_pipeline.ingest.times import us_date, when
from sxe_pipeline.redact import is_contact_link

Transform = Callable[[Any], Any]

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ID = re.compile(r"[0-9]{1,24}", re.ASCII)
_GUARDED = re.compile(r"""(?:'|="|"|=)([0-9]{1,24})"?""", re.ASCII)
"""How people keep a spreadsheet from rounding digits: '1700.. and ="1700.."."""
_NO_ID = frozenset({"", "null", "none", "nan"})
_TRUE = frozenset(
    (
        *("true", "t", "yes", "y", "1", "1.0", "on", "si", "sí", "oui", "sim", "ja"),
        *("истина", "是", "verdadero", "verdadeiro", "vero", "vrai", "wahr", "waar"),
    )
)
_FALSE = frozenset(
    (
        *("false", "f", "no", "n", "0", "0.0", "off", "non", "não", "nein", "nee", "ложь", "否"),
        *("falso", "faux", "falsch", "onwaar"),
    )
)
BLANK = frozenset({"", "null", "none", "nan"})
_HANDLE = re.compile(r"[\w.]{1,64}")
"""Letters, digits, `_` and `.`: no platform of ours writes a handle with anything else."""
_ADDRESS = re.compile(r"(?:https?://)?([\w-]+(?:\.[\w-]+)+/\S+)", re.IGNORECASE)
_URL_HANDLE = re.compile(r"https?://[^/\s]+/@?([^/?#\s]+)", re.IGNORECASE)
_NO_HANDLE = frozenset({"i", "intent", "home", "search", "hashtag", "share", "explore", "t", "p"})
WEB = ("https://", "http://")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_BARE_HOST = re.compile(r"[^\s@/:?#.]+(?:\.[^\s@/:?#.]+)+(?:[/?#]|$)")


def text(value: Any) -> str | None:
    """Free text exactly as found; only control characters other than tab, LF and CR go.

    What a spreadsheet writes where it could not compute is no text of anybody.
    """
    if type(value) is str:
        if value in SPREADSHEET_ERRORS:
            raise BadValue
        return CONTROL.sub("", value) if CONTROL.search(value) else value
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
    """The platform's own account id as digits; a float has lost digits and is refused.

    Zeros before it are a database's, that fills a column up; nothing but zeros is nobody.
    """
    if type(value) is str:
        found = value.strip()
        if not found.isdigit() and (guarded := _GUARDED.fullmatch(found)):
            found = guarded[1]
        if _ID.fullmatch(found):
            return found.lstrip("0") or None
        if found.lower() in _NO_ID:
            return None
    elif type(value) is int:
        if value > 0:
            return account_id(str(value))
        if value == 0:
            return None
    elif type(value) is Rounded:
        raise LostDigits
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
    """A handle without its `@`, also out of the address of its profile.

    What no platform's alphabet can write is refused.
    """
    if value is None or value != value:
        return None
    if type(value) is int:
        value = str(value)
    if type(value) is not str:
        raise BadValue
    found = value.strip(" \t\r\n").removeprefix("@")
    if found.lower() in BLANK:
        return None
    if _HANDLE.fullmatch(found):
        return found
    if found.lower() in NOTHING:
        return None
    if address := _ADDRESS.fullmatch(found):
        return url_handle(f"https://{address[1]}")
    raise BadValue


def url_handle(value: Any) -> str | None:
    """The handle in a profile or post URL such as `https://host/@name/...`.

    What stands behind the host of a messenger is a contact and no handle.
    """
    if type(value) is not str:
        return None
    found = _URL_HANDLE.match(value.strip())
    if not found or found[1].lower() in _NO_HANDLE:
        return None
    if is_contact_link(value.strip()):
        raise BadValue
    return handle(found[1])


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
        if found in NOTHING:
            return None
    raise BadValue


def true_or_null(value: Any) -> bool | None:
    """A flag that is worth something only when set: false says nothing."""
    return True if flag(value) else None


def link(value: Any) -> str | None:
    """A link; a bare host gets `https://`, everything else stays as it was found."""
    if type(value) is not str:
        return None
    if value.startswith(WEB) and value.isprintable() and value[-1] != " ":
        return value
    found = CONTROL.sub("", value).strip()
    if not found or found.lower() in BLANK:
        return None
    if not _SCHEME.match(found) and _BARE_HOST.match(found):
        return f"https://{found}"
    return found


def x_url(value: Any) -> str | None:
    """A URL entity of X: where it leads, not the t.co link it was shortened to."""
    if type(value) is not dict:
        return None
    return link(value.get("expanded_url")) or link(value.get("url"))


class Words:
    """A lookup by the lower-cased value; a word that is not listed says nothing."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        self._known = {str(key).lower(): meaning for key, meaning in words.items()}

    def __call__(self, value: Any) -> Any:
        """What the word means."""
        return self._known.get(str(value).strip().lower())


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
