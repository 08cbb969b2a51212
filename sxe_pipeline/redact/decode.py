"""Hidden contact data: written with separators, encoded, rotated or backwards.

Belongs here: what turns hidden contact data into plain contact data, which the same rules then
find. It runs only where the filter saw a sign of it.
"""

import base64
import binascii
import codecs
import re
from functools import lru_cache

from sxe_pipeline.redact import email, phone, spelled
from sxe_pipeline.redact.ruleset import alternation, plain_tlds, words

_APART = re.compile(
    r"(?<![^\s])[^\s\ue000](?:(?P<gap> {1,3}|[-_*|~/,]|\.)[^\s\ue000])(?:(?P=gap)[^\s\ue000]){5,}"
)
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{12,400}={0,2}(?![A-Za-z0-9+/=_-])")
_HEX = re.compile(r"(?<![0-9A-Za-z#])(?:0x)?(?:[0-9A-Fa-f]{2}[ :\\x]{0,2}){7,200}(?![0-9A-Za-z])")


def find_hidden(text: str) -> list[tuple[int, int, str]]:
    """Contact data hidden by order or by separators in a skeleton, as (start, end, kind)."""
    return find_separated(text) + [(*span, "email") for span in find_reversed(text)]


def find_separated(text: str) -> list[tuple[int, int, str]]:
    """Contact data with a separator after every letter of a skeleton, as (start, end, kind)."""
    spans: list[tuple[int, int, str]] = []
    for run in _APART.finditer(text):
        step = len(run["gap"]) + 1
        joined = run[0][::step]
        for find, kind in ((email.find, "email"), (spelled.find, "phone")):
            for start, end in find(joined):
                spans.append((run.start() + start * step, run.start() + (end - 1) * step + 1, kind))
    return spans


@lru_cache(maxsize=1)
def _backwards() -> re.Pattern[str]:
    """An address of any host that begins with the end of its domain."""
    ends = alternation(tld[::-1] for tld in plain_tlds() | words("country", "tlds") if len(tld) > 1)
    return re.compile(rf"(?<![\w.@-])(?:{ends})\.(?:[^\W_][\w-]{{0,40}}\.?){{1,3}}@[\w.+-]{{1,64}}")


def find_reversed(text: str) -> list[tuple[int, int]]:
    """Addresses in rot13 or backwards, as spans of the skeleton."""
    spans = []
    rotated = codecs.encode(text, "rot13")
    if _names_provider(rotated):
        spans += email.find(rotated)
    backwards = text[::-1]
    if _names_provider(backwards):
        size = len(text)
        spans += [(size - end, size - start) for start, end in email.find(backwards)]
    elif "@" in text:
        spans += [match.span() for match in _backwards().finditer(text)]
    return spans


def _names_provider(text: str) -> bool:
    return (
        any(name in text for name in words("unambiguous_providers"))
        or "yahoo" in text
        or "outlook" in text
    )


def find_encoded(raw: str) -> list[tuple[int, int, str]]:
    """Contact data in base64 or hexadecimal, as (start, end, kind) of the raw text."""
    spans: list[tuple[int, int, str]] = []
    for pattern, decoder in ((_BASE64, _from_base64), (_HEX, _from_hex)):
        for match in pattern.finditer(raw):
            plain = decoder(match[0])
            if plain is None:
                continue
            if email.find(plain.lower()):
                spans.append((*match.span(), "email"))
            elif phone.find(plain.lower()):
                spans.append((*match.span(), "phone"))
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
