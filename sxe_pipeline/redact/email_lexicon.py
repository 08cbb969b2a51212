"""How an AT, a DOT, a provider and the parts of an e-mail address may be written.

Belongs here: patterns and word lists. How much each way of writing counts is decided in `email` and
`email_domain`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from sxe_pipeline.redact.ruleset import alternation, dense, plain_tlds, words

_OPEN, _CLOSE, _SYMBOL = r"[\[({<|]", r"[\])}>|]", r"[~_*/|\-=+.:]"
_WORD = r"\s?[^\W\d_]{1,14}(?:\s[^\W\d_]{1,10}){0,2}\s?"
"""A word that nobody listed: what stands around it has to say that it is AT or DOT."""
INDIC = r"\u0900-\u0963\u0966-\u0dff"
"""Inside of a set: scripts whose vowels stand apart from their letter, and are no `\\w`."""
PREPOSITIONS = frozenset(("on", "via", "en", "em", "bei", "auf", "su", "chez", "w", "at", "@"))

WEAK_PROVIDERS = frozenset(
    ("mail", "live", "web", "me", "hey", "mac", "orange", "inbox", "terra", "bol")
)
"""Names that are words first: they need a top level behind them."""


@dataclass(frozen=True)
class Lexicon:
    """Patterns and word lists of addresses, built once from `contracts/redaction`."""

    at: re.Pattern[str]
    dot: re.Pattern[str]
    provider: re.Pattern[str]
    named: re.Pattern[str]
    after: re.Pattern[str]
    between: re.Pattern[str]
    odd_dot: re.Pattern[str]
    spelled_local: re.Pattern[str]
    sure: frozenset[str]
    known: frozenset[str]
    weak: frozenset[str]
    tlds: frozenset[str]
    mailbox: frozenset[str]
    mailbox_ends: tuple[str, ...]
    never_local: frozenset[str]
    never_domain: frozenset[str]
    plain_tlds: frozenset[str]
    bare_at: frozenset[str]
    glued: re.Pattern[str]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The lexicon of this ruleset."""
    at_words, dot_words = words("at_words"), words("dot_words")
    bracketed = alternation(at_words | words("bracket_at_words"))
    at, dot = alternation(at_words), alternation(dot_words)
    sure, known = words("unambiguous_providers"), words("providers")
    tlds = words("country", "tlds") | words("generic", "tlds") | words("spelled", "tlds")
    spelled = (
        r"g(?:ee)?[\s.\-_]?mail|hot[\s\-_]?mail|out[\s\-_]?look|i[\s\-_]?cloud|ya[\s\-_]?hoo"
        r"|proton[\s\-_]?mail"
    )
    name = rf"(?:{spelled}|{alternation(sure | known)})"
    end = rf"(?:\s{{0,2}}(?:[.,]|[\[({{<]?(?:{dot})[\])}}>]?|\s)\s{{0,2}}(?:com|net|co))?"
    return Lexicon(
        at=re.compile(
            # None begins with a letter or a digit: said first, it spares most places of a text.
            r"(?=[\W_])(?:"
            rf"(?P<bracket>\s{{0,3}}{_OPEN}\s{{0,2}}(?:{bracketed})\s{{0,2}}{_CLOSE}\s{{0,3}})"
            rf"|(?P<symbol>\s?{_SYMBOL}{{1,3}}\s?(?:{at})\s?{_SYMBOL}{{1,3}}\s?)"
            r"|(?P<sign>\s{0,3}@{1,2}\s{0,3}(?![tṭ]\s))"
            rf"|(?P<word>\s{{1,3}}(?:{at}|{'|'.join(PREPOSITIONS - {'@'})})\s{{1,3}})"
            rf"|(?P<odd>\s?(?:{_OPEN}{{1,2}}{_WORD}{_CLOSE}{{1,2}}"
            rf"|(?P<odd_mark>[~_*/|]){_WORD}(?P=odd_mark))\s?)"
            r"|(?P<emoji>(?<=\w)\s?[^\w\s!-~\u00a1-\u00bf\u2000-\u206f\ue000]{1,3}\s?(?=[a-"
            r"z0-9])))"
        ),
        dot=re.compile(
            r"(?P<glued>\.{1,2}(?=\w)|,\.(?=\w))|(?P<comma>[,;](?=\w))"
            rf"|(?P<bracket>\s{{0,2}}{_OPEN}\s{{0,2}}(?:\.|{dot})\s{{0,2}}{_CLOSE}\s{{0,2}})"
            rf"|(?P<symbol>\s?{_SYMBOL}{{1,3}}(?:{dot}){_SYMBOL}{{1,3}}\s?)"
            r"|(?P<apart>\s{1,2}[.,]\s{0,2}|\.(?:\s{1,2}|\Z))"
            rf"|(?P<word>\s{{1,3}}(?:{dot})\s{{1,3}})|(?P<blank>\s{{1,2}})"
        ),
        provider=re.compile(rf"(?:{spelled}|{alternation(sure | known)})"),
        named=re.compile(
            rf"(?<![^\W_])[\[(@]?(?P<name>{name}){end}[\])]?"
            r"\s{0,2}(?:(?:user(?:name)?|name|id|account|addy)\s{0,2})?"
            r"(?:\s(?:is|es|id|ist|est)\s|[:=>|/]|-{1,2}>?|→|👉|➡|,|(?<=[\])])|(?<=user)"
            r"|(?<=username))"
            r"\s{0,2}(?:(?:my\s)?(?:user)?name(?:\sis)?\s|user\s"
            r"|i\sam\s)?(?P<local>\w[\w.+-]{2,40})"
        ),
        after=re.compile(
            r"(?<![\w@.])(?P<local>\w[\w.+-]{2,40})"
            r"(?:\s{0,2}[\[(#|/+\-–—,:;~•]{1,2}\s{0,2}|\s{0,2},?\s(?:that'?s|it'?s|is|on"
            r"|w/)\s(?:my\s)?)"
            rf"(?P<name>{name})(?![^\W_])(?:{end}\s?[\])])?"
        ),
        between=re.compile(
            r"(?<![\w@.])(?P<local>\w[\w.+-]{1,40})"
            rf"(?:(?P<mark>[^\w\s@.,;'\"!?&+-])(?P<name>{name})(?P=mark)"
            rf"|\s?[\[({{<]\s?(?P<held>{name})\s?(?:[\])}}>][\s.]?|\.))"
            r"(?:com|net|org|de|fr|es|it|ru)(?![\w-])[\])}>]?"
        ),
        odd_dot=re.compile(
            rf"\s?(?:{_OPEN}{{1,2}}{_WORD}{_CLOSE}{{1,2}}|(?P<mark>[~_*/|]){_WORD}(?P=mark))\s?"
            r"|\s{1,3}[^\W\d_]{2,12}\s{1,3}"
        ),
        spelled_local=re.compile(
            rf"(?:[^\W_]{{1,30}}\s{{0,2}}(?:[\[(]\.[\])]|[\[(]?(?:{dot}|-)[\])]?)\s{{0,2}})\Z"
        ),
        sure=sure,
        known=known,
        tlds=tlds,
        weak=WEAK_PROVIDERS,
        mailbox=words("mailbox_words"),
        mailbox_ends=tuple(word for word in words("mailbox_words") if len(word) > 3),
        never_local=words("never_local"),
        never_domain=words("never_domain"),
        plain_tlds=plain_tlds(),
        bare_at=words("bare_at_words"),
        glued=_glued(sure | known, tlds),
    )


def _glued(providers: frozenset[str], tlds: frozenset[str]) -> re.Pattern[str]:
    """AT and DOT of scripts that write no blanks, glued to what an address is made of."""
    at, dot = dense(words("bare_at_words")), dense(words("dot_words"))
    named, ends = dense(providers), dense(tlds)
    return re.compile(
        rf"(?<=[a-z0-9_])(?P<at>{at})(?=\s?[a-z0-9]|{named})"
        rf"|(?<=[a-z0-9])(?:{dot})(?=[a-z])|(?:{dot})(?={ends})"
    )
