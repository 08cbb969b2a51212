"""E-mail addresses by the name of their provider, in any order and without a plain AT.

Belongs here: what a provider's name says where AT, DOT or the order are missing or nobody listed
them. Addresses with an AT are in `email`.
"""

import re
from functools import lru_cache

from sxe_pipeline.redact.email_domain import read_domain, squeeze
from sxe_pipeline.redact.email_lexicon import lexicon
from sxe_pipeline.redact.email_local import local_score, local_start
from sxe_pipeline.redact.ruleset import alternation

ENOUGH = 4.5
_SURE = re.compile(r"[:=→👉➡]")
_UNLISTED = re.compile(r"[^\W\d_]{1,14}\Z")


def find(text: str) -> list[tuple[int, int]]:
    """Addresses of a skeleton that a provider's name gives away, as spans."""
    if _stems().search(text) is None:
        return []
    return [*_by_provider(text), *_by_name(text)]


@lru_cache(maxsize=1)
def _stems() -> re.Pattern[str]:
    """What every way to write a provider's name holds: looked for before any pattern is."""
    lists = lexicon()
    named = {name for name in lists.sure | lists.known if name not in lists.weak}
    spelled = {"mail", "hoo", "look", "cloud", "proton"}
    rest = {name for name in named if not any(part in name for part in spelled)}
    return re.compile(alternation(spelled | rest))


def _by_provider(text: str) -> list[tuple[int, int]]:
    """Addresses whose AT is missing, only a blank, or a word that nobody listed."""
    lists = lexicon()
    spans = []
    for match in lists.provider.finditer(text):
        name = squeeze(match[0])
        if match.start() == 0 or name in lists.weak or len(name) < 3:
            continue
        domain = read_domain(text, match.start())
        if domain is None or domain.bare:
            continue
        before = text[match.start() - 1]
        if before.isalnum() or before in "._-":
            start = local_start(text, match.start())
            if match.start() - start >= 2 and len(name) >= 5 and not name.isdigit():
                spans.append((start, domain.end))
        elif before.isspace():
            edge = len(text[: match.start()].rstrip()) if match.start() < 4 else match.start() - 1
            local = _before_blank(text, edge, domain.score, domain.spelled)
            if local is not None:
                spans.append((local, domain.end))
    return spans


def _before_blank(text: str, edge: int, score: float, spelled: bool) -> int | None:
    """Where the local part before a blank and a provider begins; None where none stands there."""
    lists = lexicon()
    start = local_start(text, edge)
    local = text[start:edge]
    if not local or local in lists.never_local or text[start - 1 : start] == "@":
        return None
    if _UNLISTED.match(local) and start > 1 and text[start - 1] == " ":
        further = local_start(text, start - 1)
        name = text[further : start - 1]
        strong = local_score(name) >= 1.5 and text[further - 1 : further] != "@"
        if strong and name not in lists.never_local and not name.isdigit():
            return further
    return start if score - 1 + local_score(local) + spelled >= ENOUGH else None


def _by_name(text: str) -> list[tuple[int, int]]:
    """'gmail: name', 'name (gmail)', '(gmail) name', 'name, that's gmail', 'name*gmail*com'."""
    lists = lexicon()
    spans = []
    for pattern in (lists.named, lists.after, lists.between):
        for match in pattern.finditer(text):
            groups = match.groupdict()
            name, local = squeeze(groups["name"] or groups["held"]), match["local"].strip("._-+")
            if local in lists.never_local | lists.known | lists.sure or not _has_letter(local):
                continue
            if name in lists.weak or name == "qq" or name.isdigit():
                continue
            named = pattern is lists.named and name in lists.sure and _SURE.search(match[0])
            if local_score(local) >= 1.5 or named or pattern is lists.between:
                spans.append(match.span())
    return spans


def _has_letter(local: str) -> bool:
    return any(map(str.isalpha, local))
