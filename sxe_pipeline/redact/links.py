"""Links that lead to an inbox, a phone or a page of such links, however their dots are written.

Belongs here: hosts and schemes inside text. Link fields of a profile are in `fields`.
"""

import re
from functools import lru_cache

from sxe_pipeline.redact.ruleset import hosts

_DOT = (
    r"(?:\s{0,2}[.,]\s{0,2}|\s{0,2}[\[({<]\s{0,2}(?:\.|dot|punto|ponto|point|punkt"
    r"|d0t)\s{0,2}[\])}>]\s{0,2}"
    r"|\s{1,2}(?:dot|punto|ponto|point|punkt)\s{1,2}|[_\-~*|](?:dot|punto)[_\-~*|])"
)
_PATH = r"\.?(?::\d{1,5})?(?:\s?[/?#]\s?|\s(?:slash|barra)\s)[^\s\ue000\[\]|\"<>]{1,200}"
_DIALLED = frozenset(
    (
        "tel",
        "telprompt",
        "sms",
        "smsto",
        "mms",
        "callto",
        "facetime",
        "facetime-audio",
        "sip",
        "sips",
    )
)
_ADDRESSED = frozenset(("mailto", "xmpp"))
_ACTIONS = (
    "send|chat|user|msg|message|conversation|add|invite|talk|profile|call|resolve|join|im|contact"
)
"""What a link of a program does when it opens a talk; a listed scheme needs no such word."""
_SCHEME = r"(?<![\w.@\-])(?:(?:https?\s?:)?\s?//\s?)?"
_TIGHT_DOT = r"(?:\.|[\[({<]\s?(?:\.|dot)\s?[\])}>])"
_LABEL = rf"[\w\-]{{1,63}}{_TIGHT_DOT}"
_BEFORE = rf"{_SCHEME}(?:{_LABEL}){{0,4}}"
_ENDS = r"(?![\w\-]|\.\w)"


def _dotted(host: str) -> str:
    name, _, path = host.partition("/")
    spelled = _DOT.join(re.escape(label) for label in name.split("."))
    return (
        rf"{spelled}(?:\s?/\s?{re.escape(path)}[^\s\ue000\[\]|]{{1,200}})"
        if path
        else spelled + _PATH
    )


def _below(names: tuple[str, ...]) -> str:
    """A listed host with a name before it: whose page it is stands there, and needs no path."""
    whole = [name.split(".") for name in names if "/" not in name]
    spelled = "|".join(_TIGHT_DOT.join(map(re.escape, labels)) for labels in whole)
    return rf"{_SCHEME}(?:{_LABEL}){{1,4}}(?<!\bwww\.)(?:{spelled}){_ENDS}/?"


@lru_cache(maxsize=1)
def _schemes() -> re.Pattern[str]:
    other = "|".join(scheme for scheme in hosts("schemes") if scheme not in _DIALLED | _ADDRESSED)
    dialled, addressed = "|".join(sorted(_DIALLED, key=len, reverse=True)), "|".join(_ADDRESSED)
    return re.compile(
        rf"(?<![a-z])(?:(?P<dialled>(?:{dialled}):(?://)?[+\d(][^\s\ue000]{{3,60}})"
        rf"|(?:{addressed}):\s?(?://)?[^\s\ue000\[]{{3,200}}"
        rf"|skype:[^\s\ue000\[]{{2,60}}\?(?:chat|call|add)"
        rf"|(?:{other})://[^\s\ue000\[]{{2,200}}"
        rf"|(?!https?://)[a-z][a-z0-9+\-]{{1,20}}://(?:{_ACTIONS})[/?][^\s\ue000\[]{{2,200}})"
    )


@lru_cache(maxsize=1)
def _contact_hosts() -> re.Pattern[str]:
    listed = hosts("contact_hosts")
    return re.compile(rf"{_BEFORE}(?:{'|'.join(map(_dotted, listed))})|{_below(listed)}")


@lru_cache(maxsize=1)
def _hub_hosts() -> re.Pattern[str]:
    listed = hosts("link_hubs")
    return re.compile(
        rf"{_BEFORE}(?:{'|'.join(map(_dotted, listed))}|link\s?tree\s{{0,2}}[:/]\s{{0,2}}"
        rf"[\w.@\-]{{3,40}})|{_below(listed)}"
    )


def find(text: str) -> list[tuple[int, int, str]]:
    """Contact links in a skeleton, as (start, end, kind)."""
    spans: list[tuple[int, int, str]] = []
    if ":" in text:
        spans += [
            (*match.span(), "phone" if match["dialled"] else "contact_link")
            for match in _schemes().finditer(text)
        ]
    spans += [(*match.span(), "contact_link") for match in _contact_hosts().finditer(text)]
    return [(start, _without_tail(text, start, end), kind) for start, end, kind in spans]


def find_hubs(text: str) -> list[tuple[int, int]]:
    """Link hub pages in a skeleton, as spans."""
    return [
        (match.start(), _without_tail(text, *match.span())) for match in _hub_hosts().finditer(text)
    ]


@lru_cache(maxsize=1)
def _hub_names() -> re.Pattern[str]:
    """A listed hub behind the names before it; its dots may have been squeezed out."""
    names = "|".join(re.escape(host).replace(r"\.", r"\.?") for host in hosts("link_hubs"))
    return re.compile(rf"\A(?:[\w\-]+\.)*?[\w\-]*?(?P<name>{names})")


def hub_of(text: str) -> str | None:
    """The canonical host of a hub link, or None."""
    squeezed = re.sub(r"\s|[\[({<](?:\.|dot|punto)?[\])}>]|[,_~*|]", "", text)
    bare = re.sub(r"^(?:https?:)?/*(?:www\.)?", "", squeezed)
    found = _hub_names().search(bare)
    if found:
        return next(
            host
            for host in hosts("link_hubs")
            if host.replace(".", "") == found["name"].replace(".", "")
        )
    return "linktr.ee" if "linktree" in bare or "linktr" in bare else None


def _without_tail(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1] in ".,;:!)'":
        end -= 1
    return end
