"""E-mail addresses: two slots, an AT and a DOT, weighed by the evidence around them.

Belongs here: what makes a folded text an address. No rule names a way of hiding one: each slot is
read by how it is delimited (glued, bracketed, between symbols, a bare word, a symbol), and the
sum of evidence decides. Literals are found first and walked from, so no rule is quadratic.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from sxe_pipeline.redact.ruleset import BARRIER, alternation, words

ENOUGH = 4.5
_ENVELOPES = frozenset("✉📧📩📨📬📫💌🌀🅰🐌")
_NOUNS = frozenset(
    [
        "company",
        "group",
        "team",
        "community",
        "foundation",
        "center",
        "one",
        "work",
        "life",
        "school",
        "world",
    ]
)
_REACH = 64
_OPEN, _CLOSE, _SYMBOL = r"[\[({<|]", r"[\])}>|]", r"[~_*/|\-=+.:]"
_LABEL = re.compile(r"[^\W_]{1,40}(?:-(?!(?:dot|punto|ponto|point|punkt)-)[^\W_]{1,40}){0,3}")
_LOCAL_EXTRA = frozenset("._+-'%&")
_GLUED_TLD = re.compile(r"[^\W\d_]{2,18}\Z")
_PREPOSITIONS = frozenset(("on", "via", "en", "em", "bei", "auf", "su", "chez", "w", "at", "@"))


@dataclass(frozen=True)
class _Lexicon:
    at: re.Pattern[str]
    dot: re.Pattern[str]
    provider: re.Pattern[str]
    named: re.Pattern[str]
    spelled_local: re.Pattern[str]
    reversed: re.Pattern[str]
    sure: frozenset[str]
    known: frozenset[str]
    weak: frozenset[str]
    tlds: frozenset[str]
    mailbox: frozenset[str]
    never_local: frozenset[str]
    never_domain: frozenset[str]
    bare_at: frozenset[str]


@lru_cache(maxsize=1)
def _lexicon() -> _Lexicon:
    at_words, dot_words = words("at_words"), words("dot_words")
    bracketed = alternation(at_words | words("bracket_at_words"))
    at, dot = alternation(at_words), alternation(dot_words)
    sure, known = words("unambiguous_providers"), words("providers")
    tlds = words("country", "tlds") | words("generic", "tlds")
    spelled = (
        r"g(?:ee)?[\s.\-_]?mail|hot[\s\-_]?mail|out[\s\-_]?look|i[\s\-_]?cloud|ya[\s\-_]?hoo"
        r"|proton[\s\-_]?mail"
    )
    reversed_tlds = "|".join(sorted((t[::-1] for t in tlds if len(t) > 1), key=len, reverse=True))
    return _Lexicon(
        at=re.compile(
            rf"(?P<bracket>\s{{0,3}}{_OPEN}\s{{0,2}}(?:{bracketed})\s{{0,2}}{_CLOSE}\s{{0,3}})"
            rf"|(?P<symbol>\s?{_SYMBOL}{{1,3}}(?:{at}){_SYMBOL}{{1,3}}\s?)"
            r"|(?P<sign>\s{0,3}@{1,2}\s{0,3}(?![tṭ]\s))"
            rf"|(?P<word>\s{{1,3}}(?:{at}|{'|'.join(_PREPOSITIONS - {'@'})})\s{{1,3}})"
            r"|(?P<emoji>(?<=\w)\s?[^\w\s!-~\u00a1-\u00bf\u2000-\u206f\ue000]{1,3}\s?(?=[a-z0-9]))"
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
            rf"(?<![^\W_])(?P<name>{spelled}|{alternation(sure | known)})"
            r"\s{0,2}(?:\s(?:is|id)\s|[:=>]|-{1,2}>?|→|👉|➡)\s{0,2}(?P<local>\w[\w.+-]{2,40})"
            r"|(?<![\w@])(?P<before>\w[\w.+-]{2,40})\s{0,2}[\[(]\s?"
            rf"(?P<host>{spelled}|{alternation(sure | known)})\s?[\])]"
        ),
        spelled_local=re.compile(
            rf"(?:[^\W_]{{1,30}}\s{{0,2}}(?:[\[(]\.[\])]|[\[(]?(?:{dot}|-)[\])]?)\s{{0,2}})\Z"
        ),
        reversed=re.compile(
            rf"(?<![\w.@-])(?:{reversed_tlds})\.(?:[^\W_][\w-]{{0,40}}\.?){{1,3}}@[\w.+-]{{1,64}}"
        ),
        sure=sure,
        known=known,
        tlds=tlds,
        weak=frozenset(
            ("mail", "live", "web", "me", "hey", "mac", "orange", "inbox", "terra", "bol")
        ),
        mailbox=words("mailbox_words"),
        never_local=words("never_local"),
        never_domain=words("never_domain"),
        bare_at=words("bare_at_words"),
    )


@dataclass(frozen=True)
class _Domain:
    end: int
    score: float
    spelled: bool
    bare: bool


def _squeeze(name: str) -> str:
    name = re.sub(r"[\s.\-_]", "", name)
    return "gmail" if name == "geemail" else name


def _provider_score(name: str, has_tld: bool) -> float:
    lexicon = _lexicon()
    if name in lexicon.sure:
        return 3.0
    if name in lexicon.known:
        return 3.0 if has_tld and name not in lexicon.weak else 2.0
    return 0.0


def _domain(text: str, at: int) -> _Domain | None:
    """The best domain that starts at `at`, or None."""
    lexicon = _lexicon()
    named = lexicon.provider.match(text, at)
    best: _Domain | None = None
    provider = 0.0
    if named and not text[named.end() : named.end() + 1].isalnum():
        place, first = named.end(), _squeeze(named[0])
        provider = _provider_score(first, False)
        best = _Domain(place, provider, False, True)
    else:
        label = _LABEL.match(text, at)
        if label is None:
            return None
        place, first = label.end(), label[0]
        if _holds_provider(first):
            return _Domain(place, 4.0, False, False)
    if first in lexicon.never_domain:
        return None
    return _with_tld(text, place, first, provider) or best


def _holds_provider(label: str) -> bool:
    """'yahoocom': the provider and the top level run together."""
    lexicon = _lexicon()
    stems = (
        label.removesuffix(tld) for tld in ("com", "net", "couk", "de", "fr", "dotcom", "puntocom")
    )
    return any(
        stem != label and (stem in lexicon.sure or stem in lexicon.known - lexicon.weak)
        for stem in stems
    )


def _with_tld(text: str, place: int, first: str, provider: float) -> _Domain | None:
    """Read DOT and label up to five times; the last that can be a top level ends the domain."""
    lexicon = _lexicon()
    best: _Domain | None = None
    score, spelled = 0.0, False
    for _ in range(5):
        dot = lexicon.dot.match(text, place)
        label = _LABEL.match(text, dot.end()) if dot else None
        if dot is None or label is None:
            break
        kind, name = str(dot.lastgroup), label[0]
        weight = _dot_weight(kind, dot[0], name, provider)
        if weight is None:
            break
        score = max(score, weight) if best is None else score
        spelled = spelled or kind in ("bracket", "symbol", "word")
        place = label.end()
        cut_short = provider and len(name) == 1
        ends = (_GLUED_TLD.match(name) or cut_short) if kind == "glued" else name in lexicon.tlds
        if ends:
            best = _Domain(place, score + _provider_score(first, True), spelled, False)
    return best


def _dot_weight(kind: str, raw: str, name: str, provider: float) -> float | None:
    """How much one DOT says; None where it is no DOT at all."""
    known = name in _lexicon().tlds
    if kind == "glued":
        return 1.5
    if kind in ("bracket", "symbol"):
        return 3.0
    if kind == "word":
        return 1.0 if name in _NOUNS else 2.0
    if not known:
        return None
    if kind == "comma":
        return 1.0 if provider or name == "com" else 0.5
    if kind == "blank":
        return 2.0 if provider and name in ("com", "net", "de", "fr", "ru", "es", "it") else None
    return 1.5 if raw[0].isspace() else 1.0 if provider else 0.5


def _local_start(text: str, end: int) -> int:
    """Walk left over the local part; bounded, so that a long run costs no more than a short one."""
    place = end
    floor = max(0, end - _REACH)
    while place > floor and (text[place - 1].isalnum() or text[place - 1] in _LOCAL_EXTRA):
        place -= 1
    while place < end and text[place] in ".'%&-":
        place += 1
    return place


def _local_score(local: str) -> float:
    lexicon = _lexicon()
    bare = local.strip("._-'")
    if bare in lexicon.mailbox or any(
        bare.endswith(word) or bare.startswith(word + ".")
        for word in lexicon.mailbox
        if len(word) > 3
    ):
        return 1.5
    if any(char.isdigit() for char in bare) or any(char in bare for char in "._+-"):
        return 1.5
    return 0.5 if len(bare) > 2 else 0.0


def _at_weight(found: re.Match[str]) -> float:
    kind, raw = str(found.lastgroup), found[0]
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
    return 2.5 if " ".join(raw.split()) in _lexicon().bare_at else 1.0


def _judge(text: str, found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    local_from = _local_start(text, start)
    local = text[local_from:start]
    if not any(char.isalnum() for char in local) or text[local_from - 1 : local_from] == "@":
        return None
    kind = str(found.lastgroup)
    apart = kind in ("word", "emoji") or (kind == "sign" and found[0][0] != "@")
    if apart and local.strip("._-'") in _lexicon().never_local:
        return None
    domain = _domain(text, end)
    if domain is None or not _fits(kind, found[0], domain):
        return None
    score = _at_weight(found) + domain.score + _local_score(local)
    if domain.spelled and kind in ("word", "bracket", "symbol"):
        score += 1.5
    if score < ENOUGH:
        return None
    return _spelled_local(text, local_from, apart), domain.end


def _fits(kind: str, at: str, domain: _Domain) -> bool:
    """Weak ways of saying AT go with some domains only."""
    if kind == "emoji":
        return not domain.bare
    if kind == "word" and " ".join(at.split()) in _PREPOSITIONS - {"at"}:
        return domain.bare and domain.score >= 2
    return True


def _spelled_local(text: str, start: int, apart: bool) -> int:
    """Where the local part begins when its own dots are spelled out too."""
    pattern = _lexicon().spelled_local
    while spelled := pattern.search(text, max(0, start - 40), start):
        if (apart and not spelled[0].strip()) or spelled[0].rstrip().endswith("-"):
            break
        start = spelled.start()
    return start


def _by_at(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    place = 0
    at = _lexicon().at
    while found := at.search(text, place):
        span = _judge(text, found, found.start(), found.end())
        if span is None:
            place = max(found.start() + 1, found.end() - 1)
        else:
            spans.append(span)
            place = span[1]
    return spans


def _by_provider(text: str) -> list[tuple[int, int]]:
    """Addresses whose AT is missing: glued to the provider, or only a blank before it."""
    lexicon = _lexicon()
    spans = []
    for found in lexicon.provider.finditer(text):
        name = _squeeze(found[0])
        if found.start() == 0 or name in lexicon.weak or name.isdigit() or len(name) < 3:
            continue
        domain = _domain(text, found.start())
        if domain is None or domain.bare:
            continue
        before = text[found.start() - 1]
        if before.isalnum() or before in "._-":
            start = _local_start(text, found.start())
            if found.start() - start >= 2 and len(name) >= 5:
                spans.append((start, domain.end))
        elif before.isspace():
            edge = len(text[: found.start()].rstrip()) if found.start() < 4 else found.start() - 1
            start = _local_start(text, edge)
            local = text[start:edge]
            good = (
                local and local not in lexicon.never_local and (not start or text[start - 1] != "@")
            )
            if good and domain.score - 1 + _local_score(local) >= ENOUGH:
                spans.append((start, domain.end))
    return spans


def _by_name(text: str) -> list[tuple[int, int]]:
    """'gmail: name' and 'name (gmail)'."""
    lexicon = _lexicon()
    spans = []
    for found in lexicon.named.finditer(text):
        name = _squeeze(found["name"] or found["host"])
        local = found["local"] or found["before"]
        if (
            local in lexicon.never_local
            or local in lexicon.known
            or name in lexicon.weak
            or name == "qq"
        ):
            continue
        if name in lexicon.sure or _local_score(local) >= 1.5:
            spans.append(found.span())
    return spans


def find(text: str) -> list[tuple[int, int]]:
    """E-mail addresses in a folded text, as spans; they may overlap.

    Args:
        text: Folded text without `BARRIER`.
    """
    spans = _by_at(text)
    spans += _by_provider(text)
    spans += _by_name(text)
    if "@" in text:
        spans += [found.span() for found in _lexicon().reversed.finditer(text)]
    return [span for span in spans if BARRIER not in text[span[0] : span[1]]]
