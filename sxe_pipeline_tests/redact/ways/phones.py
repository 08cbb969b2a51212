"""Ways to write a phone number."""

import base64
import random

from sxe_pipeline_tests.redact.ways.languages import LANGUAGES, Language
from sxe_pipeline_tests.redact.ways.values import FIRST, Number

_SEPARATORS = (
    " ",
    ".",
    "-",
    "_",
    "/",
    "·",
    "•",
    "~",
    "*",
    " - ",
    " . ",
    ",",
    "|",
    " / ",
    "–",
    "‑",
    "\u00a0",
)
_BANKS = ("ybl", "okaxis", "paytm", "upi", "oksbi", "ibl", "apl", "axl", "okhdfcbank")
_EMOJI = "🌸🔥✨💖⭐🍀🎈🦋🐝👉"
_SPEAKING = tuple(language for language in LANGUAGES if language.digits)


def international(rng: random.Random, num: Number, lang: Language) -> str:
    """With plus and country code."""
    plus = rng.choice(["+", "+", "+ ", "(+", "00", "00 ", "＋", "➕", "plus "])
    body = num.international[1:]
    written = _grouped(rng, body, rng.choice(_SEPARATORS[:4])) if rng.random() < 0.6 else body
    return f"(+{written[:2]}) {written[2:]}" if plus == "(+" else plus + written


def national(rng: random.Random, num: Number, lang: Language) -> str:
    """As the country writes it."""
    return num.national


def bare(rng: random.Random, num: Number, lang: Language) -> str:
    """All digits in a row."""
    return num.digits


def regrouped(rng: random.Random, num: Number, lang: Language) -> str:
    """In other groups, by other separators."""
    return _grouped(rng, num.digits, rng.choice(_SEPARATORS))


def _grouped(rng: random.Random, digits: str, separator: str) -> str:
    parts, at = [], 0
    while at < len(digits):
        size = rng.choice([2, 3, 3, 4])
        parts.append(digits[at : at + size])
        at += size
    return separator.join(parts)


def extension(rng: random.Random, num: Number, lang: Language) -> str:
    """With an extension."""
    form = rng.choice(
        [
            " ext. {}",
            " ext {}",
            " x{}",
            ", anexo {}",
            " доб. {}",
            " int. {}",
            " ramal {}",
            ";ext={}",
            " Durchwahl {}",
        ]
    )
    return num.national + form.format(rng.randint(10, 999))


def spelled(rng: random.Random, num: Number, lang: Language) -> str:
    """In words of a language."""
    chosen = lang if lang.digits else rng.choice(_SPEAKING)
    glue = rng.choice([" ", " ", "-", ", ", " . ", " / ", "\n"])
    return glue.join(chosen.digits[int(d)] for d in num.digits)


def half_spelled(rng: random.Random, num: Number, lang: Language) -> str:
    """Some digits as words."""
    chosen = lang if lang.digits else rng.choice(_SPEAKING)
    glue = rng.choice([" ", "-", " "])
    return glue.join(chosen.digits[int(d)] if rng.random() < 0.5 else d for d in num.digits)


def spoken(rng: random.Random, num: Number, lang: Language) -> str:
    """As one says it: doubles, oh, plus, dashes by name."""
    english = _SPEAKING[0].digits
    parts, at = [], 0
    digits = num.digits
    while at < len(digits):
        if at + 1 < len(digits) and digits[at] == digits[at + 1]:
            parts.append(f"double {english[int(digits[at])]}")
            at += 2
            continue
        parts.append("oh" if digits[at] == "0" and rng.random() < 0.5 else english[int(digits[at])])
        at += 1
    return " ".join(parts)


def named_separators(rng: random.Random, num: Number, lang: Language) -> str:
    """Groups with the names of separators between them."""
    word = rng.choice(
        ["dash", "hyphen", "space", "dot", "guion", "tiret", "punto", "strich", "then", "minus"]
    )
    return _grouped(rng, num.digits, f" {word} ")


