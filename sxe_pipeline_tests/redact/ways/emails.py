"""Ways to write an e-mail address: each takes a person and a language, and gives the words."""

import base64
import codecs
import random

from sxe_pipeline_tests.redact.ways.languages import Language
from sxe_pipeline_tests.redact.ways.values import FIRST, MAILBOX, Person

BRACKETS = (
    "()",
    "[]",
    "{}",
    "<>",
    "（）",
    "【】",
    "«»",
    "**",
    "__",
    "--",
    "~~",
    "//",
    "||",
    "\u200b\u200b",
)


def standard(rng: random.Random, who: Person, lang: Language) -> str:
    """As it is."""
    return f"{who.local}@{who.domain}"


def at_handle(rng: random.Random, who: Person, lang: Language) -> str:
    """Like a handle: an @ before it too."""
    return f"@{who.local}@{rng.choice(MAILBOX)}"


def _dotted(text: str, dot: str) -> str:
    return text.replace(".", dot)


def words(rng: random.Random, who: Person, lang: Language) -> str:
    """AT and DOT as bare words of a language."""
    at, dot = rng.choice(lang.at), rng.choice(lang.dot)
    domain = _dotted(who.domain, f" {dot} ")
    if who.is_mailbox and who.provider == "gmail":
        domain = f"{rng.choice(lang.gmail)} {dot} {rng.choice(lang.com)}"
    return f"{who.local} {at} {domain}"


def bracketed(rng: random.Random, who: Person, lang: Language) -> str:
    """AT and DOT as words in brackets or between symbols."""
    pair, blank = rng.choice(BRACKETS), rng.choice(["", "", " "])
    at, dot = rng.choice(lang.at), rng.choice(lang.dot)
    left, right = pair
    dotted = _dotted(who.domain, f"{blank}{left}{dot}{right}{blank}")
    return f"{who.local}{blank}{left}{at}{right}{blank}{dotted}"


def half(rng: random.Random, who: Person, lang: Language) -> str:
    """AT as a word, the dot as it is, or the other way round."""
    if rng.random() < 0.5:
        return f"{who.local} {rng.choice(lang.at)} {who.domain}"
    return f"{who.local}@{_dotted(who.domain, f' {rng.choice(lang.dot)} ')}"


def sign_apart(rng: random.Random, who: Person, lang: Language) -> str:
    """Blanks around the signs, or brackets around them."""
    at = rng.choice([" @ ", "@ ", " @", " (@) ", "[@]", "{@}", "<@>", "\n@\n", " @\n"])
    dot = rng.choice([".", " . ", "[.]", "(.)", " (.) ", ". "])
    return f"{who.local}{at}{_dotted(who.domain, dot)}"


def provider_alone(rng: random.Random, who: Person, lang: Language) -> str:
    """The provider without its top level."""
    name = rng.choice(["gmail", "hotmail", "outlook", "yahoo", "icloud", "protonmail", "gmx"])
    joint = rng.choice(["@", " @ ", " at ", "(at)", " arroba ", " [at] ", " on ", " en "])
    return f"{who.local}{joint}{name}"


def provider_first(rng: random.Random, who: Person, lang: Language) -> str:
    """The provider before the name."""
    name = rng.choice(["gmail", "hotmail", "outlook", "yahoo", "icloud"])
    frame = rng.choice(
        [
            "{p}: {l}",
            "{p} - {l}",
            "{p} 👉 {l}",
            "@{p}.com: {l}",
            "{p}.com / {l}",
            "({p}) {l}",
            "my {p} is {l}",
            "{p} = {l}",
            "{p} → {l}",
            "at {p} dot com, name is {l}",
            "{p} user: {l}",
        ]
    )
    return frame.format(p=name, l=who.local)


