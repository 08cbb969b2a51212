"""A contact inside of a web address whose host is no messenger: in its path, query or user part.

Belongs here: what a web address carries. Hosts and schemes that are contact links are in `links`.
A number in a web address is mostly an id, so it counts behind a plus sign or a word of calling.
"""

import base64
import binascii
import re
from functools import lru_cache
from urllib.parse import unquote

from sxe_pipeline.redact import email, links
from sxe_pipeline.redact.ruleset import alternation, words

_ADDRESS = re.compile(
    r"(?<![\w.@\-])(?:https?://|//)?[^\s\ue000/?#|<>\[\]\"]{0,80}[a-z0-9]\.[a-z]{2,18}\.?(?"
    r"::\d{1,5})?"
    r"(?:[/?#][^\s\ue000|<>\"]{1,1000})?"
)
_MAIL = re.compile(
    r"(?<![\w@.+\-])[a-z0-9][a-z0-9._+\-]{0,63}@[a-z0-9\-]{1,63}(?:\.[a-z0-9\-]{1,63}){0,4}"
    r"\.[a-z]{2,18}(?![\w@])"
)
_PLUS = re.compile(r"[=/+\s:#-]\+\s?\d(?:[\s.()\-]?\d){6,14}(?!\d)")
_NUMBERED_HOST = re.compile(r"(?:www\.)?\d{9,15}\.")
_CODED = re.compile(r"(?<=[=/])[a-z0-9_\-]{16,200}={0,2}", re.IGNORECASE)
_DEEPEST = 3


@lru_cache(maxsize=1)
def _called() -> re.Pattern[str]:
    """A word of calling, then digits: '/call/4155550134', '?tel=4155550134', 'call-me-415...'."""
    spoken = {word for word in words("phone_words") if len(word) > 1 and " " not in word}
    word = alternation(spoken | words("link_phone_words"))
    return re.compile(
        rf"(?<![a-z])(?!(?<=\w\.)(?:{word})\.\d+\.\d)(?:{word})(?:[/=\-_:.+?\s]|me|us|now|no|[npqt]=|num=|to=){{0,5}}(?<!id=)\d(?:[\s.()\-]?"
        rf"\d){{6,14}}(?!\d)"
    )


def find(text: str, raw: str | None = None) -> list[tuple[int, int, str]]:
    """Web addresses of a skeleton that carry a contact, as (start, end, kind).

    Args:
        text: A skeleton.
        raw: The same text with its capitals, where both have the same offsets: codes need them.
    """
    spans = []
    for found in _ADDRESS.finditer(text):
        start, end = found.span()
        kind = carried(found[0]) or (coded(raw[start:end]) if raw is not None else None)
        if kind:
            spans.append((start, _tail(text, start, end), kind))
    return spans


def carried(address: str) -> str | None:
    """The kind of contact that a web address carries, or None.

    Args:
        address: A web address as a skeleton.

    Example:
        >>> carried("https://bread.example/call/14155550134")
        'phone'
    """
    plain, opened = address, unquote(address)
    for _ in range(_DEEPEST):
        if plain == opened:
            break
        plain, opened = opened, unquote(opened)
    if not any(sign in plain for sign in "/?#@") and not any(map(str.isdigit, plain)):
        return None
    body = re.sub(r"\A(?:[a-z]{2,8}:)?//", "", plain)
    if "@" in body:
        found = _MAIL.search(body)
        if found and "/@" not in body[max(0, found.start() - 2) : found.start()]:
            return "email"
    rest = re.split(r"[/?#]", body, maxsplit=1)
    if len(rest) > 1:
        inner = f" {rest[1]}".replace("=", " ").replace("&", " ").replace("#", " ")
        if links.find(inner):
            return "contact_link"
        if email.find(rest[1].replace("+", " ").replace("%20", " ")) and "@" in rest[1]:
            return "email"
    if _called().search(body) or _PLUS.search(body) or _NUMBERED_HOST.match(body):
        return "phone"
    return None


def coded(address: str) -> str | None:
    """The kind of contact that stands in a base64 part of a web address, or None."""
    for found in _CODED.finditer(address):
        token = found[0].rstrip("=")
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_")
        except (binascii.Error, ValueError):
            continue
        if any(byte < 32 or byte > 126 for byte in data):
            continue
        if _MAIL.search(data.decode("ascii").lower()):
            return "email"
    return None


def _tail(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1] in ".,;:!)'":
        end -= 1
    return end
