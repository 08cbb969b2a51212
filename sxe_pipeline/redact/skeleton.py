"""The skeleton of a text: look-alikes made equal, lower case, with the offsets of the text.

Belongs here: what makes two spellings of the same character or escape the same (the skeleton of
UTS #39, and more: digits in symbols, escapes). Does not belong here: what a contact looks like.
Word lists are compared by their skeleton too, so that a listed word and a text still meet
(Cyrillic look-alikes included).
"""

import html
import re
import unicodedata
from collections.abc import Sequence

_DROPPED = "\0"
_EXPANDS = "\2"
_LOOKALIKES = dict(
    zip(
        "аверкмнорстухіјѕԁһӏɡαβεικνορτυχγωցոսօ",
        "abepkmhopctyxijsdhlgabeikvoptuxywgnuo",
        strict=True,
    )
) | {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ғ": "f", "ß": "s", "æ": "a", "œ": "o"}
_CAPITAL = re.compile(
    r"(?:LATIN LETTER SMALL CAPITAL|NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER) ([A-Z])\Z"
)
_MARKS = {
    **dict.fromkeys("。｡．·․‧∙・⸱", "."),
    **dict.fromkeys("‐‑‒–—―−﹣－➖⁃ー", "-"),
    **dict.fromkeys("，、﹐،", ","),
    **dict.fromkeys("’‘ʼ`´", "'"),
    **dict.fromkeys("：︰﹕ː", ":"),
    **dict.fromkeys("∕⁄／", "/"),
    "…": ".",
    "ー": "ー",
    "№": "#",
    "➕": "+",
}
_DIGIT_NAMES = {
    name: str(value)
    for value, name in enumerate(
        ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
    )
} | {"TEN": "0", "ELEVEN": "0", "TWELVE": "0"}
_COUNTS = re.compile("DIGIT|NUMBER|NUMERAL|CLOCK FACE|PLAYING CARD|MAHJONG TILE|KEYCAP|TALLY MARK")
"""What names the number that a symbol is; 'TWO HEARTS' only counts what it shows."""
_DIE = re.compile(r"DIE FACE-(\d)")
_CIRCLED_AS = "ⓐⒶ🅐🅰"
_CIRCLED_A = re.compile(rf"(?<![Ⓐ-ⓩ🄰-🆉])[{_CIRCLED_AS}](?![Ⓐ-ⓩ🄰-🆉])")
ESCAPES = (
    r"&#x[0-9a-f]{1,6};?|&#[0-9]{1,7};?|&(?:commat|period|plus|lpar|rpar|hyphen|sol|colon|amp);"
    r"|\\u\{[0-9a-f]{2,6}\}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|%[0-9a-f]{2}"
)
"""Characters written by their number, in small letters; read by Rust's regex engine too."""
_ESCAPE = re.compile(rf"{ESCAPES}|=(?:40|2E)(?=[A-Za-z])", re.IGNORECASE)
_BRAILLE = {
    chr(0x2800 + dots): digit
    for dots, digit in zip(
        (0x01, 0x03, 0x09, 0x19, 0x11, 0x0B, 0x1B, 0x13, 0x0A, 0x1A), "1234567890", strict=True
    )
}
_BLANKS = frozenset("\u2800\u283c\u115f\u1160\u3164")
_CLASSES = {"Zs": " ", "Zl": "\n", "Zp": "\n", "Ps": "(", "Pi": "(", "Pe": ")", "Pf": ")"}


def _named_digit(char: str) -> str | None:
    """The digit that the name of a symbol holds: clock faces, dice, cards, counting rods."""
    if char in _BRAILLE:
        return _BRAILLE[char]
    if unicodedata.category(char) not in ("So", "No", "Nl") or "㈠" <= char <= "㋿":
        return None
    name = unicodedata.name(char, "")
    if die := _DIE.match(name):
        return die[1]
    if not _COUNTS.search(name) or "UNDER" in name or "HAND" in name or "THIRTY" in name:
        return None
    digits = [_DIGIT_NAMES[word] for word in re.split(r"[ -]", name) if word in _DIGIT_NAMES]
    return digits[0] if digits else None


def _skeleton_of_char(char: str) -> str:
    """The characters that one character stands for; none for a mark or a blank nobody sees."""
    code = ord(char)
    if 0xE0020 <= code <= 0xE007E:
        return chr(code - 0xE0000).lower()
    if char in _MARKS:
        return _MARKS[char]
    if (digit := unicodedata.digit(char, None)) is not None:
        return str(digit)
    if (named := _named_digit(char)) is not None:
        return named
    category = unicodedata.category(char)
    if category in ("Cf", "Mn", "Me") or char in _BLANKS:
        return ""
    normal = unicodedata.normalize("NFKC", char)
    if len(normal) == 1 and normal in _MARKS:
        return _MARKS[normal]
    if category in _CLASSES and (category[0] == "Z" or not normal.isascii()):
        return _CLASSES[category]
    return "".join(_base_letter(part) for part in normal.lower())


def _base_letter(part: str) -> str:
    """One letter without accent, as the Latin letter it looks like."""
    if unicodedata.category(part) in ("Mn", "Me", "Cf"):
        return ""
    name = unicodedata.name(part, "")
    if capital := _CAPITAL.match(name):
        return capital[1].lower()
    accented = "\u0370" <= part <= "\u03ff" or "LATIN" in name
    base = unicodedata.normalize("NFD", part)[0] if accented else part
    return _LOOKALIKES.get(base, base)


class _Table(dict[int, str]):
    """Filled as characters are met, so that `str.translate` runs at C speed."""

    def __missing__(self, code: int) -> str:
        chars = _skeleton_of_char(chr(code))
        self[code] = mark = chars if len(chars) == 1 else (_EXPANDS if chars else _DROPPED)
        return mark


_TABLE = _Table()


def skeleton(text: str) -> tuple[str, Sequence[int] | None]:
    """The skeleton of a text.

    Args:
        text: Any text.

    Returns:
        The skeleton, and for each of its characters (and one past the end) the offset in `text`;
        None where both have the same offsets.
    """
    plain = text.isascii()
    if ("%" in text or "&" in text or "\\" in text or "=" in text) and _ESCAPE.search(text):
        return _without_escapes(text)
    if plain:
        return text.lower(), None
    is_circled = any(char in text for char in _CIRCLED_AS)
    mapped = (_CIRCLED_A.sub("@", text) if is_circled else text).translate(_TABLE)
    if _EXPANDS in mapped:
        return _char_by_char(list(text), list(range(len(text) + 1)))
    if _DROPPED not in mapped:
        return mapped, None
    offsets = [offset for offset, char in enumerate(mapped) if char != _DROPPED]
    return mapped.replace(_DROPPED, ""), [*offsets, len(text)]


def _char_by_char(chars: list[str], offsets: list[int]) -> tuple[str, list[int]]:
    """The skeleton of characters that may each become several, and the offsets they came from."""
    parts: list[str] = []
    part_offsets: list[int] = []
    for char, offset in zip(chars, offsets[:-1], strict=True):
        for part in _skeleton_of_char(char):
            parts.append(part)
            part_offsets.append(offset)
    return "".join(parts), [*part_offsets, offsets[-1]]


def _without_escapes(text: str) -> tuple[str, list[int]]:
    chars: list[str] = []
    offsets: list[int] = []
    last = 0
    for match in _ESCAPE.finditer(text):
        chars += text[last : match.start()]
        offsets += range(last, match.start())
        for char in _unescape(match[0]):
            chars.append(char)
            offsets.append(match.start())
        last = match.end()
    chars += text[last:]
    offsets += range(last, len(text) + 1)
    return _char_by_char(chars, offsets)


def _unescape(escape: str) -> str:
    if escape[0] == "&":
        return html.unescape(escape if escape.endswith(";") else escape + ";")[:1]
    code = int(escape.lstrip("%=\\uxUX{").rstrip("}"), 16)
    return chr(code) if 32 <= code < 0x110000 and not 0xD800 <= code < 0xE000 else escape[:1]
