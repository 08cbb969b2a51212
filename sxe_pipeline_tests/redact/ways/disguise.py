"""What is done to the characters of a contact, whatever it says: another alphabet, marks, codes."""

import html
import random
import unicodedata
from collections.abc import Callable

Disguise = Callable[[random.Random, str], str]

_CYRILLIC = str.maketrans("aceopxyi", "асеорхуі")
_DIGIT_ZEROS = "٠۰०০૦੦௦౦೦൦๐໐༠၀០᠐０𝟎𝟘𝟢𝟬𝟶"
_INVISIBLE = "\u200b\u200c\u200d\u2060\u00ad\ufeff\u034f"


def plain(rng: random.Random, text: str) -> str:
    """Nothing."""
    return text


def other_digits(rng: random.Random, text: str) -> str:
    """The digits of another script."""
    zero = ord(rng.choice(_DIGIT_ZEROS))
    return "".join(chr(zero + int(c)) if c in "0123456789" else c for c in text)


def circled(rng: random.Random, text: str) -> str:
    """Digits in circles or as keycaps."""
    start = rng.choice(["①", "❶", "➀"])
    zero = {"①": "⓪", "❶": "⓿", "➀": "⓪"}[start]
    if rng.random() < 0.4:
        return "".join(c + "\ufe0f\u20e3" if c in "0123456789" else c for c in text)
    return "".join(
        (zero if c == "0" else chr(ord(start) + int(c) - 1)) if c in "0123456789" else c
        for c in text
    )


def full_width(rng: random.Random, text: str) -> str:
    """Full-width forms."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def mathematical(rng: random.Random, text: str) -> str:
    """Mathematical letters and digits (bold, sans, monospace)."""
    lower, digit = rng.choice([(0x1D41A, 0x1D7CE), (0x1D5BA, 0x1D7E2), (0x1D68A, 0x1D7F6)])
    return "".join(
        chr(lower + ord(c) - 97)
        if "a" <= c <= "z"
        else chr(digit + int(c))
        if c.isascii() and c.isdigit()
        else c
        for c in text
    )


def invisible(rng: random.Random, text: str) -> str:
    """Characters nobody sees between the others."""
    mark = rng.choice(_INVISIBLE)
    return "".join(c + (mark if rng.random() < 0.5 else "") for c in text)


def homoglyphs(rng: random.Random, text: str) -> str:
    """Cyrillic letters for Latin ones, O and l for digits."""
    if any(c.isdigit() for c in text) and not any(c.isalpha() for c in text):
        return text.replace("0", "O").replace("1", "l") if rng.random() < 0.8 else text
    return text.translate(_CYRILLIC)


def accents(rng: random.Random, text: str) -> str:
    """Combining marks on letters and digits."""
    mark = rng.choice("\u0301\u0336\u0332\u0323")
    return "".join(c + mark if c.isalnum() and rng.random() < 0.6 else c for c in text)


def entities(rng: random.Random, text: str) -> str:
    """HTML entities for the characters that tell."""
    told = "@.+" if rng.random() < 0.5 else "".join(set(text))
    form = rng.choice(["&#{};", "&#x{:x};"])
    return "".join(form.format(ord(c)) if c in told and c != " " else c for c in text)


def percent(rng: random.Random, text: str) -> str:
    """Percent escapes."""
    return "".join(f"%{ord(c):02X}" if c in "@.+ " else c for c in text)


def spaced(rng: random.Random, text: str) -> str:
    """A separator after every character."""
    return rng.choice([" ", " ", "-", ".", "_", "*", "|"]).join(text.replace(" ", ""))


def upper(rng: random.Random, text: str) -> str:
    """Capitals."""
    return text.upper()


def decomposed(rng: random.Random, text: str) -> str:
    """Canonical decomposition."""
    return unicodedata.normalize("NFD", text)


def escaped_twice(rng: random.Random, text: str) -> str:
    """Entities of entities."""
    return html.escape("".join(f"&#{ord(c)};" if c in "@." else c for c in text))


FOR_TEXT: dict[str, Disguise] = {
    "plain": plain,
    "full width": full_width,
    "mathematical": mathematical,
    "invisible": invisible,
    "homoglyphs": homoglyphs,
    "accents": accents,
    "entities": entities,
    "percent": percent,
    "upper": upper,
}
FOR_DIGITS: dict[str, Disguise] = {
    "plain": plain,
    "other digits": other_digits,
    "circled": circled,
    "full width": full_width,
    "mathematical": mathematical,
    "invisible": invisible,
    "accents": accents,
    "entities": entities,
    "spaced": spaced,
    "homoglyphs": homoglyphs,
}
