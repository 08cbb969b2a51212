"""Messenger ids: the name of a messenger and a handle, in this order or the other.

Belongs here: ids on services that deliver messages (WeChat, Telegram, Signal, Line ...). Handles on
the social networks we ingest are no contact data (policy: keep). Three things are weighed: whether
the name is also an ordinary word, how the two are joined, and whether the handle looks like one.
Ids in a form of their own need no name.
"""

import re
from functools import lru_cache

from sxe_pipeline.redact.ruleset import alternation, bounded, words
from sxe_pipeline.redact.skeleton import skeleton

_HANDLE = r"(?:live:\.?)?(?P<handle>@?[a-z0-9_][a-z0-9_.\-+]{2,40}(?:#\d{4})?)(?![\w/])"
_OWN_FORM = re.compile(
    r"(?<![a-z0-9])(?:wxid_[a-z0-9]{6,30}|live:(?:\.cid\.)?[a-z0-9._\-]{4,40}"
    r"|\.cid\.[a-f0-9]{8,20}"
    r"|@[a-z0-9._\-]{2,40}:[a-z0-9\-]+(?:\.[a-z0-9\-]+){1,3}|05[a-f0-9]{64}"
    r"|(?:session|tox)(?:\s?id)?\s?[:=\-]?\s?[a-f0-9]{60,80})(?![a-z0-9])"
)
_TAGGED = re.compile(r"(?<![\w@#])[a-z0-9_.]{2,32}#\d{4}(?!\d)")


def _fold(word: str) -> str:
    """A word as it stands in a skeleton."""
    return skeleton(word)[0]


_IS = (
    r"(?:is|id|es|e|est|ist|as|at|a|to|me at|me|us at|username|user name|user|nick(?:name)?|name"
    rf"|handle|account|acc|pin|no|号|號|帳號|账号|アカウント|아이디|ไอดี|{_fold('ид')}|{_fold('айди')}"
    rf"|{_fold('ник')})"
)
_BETWEEN = (
    rf"(?P<between>[\s/&,|+·•]{{0,3}}(?:{_IS}(?![^\W\d_]))?"
    rf"[\s:=@\-_>→👉➡*|.(\[~'\"#•/–—\ufe0f🏻-🏿]{{0,6}}(?:(?:is|id|es|@)\s?[:=]?\s?)?)"
)
_SIGN = re.compile(
    r"id|号|號|user|name|nick|handle|[:@=~]|->|→|👉|➡|帳號|账号|アカウント|아이디|ไอดี|pin"
    rf"|{_fold('ид')}|{_fold('айди')}|{_fold('ник')}"
)
_LIST_SIGN = re.compile(r"[|•·/,\n&+]")
_SAID = re.compile(r"(?:^|\s)(?:is|es|e|est|ist|as|at|me|us at|to|a)\s\Z|\A\s?[\-–—(\[]\s?\Z")


@lru_cache(maxsize=1)
def _named() -> re.Pattern[str]:
    return re.compile(rf"(?P<name>{bounded(words('messengers'))}){_BETWEEN}{_HANDLE}")


@lru_cache(maxsize=1)
def _spoken() -> re.Pattern[str]:
    """A sentence that goes on with a messenger: 'find me on', 'пиши в'."""
    return re.compile(rf"(?<![^\W_])(?:{alternation(words('on_words'))})(?:\s\w{{2,8}})?\s\Z")


@lru_cache(maxsize=1)
def _name_after() -> re.Pattern[str]:
    return re.compile(
        r"(?<![\w@./])(?P<handle>@?[a-z0-9_][a-z0-9_.\-]{3,40})"
        rf"\s{{0,2}}(?:\s(?:{alternation(words('on_words'))})\s|[(\[|/\-–—•:]\s?|\s)\s?(?:my\s)?"
        rf"(?P<name>"
        rf"{bounded(words('messengers') - words('ordinary_messengers') | {'signal', 'tg', 'kik'})})"
        r"\s?(?:only|too|pls)?(?=\Z|[)\]\n|•.,;!/\-–—✨]|\s[^\w\s]|\s\Z)"
    )


def find(text: str) -> list[tuple[int, int]]:
    """Messenger ids in a skeleton, as spans (the name and the handle)."""
    spans = [found.span() for found in _OWN_FORM.finditer(text)]
    offset = 0
    pattern = _named()
    while match := pattern.search(text, offset):
        offset = match.end("name")
        if _is_id(text, match):
            spans.append(match.span())
            offset = match.end()
    spans += [
        found.span()
        for found in _name_after().finditer(text)
        if _looks_like_id(found["handle"]) and not found["handle"].isdigit()
    ]
    if "#" in text and any(name in text for name in ("discord", "дискорд", "디스코드", "dc:")):
        spans += [found.span() for found in _TAGGED.finditer(text)]
    return spans


def _looks_like_id(handle: str) -> bool:
    """Whether a word can be no word of a language: a sign or a digit inside it."""
    bare = handle.strip(".-_+")
    if not bare or bare.lstrip("@") in _everyday():
        return False
    return (
        bare[0] == "@"
        or "_" in bare
        or "." in bare.strip(".")
        or (any(char.isdigit() for char in bare) and any(char.isalpha() for char in bare))
    )


@lru_cache(maxsize=1)
def _everyday() -> frozenset[str]:
    return words("everyday_words") | words("messengers") | words("never_local")


def _is_id(text: str, match: re.Match[str]) -> bool:
    handle, name, between = match["handle"].strip(".-_+"), match["name"], match["between"]
    bare = handle.lstrip("@")
    if len(bare) < 3 or bare in _everyday() or bare.startswith(("http", "www.")):
        return False
    if name.isascii() and name[-1:].isalnum() and not between and not bare[0].isdigit():
        return False
    if bare.isdigit() and name not in words("numbered_messengers"):
        return "@" in between or handle[0] == "@" or _by_digits(name, between)
    signed = _SIGN.search(between) is not None or name.endswith(
        (" id", "lineid", " pin", "号", "號")
    )
    spoken = text[max(0, match.start() - 24) : match.start()]
    said = _SAID.search(between) is not None or _spoken().search(spoken) is not None
    marked = _looks_like_id(handle) or (bare.isdigit() and len(bare) > 4)
    if name in words("ordinary_messengers"):
        if marked and between:
            return signed or "_" in bare or _has_digit_inside(bare)
        return _has_equals(between) and _alone(text, match.end())
    if marked:
        return True
    if _LIST_SIGN.search(between) and not signed:
        return False
    foreign = not name.isascii() and bool(between)
    return (signed or said or foreign) and len(bare) > 4 and _alone(text, match.end())


def _by_digits(name: str, between: str) -> bool:
    """Whether digits after a name are its id: a phone number is found by other rules."""
    return name not in words("ordinary_messengers") or "id" in between or "pin" in between


def _has_digit_inside(handle: str) -> bool:
    return len(handle) > 4 and any(map(str.isdigit, handle)) and not handle.isdigit()


def _has_equals(between: str) -> bool:
    return any(sign in between for sign in ":=@→👉➡") or "id" in between


def _alone(text: str, end: int) -> bool:
    """Whether the handle ends its part of the text: in a sentence more words follow."""
    rest = text[end : end + 4].lstrip(" ")
    return not rest or not (rest[0].isalnum() or rest[0] in "'’")
