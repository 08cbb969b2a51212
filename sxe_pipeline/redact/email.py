"""E-mail addresses: a local part, an AT and a domain, weighed by the evidence for each.

Belongs here: what makes a part of a skeleton an address; its domain is read in `email_domain`. No
rule names a way of hiding an address: AT and DOT are read by what delimits them (glued, in
brackets, between symbols, a bare word, a symbol), and the sum of evidence decides. Literals are
searched first and extended from there, so no rule is quadratic.
"""

import re

from sxe_pipeline.redact.email_domain import Domain, read_domain, squeeze
from sxe_pipeline.redact.email_lexicon import PREPOSITIONS, lexicon
from sxe_pipeline.redact.ruleset import BARRIER

ENOUGH = 4.5
_ENVELOPES = frozenset("✉📧📩📨📬📫💌🌀🅰🐌")
_REACH = 64
_LOCAL_EXTRA = frozenset("._+-'%&")


def _local_start(text: str, end: int) -> int:
    """Where the local part that ends there begins; bounded, so that a long run costs no more."""
    start = end
    floor = max(0, end - _REACH)
    while start > floor and (text[start - 1].isalnum() or text[start - 1] in _LOCAL_EXTRA):
        start -= 1
    while start < end and text[start] in ".'%&-":
        start += 1
    return start


def _local_score(local: str) -> float:
    lists = lexicon()
    bare = local.strip("._-'")
    if bare in lists.mailbox or any(
        bare.endswith(word) or bare.startswith(word + ".")
        for word in lists.mailbox
        if len(word) > 3
    ):
        return 1.5
    if any(char.isdigit() for char in bare) or any(char in bare for char in "._+-"):
        return 1.5
    return 0.5 if len(bare) > 2 else 0.0


def _at_weight(at: re.Match[str]) -> float:
    """How much one way of writing AT speaks for an address."""
    kind, raw = str(at.lastgroup), at[0]
    if kind == "bracket":
        return 4.0 if "@" in raw else 3.0
    if kind == "symbol":
        return 3.0
    if kind == "emoji":
        if any(char.isspace() for char in raw):
            return 1.0
        return 3.0 if raw[0] in _ENVELOPES else 2.0
    if kind == "sign":
        if raw[0] == "@":
            return 4.0 if raw[-1] == "@" else 2.5
        return 1.5
    return 2.5 if " ".join(raw.split()) in lexicon().bare_at else 1.0


def _judge(text: str, at: re.Match[str]) -> tuple[int, int] | None:
    """The span of the address around an AT; None where too little speaks for one."""
    start = _local_start(text, at.start())
    local = text[start : at.start()]
    if not any(char.isalnum() for char in local) or text[start - 1 : start] == "@":
        return None
    kind = str(at.lastgroup)
    apart = kind in ("word", "emoji") or (kind == "sign" and at[0][0] != "@")
    if apart and local.strip("._-'") in lexicon().never_local:
        return None
    domain = read_domain(text, at.end())
    if domain is None or not _fits(kind, at[0], domain):
        return None
    score = _at_weight(at) + domain.score + _local_score(local)
    if domain.spelled and kind in ("word", "bracket", "symbol"):
        score += 1.5
    if score < ENOUGH:
        return None
    return _spelled_local(text, start, apart), domain.end


def _fits(kind: str, at: str, domain: Domain) -> bool:
    """Whether an AT and a domain go together: a weak AT goes with some domains only."""
    if kind == "emoji":
        return not domain.bare
    if kind == "word" and " ".join(at.split()) in PREPOSITIONS - {"at"}:
        return domain.bare and domain.score >= 2
    return True


def _spelled_local(text: str, start: int, apart: bool) -> int:
    """Where the local part begins when its own dots are spelled out too."""
    pattern = lexicon().spelled_local
    while spelled := pattern.search(text, max(0, start - 40), start):
        if (apart and not spelled[0].strip()) or spelled[0].rstrip().endswith("-"):
            break
        start = spelled.start()
    return start


def _by_at(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    offset = 0
    at = lexicon().at
    while match := at.search(text, offset):
        span = _judge(text, match)
        if span is None:
            offset = max(match.start() + 1, match.end() - 1)
        else:
            spans.append(span)
            offset = span[1]
    return spans


def _by_provider(text: str) -> list[tuple[int, int]]:
    """Addresses whose AT is missing: glued to the provider, or only a blank before it."""
    lists = lexicon()
    spans = []
    for match in lists.provider.finditer(text):
        name = squeeze(match[0])
        if match.start() == 0 or name in lists.weak or name.isdigit() or len(name) < 3:
            continue
        domain = read_domain(text, match.start())
        if domain is None or domain.bare:
            continue
        before = text[match.start() - 1]
        if before.isalnum() or before in "._-":
            start = _local_start(text, match.start())
            if match.start() - start >= 2 and len(name) >= 5:
                spans.append((start, domain.end))
        elif before.isspace():
            edge = len(text[: match.start()].rstrip()) if match.start() < 4 else match.start() - 1
            start = _local_start(text, edge)
            local = text[start:edge]
            good = (
                local and local not in lists.never_local and (not start or text[start - 1] != "@")
            )
            if good and domain.score - 1 + _local_score(local) >= ENOUGH:
                spans.append((start, domain.end))
    return spans


def _by_name(text: str) -> list[tuple[int, int]]:
    """'gmail: name' and 'name (gmail)'."""
    lists = lexicon()
    spans = []
    for match in lists.named.finditer(text):
        name = squeeze(match["name"] or match["host"])
        local = match["local"] or match["before"]
        if local in lists.never_local or local in lists.known or name in lists.weak or name == "qq":
            continue
        if name in lists.sure or _local_score(local) >= 1.5:
            spans.append(match.span())
    return spans


def find(text: str) -> list[tuple[int, int]]:
    """E-mail addresses in a skeleton, as spans; they may overlap.

    Args:
        text: A skeleton without `BARRIER`.
    """
    spans = _by_at(text)
    spans += _by_provider(text)
    spans += _by_name(text)
    if "@" in text:
        spans += [match.span() for match in lexicon().reversed.finditer(text)]
    return [span for span in spans if BARRIER not in text[span[0] : span[1]]]
