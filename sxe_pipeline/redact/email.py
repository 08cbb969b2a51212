"""E-mail addresses: a local part, an AT and a domain, weighed by the evidence for each.

Belongs here: what makes a part of a skeleton an address; its domain is read in `email_domain`. No
rule names a way of hiding an address: AT and DOT are read by what delimits them (glued, in
brackets, between symbols, a bare word, a symbol), and the sum of evidence decides. Literals are
searched first and extended from there, so no rule is quadratic.
"""

import re

from sxe_pipeline.redact import email_provider
from sxe_pipeline.redact.email_domain import Domain, read_domain
from sxe_pipeline.redact.email_lexicon import PREPOSITIONS, lexicon
from sxe_pipeline.redact.email_local import is_announced, listed_start, local_score, local_start
from sxe_pipeline.redact.ruleset import BARRIER, hosts

_ENVELOPES = frozenset("✉📧📩📨📬📫💌🌀🅰🐌")


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
    start = local_start(text, at.start())
    kind = str(at.lastgroup)
    if start == at.start() and kind != "word":
        start = listed_start(text, start)
    local = text[start : at.start()]
    if not any(char.isalnum() for char in local):
        return None
    apart = kind in ("word", "emoji") or (kind == "sign" and at[0][0] != "@")
    if apart and local.strip("._-'") in lexicon().never_local:
        return None
    domain = read_domain(text, at.end())
    if domain is None or not _fits(kind, at[0], domain):
        return None
    score = _score(text, start, at, domain)
    if apart and score < email_provider.ENOUGH and is_announced(text, start):
        score += 2.0
    if text[start - 1 : start] == "@":
        if _is_public(text[at.end() : domain.end]):
            return None
        start -= 1
    if score < email_provider.ENOUGH:
        return None
    return _spelled_local(text, start, apart), domain.end


def _score(text: str, start: int, at: re.Match[str], domain: Domain) -> float:
    """How much an AT and what stands on both sides of it speak for an address."""
    local = text[start : at.start()]
    score = _at_weight(at) + domain.score + local_score(local)
    if domain.spelled and at.lastgroup in ("word", "bracket", "symbol", "odd"):
        score += 1.5
    if _share_a_name(local, text[at.end() : domain.end]):
        score += 1.0
    return score


def _share_a_name(local: str, host: str) -> bool:
    """Whether a name of the local part stands in the host too, as at a domain of one's own."""
    return any(len(part) > 3 and part in host for part in re.split(r"[._+\-\d]", local))


def _is_public(host: str) -> bool:
    """Whether '@name@host' is a handle of a public network, not a mailbox."""
    if host.split(".")[0] in lexicon().sure | lexicon().known:
        return False
    return any(
        host == listed or host.endswith("." + listed) if "." in listed else listed in host
        for listed in hosts("fediverse")
    )


def _fits(kind: str, at: str, domain: Domain) -> bool:
    """Whether an AT and a domain go together: a weak AT goes with some domains only."""
    if kind == "emoji":
        apart = at[0].isspace() or at[-1].isspace()
        return not domain.bare and (not apart or at.strip()[:1] in _ENVELOPES)
    if kind == "odd":
        return domain.spelled and not domain.bare
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


def _sign(glued: re.Match[str]) -> str:
    """The sign that a word stands for, as long as the word."""
    width = len(glued[0])
    return ("@" if glued["at"] else ".").center(width)


def find(text: str) -> list[tuple[int, int]]:
    """E-mail addresses in a skeleton, as spans; they may overlap.

    Args:
        text: A skeleton without `BARRIER`.
    """
    if not text.isascii():
        text = lexicon().glued.sub(_sign, text)
    spans = _by_at(text)
    spans += email_provider.find(text)
    return [span for span in spans if BARRIER not in text[span[0] : span[1]]]