def between_emoji(rng: random.Random, num: Number, lang: Language) -> str:
    """A picture between the digits, or between groups."""
    picture = rng.choice(_EMOJI)
    gap = rng.choice([picture, f" {picture} ", picture * 2])
    return gap.join(num.digits) if rng.random() < 0.5 else _grouped(rng, num.digits, gap)


def between_words(rng: random.Random, num: Number, lang: Language) -> str:
    """A word after every group."""
    filler = rng.sample(
        ["sun", "love", "and", "yes", "life", "cats", "go", "baby", "moon", "hey"], 2
    )
    parts = _grouped(rng, num.digits, "\0").split("\0") if rng.random() < 0.5 else list(num.digits)
    return "".join(f"{part} {filler[i % 2]} " for i, part in enumerate(parts[:-1])) + parts[-1]


def in_brackets(rng: random.Random, num: Number, lang: Language) -> str:
    """Groups or digits in brackets."""
    left, right = rng.choice(["()", "[]", "{}", "<>"])
    parts = _grouped(rng, num.digits, "\0").split("\0") if rng.random() < 0.5 else list(num.digits)
    return "".join(f"{left}{part}{right}" for part in parts)


def lines(rng: random.Random, num: Number, lang: Language) -> str:
    """Over several lines."""
    return _grouped(rng, num.digits, "\n")


def payment(rng: random.Random, num: Number, lang: Language) -> str:
    """As the name of a payment account."""
    digits = num.digits
    return rng.choice(
        [
            f"{digits}@{rng.choice(_BANKS)}",
            f"upi {digits}",
            f"Pix: {digits}",
            f"Bizum {digits}",
            f"M-Pesa {digits}",
            f"GCash {digits}",
            f"PayNow {digits}",
            f"Nequi {digits}",
            f"Yape/Plin {digits}",
            f"bKash {digits}",
            f"Swish {digits}",
            f"Zelle {digits}",
            f"paytm - {digits}",
            f"MB WAY {digits}",
            f"PromptPay {digits}",
            f"GPay {digits}",
            f"{rng.choice(FIRST)}{digits}@{rng.choice(['ybl', 'okicici', 'upi'])}",
        ]
    )


def vanity(rng: random.Random, num: Number, lang: Language) -> str:
    """With letters for digits."""
    word = rng.choice(
        ["FLOWERS", "NAILART", "TATTOOS", "GET-CAKE", "BAKE-NOW", "REISEN1", "LAWYERS", "FIT-CAMP"]
    )
    lead = rng.choice(
        ["1-800-", "1 (888) ", "1-877-", "+1 800 ", "0800 ", "1800 ", "call 415-", "1-855-"]
    )
    return lead + word


def encoded(rng: random.Random, num: Number, lang: Language) -> str:
    """In base64, hexadecimal or backwards behind a word."""
    text = num.international
    return rng.choice(
        [
            base64.b64encode(text.encode()).decode(),
            text.encode().hex(),
            " ".join(f"{byte:02x}" for byte in text.encode()),
        ]
    )


def glued(rng: random.Random, num: Number, lang: Language) -> str:
    """Glued to a word or in the middle of one."""
    return rng.choice(["call", "wa", "tel", "text", "phone", "whatsapp"]) + num.digits


def uri(rng: random.Random, num: Number, lang: Language) -> str:
    """As a link that dials."""
    return (
        f"{rng.choice(['tel:', 'sms:', 'callto:', 'TEL:', 'tel://', 'sms://'])}{num.international}"
    )


WAYS = (
    international,
    international,
    national,
    national,
    national,
    bare,
    bare,
    regrouped,
    regrouped,
    extension,
    spelled,
    spelled,
    spelled,
    half_spelled,
    spoken,
    named_separators,
    between_emoji,
    between_words,
    in_brackets,
    lines,
    payment,
    payment,
    vanity,
    encoded,
    glued,
    uri,
)
TAKES_DISGUISE = (international, national, bare, regrouped, extension)
NEEDS_LABEL = (national, bare, regrouped)
"""Ways that a reader takes for a phone number for sure only with a word or a place beside it."""
