"""Second looks at a text: written apart, encoded, rotated or backwards.

Belongs here: views that turn hidden contact data into plain contact data, which the same rules
then find. A view is built only where a cheap sign asks for it.
"""

import base64
import binascii
import codecs
import re
from collections.abc import Callable

from sxe_pipeline.redact import email, phone, spelled
from sxe_pipeline.redact.ruleset import words

_APART = re.compile(
    r"(?<![^\s])[^\s\ue000](?:(?P<gap> {1,3}|[-_*|~/,]|\.)[^\s\ue000])(?:(?P=gap)[^\s\ue000]){5,}"
)
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{12,400}={0,2}(?![A-Za-z0-9+/=_-])")
_HEX = re.compile(r"(?<![0-9A-Za-z#])(?:0x)?(?:[0-9A-Fa-f]{2}[ :\\x]{0,2}){7,200}(?![0-9A-Za-z])")

Finder = Callable[[str], list[tuple[int, int]]]


def find_turned_or_apart(folded: str) -> list[tuple[int, int, str]]:
    """Everything that hides by order or by separators, as (start, end, kind)."""
    return find_apart(folded) + [(*span, "email") for span in find_turned(folded)]


def find_apart(folded: str) -> list[tuple[int, int, str]]:
    """Contact data with a separator after every letter, as (start, end, kind)."""
    spans: list[tuple[int, int, str]] = []
    for run in _APART.finditer(folded):
        step = len(run["gap"]) + 1
        joined = run[0][::step]
        for finder, kind in ((email.find, "email"), (spelled.find, "phone")):
            for start, end in finder(joined):
                spans.append((run.start() + start * step, run.start() + (end - 1) * step + 1, kind))
    return spans


def find_turned(folded: str) -> list[tuple[int, int]]:
    """Addresses in rot13 or backwards, as spans of the folded text."""
    spans = []
    rotated = codecs.encode(folded, "rot13")
    if _names_provider(rotated):
        spans += email.find(rotated)
    backwards = folded[::-1]
    if _names_provider(backwards):
        size = len(folded)
        spans += [(size - end, size - start) for start, end in email.find(backwards)]
    return spans


def _names_provider(view: str) -> bool:
    return (
        any(name in view for name in words("unambiguous_providers"))
        or "yahoo" in view
        or ("outlook" in view)
    )


def find_encoded(raw: str) -> list[tuple[int, int, str]]:
    """Contact data in base64 or hexadecimal, as (start, end, kind) of the raw text."""
    spans: list[tuple[int, int, str]] = []
    for pattern, decoder in ((_BASE64, _from_base64), (_HEX, _from_hex)):
        for found in pattern.finditer(raw):
            plain = decoder(found[0])
            if plain is None:
                continue
            if email.find(plain.lower()):
                spans.append((*found.span(), "email"))
            elif phone.find(plain.lower()):
                spans.append((*found.span(), "phone"))
    return spans


def _from_base64(token: str) -> str | None:
    if token.isdigit() or token.islower() or "/" in token[:1]:
        return None
    try:
        padded = token.rstrip("=") + "=" * (-len(token.rstrip("=")) % 4)
        return _printable(
            base64.b64decode(padded, altchars=b"-_" if "-" in token or "_" in token else None)
        )
    except (binascii.Error, ValueError):
        return None


def _from_hex(token: str) -> str | None:
    digits = re.sub(r"0x|\\x|[ :]", "", token)
    if len(digits) % 2:
        return None
    return _printable(bytes.fromhex(digits))


def _printable(data: bytes) -> str | None:
    if len(data) < 7 or any(byte < 32 or byte > 126 for byte in data):
        return None
    return data.decode("ascii")
