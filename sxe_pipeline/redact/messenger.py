"""Messenger ids: the name of a messenger, then a handle.

Belongs here: ids on services that deliver messages (WeChat, Telegram, Signal, Line ...). Handles on
the social networks we ingest are no contact data (policy: keep).
"""

import re
from functools import lru_cache

from sxe_pipeline.redact.ruleset import bounded, words

_HANDLE = r"(?:live:\.?)?(?P<handle>[a-z0-9_][a-z0-9_.\-+]{2,40}(?:#\d{4})?)(?![\w/])"
_SIGN = re.compile(r"id|号|號|user|name|nick|handle|[:@=]|->|→|👉|➡|帳號|账号|アカウント|pin")
_EVERYDAY = frozenset(
    [
        "me",
        "or",
        "and",
        "dm",
        "for",
        "the",
        "app",
        "only",
        "group",
        "channel",
        "chat",
        "link",
        "status",
        "video",
        "videos",
        "call",
        "calls",
        "us",
        "in",
        "on",
        "with",
        "at",
        "via",
        "available",
        "business",
        "web",
        "bot",
        "is",
        "premium",
        "support",
        "instagram",
        "facebook",
        "twitter",
        "email",
        "mail",
        "http",
        "https",
        "www",
        "youtube",
        "telegram",
        "whatsapp",
        "signal",
        "viber",
        "wechat",
        "skype",
        "here",
        "below",
        "now",
    ]
)


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    return re.compile(
        rf"(?P<name>{bounded(words('messengers'))})"
        r"(?P<between>[\s/&,|+·]{0,3}(?:(?:id|号|號|username|user name|user|nick|name|handle"
        r"|account|帳號|账号|アカウント|pin)(?![a-z]))?"
        r"[\s:=@\-_>→👉➡*|.(\[~'\"#]{0,6}(?:is\s|id\s?[:=]?\s?)?)" + _HANDLE
    )


def find(text: str) -> list[tuple[int, int]]:
    """Messenger ids in a skeleton, as spans (the name and the handle)."""
    spans: list[tuple[int, int]] = []
    offset = 0
    pattern = _pattern()
    while match := pattern.search(text, offset):
        offset = match.end("name")
        if _is_id(text, match):
            spans.append(match.span())
            offset = match.end()
    return spans


def _is_id(text: str, match: re.Match[str]) -> bool:
    handle = match["handle"].strip(".-_+")
    name, between = match["name"], match["between"]
    if len(handle) < 3 or handle in _EVERYDAY or handle in words("messengers"):
        return False
    if handle.startswith(("http", "www.")):
        return False
    if name.isascii() and name[-1:].isalnum() and not between and not handle[0].isdigit():
        return False
    digit = any(char.isdigit() for char in handle)
    marked = digit or "_" in handle or "." in handle
    signed = _SIGN.search(between) is not None or name.endswith((" id", "lineid", " pin"))
    if name not in words("weak_messengers") or name.endswith(" id"):
        return signed or digit or not name.isascii()
    if "@" in between or re.search(r"id|user|pin|号", between):
        return True
    return ((":" in between or "=" in between) and (marked or _alone(text, match.end()))) or (
        digit
        and len(handle) > 4
        and not handle.isdigit()
        and name not in ("line", "pin", "dc", "element")
    )


def _alone(text: str, end: int) -> bool:
    """Whether the handle ends its line: after a word of a sentence more words follow."""
    rest = text[end : end + 4].lstrip(" ")
    return not rest or not (rest[0].isalnum() or rest[0] in "'’")