def provider_last(rng: random.Random, who: Person, lang: Language) -> str:
    """The name, then the provider with something odd between them."""
    name = rng.choice(["gmail", "hotmail", "outlook", "yahoo", "icloud"])
    frame = rng.choice(
        [
            "{l} ({p})",
            "{l} - {p}",
            "{l} / {p}.com",
            "{l} | {p} dot com",
            "{l}, that's {p}",
            "{l} [{p}.com]",
            "{l} #{p}",
            "{l} {p}com",
            "{l} + {p}.com",
            "{l} 📧 {p}",
            "{l} 🐌 {p} . com",
            "{l} {p} com",
        ]
    )
    return frame.format(p=name, l=who.local)


def braces(rng: random.Random, who: Person, lang: Language) -> str:
    """Several names at one domain."""
    other = rng.choice(FIRST)
    left, right = rng.choice(["{}", "[]", "()", "<>"])
    glue = rng.choice([",", ", ", "|", "/", " / ", " & "])
    return f"{left}{who.first}{glue}{other}{right}@{who.domain}"


def emoji(rng: random.Random, who: Person, lang: Language) -> str:
    """A picture for the AT."""
    return f"{who.local}{rng.choice('📧✉🌀📩💌🅰🐒')}{who.domain}"


def other_sign(rng: random.Random, who: Person, lang: Language) -> str:
    """A sign that looks like an AT or a DOT."""
    at = rng.choice(["﹫", "＠", "ⓐ", "@", "Ⓐ"])
    dot = rng.choice([".", "。", "．", "․", "·", "•"])
    return f"{who.local}{at}{_dotted(who.domain, dot)}"


def reversed_(rng: random.Random, who: Person, lang: Language) -> str:
    """Backwards."""
    return f"{who.local}@{who.domain}"[::-1]


def encoded(rng: random.Random, who: Person, lang: Language) -> str:
    """In base64, hexadecimal or rot13."""
    address = f"{who.local}@{rng.choice(MAILBOX)}"
    return rng.choice(
        [
            base64.b64encode(address.encode()).decode(),
            address.encode().hex(),
            codecs.encode(address, "rot13"),
            " ".join(f"{byte:02x}" for byte in address.encode()),
        ]
    )


def spaced(rng: random.Random, who: Person, lang: Language) -> str:
    """Letter by letter."""
    return rng.choice([" ", " ", ".", "-", "_", "|", "*"]).join(f"{who.local}@{who.domain}")


def no_spam(rng: random.Random, who: Person, lang: Language) -> str:
    """A word to be removed in the middle."""
    word = rng.choice(["NOSPAM", "REMOVE", "no-spam", "removethis"])
    return rng.choice(
        [
            f"{who.local}@{word}.{who.domain}",
            f"{who.local}{word}@{who.domain}",
            f"{who.local}@{word}{who.domain}",
            f"{who.local}[{word}]@{who.domain}",
        ]
    )


def cut_short(rng: random.Random, who: Person, lang: Language) -> str:
    """The end of the domain cut or spelled as people say it."""
    name = rng.choice(["gmail", "hotmail", "yahoo", "outlook"])
    end = rng.choice(["", ".c", ".co", ".con", ",com", " com", "..com", "dotcom", "-com"])
    return f"{who.local}@{name}{end}"


def link(rng: random.Random, who: Person, lang: Language) -> str:
    """As a link."""
    return f"{rng.choice(['mailto:', 'MAILTO:', 'mailto://', 'email:'])}{who.local}@{who.domain}"


def spelled_local(rng: random.Random, who: Person, lang: Language) -> str:
    """The dots of the local part as words too."""
    at, dot = rng.choice(lang.at), rng.choice(lang.dot)
    return f"{who.first} {dot} {who.last} {at} {_dotted(who.domain, f' {dot} ')}"


WAYS = (
    standard,
    at_handle,
    words,
    words,
    words,
    bracketed,
    bracketed,
    bracketed,
    half,
    half,
    sign_apart,
    provider_alone,
    provider_first,
    provider_last,
    braces,
    emoji,
    other_sign,
    reversed_,
    encoded,
    spaced,
    no_spam,
    cut_short,
    link,
    spelled_local,
)
TAKES_DISGUISE = (standard, at_handle, words, bracketed, half, sign_apart, provider_alone, braces)
"""The ways whose characters may be disguised on top."""
