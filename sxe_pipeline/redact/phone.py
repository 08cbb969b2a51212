"""Phone numbers: enough digits close together, weighed by their shape and the words around them.

Belongs here: runs of digits. Digits written as words are in `spelled`. A digit mass is a phone
number unless its shape (date, price, address, fraction) or the word before it says otherwise;
a phone word lowers the bar to six digits, a plus sign overrules everything.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from sxe_pipeline.redact.ruleset import words

_MASS = re.compile(r"\d(?:[^0-9a-z\ue000%°$€£₹¥₽]{0,5}\d){5,}")
_LOOKALIKE = re.compile(
    r"(?<![a-z0-9])(?:[0-9oli][0-9oilsb]{6,17}|[0-9o][0-9oli]{1,4}[0-9o])(?![a-z0-9])"
)
_LETTERS = str.maketrans("oilsb", "01158")
_WORD = re.compile(r"[^\W\d_]+(?:[.'&-][^\W\d_]+){0,3}\.?")
_YEAR = r"(?:1[5-9]|20)\d\d"
_DAY_MONTH = r"(?:(?:0?[1-9]|1[0-2]){0}[0-3]?\d|[0-3]?\d{0}(?:0?[1-9]|1[0-2]))"
_DATE = re.compile(
    "|".join(
        rf"(?<![\d{sep}]){_DAY_MONTH.format('[' + sep + ']')}[{sep}](?:{_YEAR}|\d\d)(?!\d"
        rf"|[{sep}]\d)"
        for sep in ("/", ".", r"\-", "_")
    )
    + rf"|(?<!\d){_YEAR}\s?[-./年]\s?(?:0?[1-9]|1[0-2])\s?[-./月]\s?[0-3]?\d(?!\d|[-./]\d)"
)
_YEARS = re.compile(rf"{_YEAR}(?:[^\d]{{1,5}}(?:{_YEAR}|\d\d(?!\d)))*\Z")
_SHAPES = re.compile(
    r"(?:"
    r"\d{1,2}\.\d{5,}"
    r"|\d{1,3}\.\d{3,}\s?[,;/]\s?-?\d{1,3}\.\d{3,}"
    r"|(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}"
    r"|(?:\d{1,2}/\d{1,3}[\s,;|]*)+"
    r"|[1-9]\d{0,2}(?:,\d{3})+(?:\.\d\d)?|[1-9]\d{0,2}(?:\.\d{3})+,\d\d|[1-9]\d?(?:,\d\d)+,\d{3}"
    r"|\d{1,2}[:.]\d\d\s?-\s?\d{1,2}[:.]\d\d(?:[\s,/&|]+\d{1,2}[:.]\d\d\s?-\s?\d{1,2}[:.]\d\d)*"
    r"|(?:\d{1,2}:\d\d[\s\-,/&|]*)+"
    r"|(?:0?[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d\d|(?:19|20)\d\d(?:0[1-9]|1[0-2])[0-3]\d"
    r"|[1-9]\d\d/[1-9]\d\d/[1-9]\d\d|[1-9]\d{0,2}(?:\s000){2,}"
    r"|(?:[0-3]\d){2}\d\d/(?:[0-3]\d){2}\d\d"
    r"|\d{6}(?:\s?#\d{6})+|[01](?:\D?[01])+"
    r"|(?:\d{1,3}-\d{1,3}(?:-\d{1,3})?[\s,;|]+)+\d{1,3}-\d{1,3}(?:-\d{1,3})?"
    r")\Z"
)
_EXTENSION = re.compile(
    r"[\s,;]{0,2}(?:ext|extension|extn|x|д[оo]б|anexo|interno|ramal|durchwahl|poste)[.:]?\s?\d{1,6}"
)
_CUTS = tuple(
    re.compile(cut)
    for cut in (
        r"[|;]|\n{2,}|\s[^\w\s.()/+\-~_,]+\s",
        r"\s/\s|\s-\s|\s\+|,\s",
        r"/|\\|\n",
        r"\s{2,}|-\s|\s-|,",
        r"\s",
        "-",
    )
)
_FILLERS = frozenset(
    [
        "no",
        "no.",
        "nr",
        "nr.",
        "num",
        "number",
        "numero",
        "is",
        "at",
        "on",
        "us",
        "me",
        "only",
        "es",
        "the",
        "my",
        "our",
        "y",
        "o",
        "or",
        "and",
        "id",
        "de",
        "del",
        "al",
        "a",
    ]
)
_CURRENCY = frozenset(
    [
        "usd",
        "eur",
        "cop",
        "gbp",
        "inr",
        "rs",
        "mxn",
        "clp",
        "ars",
        "brl",
        "idr",
        "rp",
        "ngn",
        "php",
        "aud",
        "cad",
    ]
)
_RISING = "01234567890123456789", "98765432109876543210"


_SYMBOL = re.compile(r"\s[^\w\s.()/+\-~_,]+\s")
_WIDE = re.compile(
    r"\s[^\w\s.()/+\-~_,]+\s|[|;]|\n\n|\s/\s|(?<!\d)\d{9,17}\s{0,3}[/,\-]\s{0,3}\+?\d{7}|\s\+"
)


@dataclass(frozen=True)
class Context:
    """What stands before a run of digits."""

    evidence: int
    """1 a phone word, -1 a word of another number, 0 neither."""
    plus: bool
    is_postal: bool = False
    """That other number is a postal code, which has at most 9 digits: `cep` is one in Brazil, and a
    mobile phone in Turkey."""


@lru_cache(maxsize=1)
def _marks() -> tuple[str, ...]:
    return tuple(words("phone_marks"))


@cache
def _dense(name: str) -> tuple[str, ...]:
    return tuple(word for word in words(name) if not word.isascii() and len(word) > 1)


def context(text: str, start: int, inherited: bool = False) -> Context:
    """Read the words before `start`, nearest first.

    Args:
        text: Folded text.
        start: Where the digits begin.
        inherited: A phone number ended just before.
    """
    before = text[max(0, start - 40) : start]
    bare = before.rstrip(" (\t[.-")
    plus = bare.endswith("+") or bool(re.search(r"(?<!\d)\+\s?\(?\Z", before))
    if any(mark in before[-5:] for mark in _marks()):
        return Context(1, plus)
    if any(before.rstrip(" :.-").endswith(word) for word in _dense("phone_words")):
        return Context(1, plus)
    found = list(_WORD.finditer(before))
    place = len(before)
    spoken = [word[0] for word in found]
    for index in range(len(found) - 1, max(-1, len(found) - 5), -1):
        if place - found[index].end() > 6:
            break
        verdict = _verdict(spoken[: index + 1])
        if verdict < 0 and not _reaches(before[found[index].end() : place]):
            break
        if verdict:
            is_postal = spoken[index].rstrip(".") in words("postal_code_words")
            return Context(verdict, plus, is_postal)
        if spoken[index].strip(".") not in _FILLERS:
            break
        place = found[index].start()
    return Context(1 if inherited else 0, plus)


def _reaches(gap: str) -> bool:
    """A word of another number speaks only for what follows directly."""
    if any(char in gap for char in "\n|•✨"):
        return False
    return len(gap) < 4 or not gap.strip(" :#=.-()0123456789")


def _verdict(spoken: list[str]) -> int:
    """1, -1 or 0 for the phrase that ends the list; longer phrases speak first."""
    phone, other = words("phone_words"), words("not_phone_words")
    for length in (3, 2, 1):
        phrase = " ".join(spoken[-length:])
        short = phrase.rstrip(".")
        if phrase in other or (short in other and short == phrase):
            return -1
        if phrase in phone or short in phone:
            return 1
    last = spoken[-1].rstrip(".")
    return 1 if any(part in phone for part in re.split(r"[-.&]", last)[-1:]) else 0


def _is_other_shape(run: str) -> bool:
    """Dates, years, prices, decimals, times, fractions, scores, colours."""
    if "^" in run or " = " in run or _SHAPES.match(run) or _YEARS.match(run):
        return True
    rest = _DATE.sub(" ", run)
    if rest != run and sum(char.isdigit() for char in rest) < 7:
        return True
    years = re.findall(rf"(?<!\d){_YEAR}(?!\d)", run)
    return (len(years) > 1 and sum(char.isdigit() for char in run) - 4 * len(years) < 3) or (
        ("'" in run or '"' in run) and re.search(r"\d['\"]\s?\d", run) is not None
    )


def _surroundings_forbid(text: str, start: int, end: int) -> bool:
    """Part of a URL, a handle, a hashtag, a longer identifier; money; a counted thing."""
    floor = max(text.rfind(" ", 0, start), text.rfind("\n", 0, start)) + 1
    chunk = text[max(floor, start - 200) : start]
    if (
        chunk.endswith((",,", "@", "_"))
        or (chunk.endswith("#") and "#" not in text[start:end])
        or text[max(0, start - 3) : start].rstrip().endswith("=")
    ):
        return True
    if "://" in chunk or re.search(r"[\w-]\.[a-z]{2,}[/?]\S*\Z", chunk):
        return True
    if chunk and chunk[-1].isalpha():
        letters = re.search(r"[^\W\d_]+\Z", chunk)
        if letters is None or len(letters[0]) < 3 or text[end : end + 1].isalpha():
            return True
    after = text[end : end + 14].lstrip(" -")
    unit = re.match(r"[%$€£₹¥°₽]|[^\W\d_]+(?:/s)?", after)
    if unit and unit[0] in words("units_after") and text[end : end + 1] != "\n":
        return True
    money = text[max(0, start - 5) : start].rstrip()
    return money.endswith(("$", "€", "£", "₹", "¥")) or money.split(" ")[-1] in _CURRENCY


def _is_named(text: str, start: int) -> bool:
    """The digits belong to a handle or a hashtag."""
    floor = max(text.rfind(" ", 0, start), text.rfind("\n", 0, start)) + 1
    chunk = text[max(floor, start - 60) : start]
    return re.search(r"(?:\A|[^\w])[@#][a-z_][\w.]*\Z", chunk) is not None


def _accept(text: str, start: int, end: int, inherited: bool) -> bool:
    run = text[start:end]
    digits = "".join(char for char in run if char.isdigit())
    count = len(digits)
    if not 6 <= count <= 17:
        return False
    around = context(text, start, inherited)
    if around.plus and count >= 7:
        return True
    if around.evidence < 0 and not (around.is_postal and count > 9):
        return False
    if len(set(digits)) < 2 or digits.endswith("000000"):
        return False
    if _is_named(text, start):
        return False
    if around.evidence > 0:
        return not (_YEARS.match(run) or _DATE.fullmatch(run)) and (
            count > 6 or not re.search(r"[/:]|\A\d\d \d\d \d\d\Z", run)
        )
    if digits in _RISING[0] or digits in _RISING[1]:
        return False
    if run.startswith("00") and count >= 10:
        return not _surroundings_forbid(text, start, end)
    if count < 9 and not _local_shape(text, start, run):
        return False
    return count <= 15 and not _is_other_shape(run) and not _surroundings_forbid(text, start, end)


def _local_shape(text: str, start: int, run: str) -> bool:
    """Seven or eight bare digits count only where their grouping is a phone's."""
    if run.startswith("0") and re.fullmatch(
        r"0\d{1,3}[-\s/]\d{5,6}|0\d{2}[-\s]\d{3}[-\s]\d{2,3}", run
    ):
        return True
    return len(run) > 12 and re.fullmatch(r"(?:\d[^\d]{1,3}){6,}\d", run) is not None


def _split(text: str, start: int, end: int, inherited: bool) -> list[tuple[int, int]]:
    """A mass that is no single number: its parts, cut at the widest separator first."""
    run = text[start:end]
    for cut in _CUTS:
        if cut.search(run) is None:
            continue
        edges = [0, *(edge for found in cut.finditer(run) for edge in found.span()), len(run)]
        parts = [(start + edges[i], start + edges[i + 1]) for i in range(0, len(edges), 2)]
        spans = [span for part in parts for span in _weigh(text, *part, inherited)]
        if spans and len(parts) > 1 and not inherited:
            spans = [span for part in parts for span in _weigh(text, *part, True)]
        return spans
    return []


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and not text[start].isdigit():
        start += 1
    while end > start and not text[end - 1].isdigit():
        end -= 1
    return start, end


def _weigh(text: str, start: int, end: int, inherited: bool) -> list[tuple[int, int]]:
    start, end = _trim(text, start, end)
    count = sum(char.isdigit() for char in text[start:end])
    if count < 6:
        return []
    run = text[start:end]
    wide = _WIDE.search(run)
    if wide and (count > 13 or (_SYMBOL.search(run) and re.search(r"\d\d\d", run))):
        return _split(text, start, end, inherited) or _whole(text, start, end, inherited)
    return _whole(text, start, end, inherited) or (
        _split(text, start, end, inherited) if count > 8 else []
    )


def _whole(text: str, start: int, end: int, inherited: bool) -> list[tuple[int, int]]:
    if not _accept(text, start, end, inherited):
        return []
    extended = _EXTENSION.match(text, end)
    while start and text[start - 1] in "+([0":
        start -= 1
    return [(start, extended.end() if extended else end)]


def unmask_lookalikes(text: str) -> str:
    """Digits for the letters that stand among digits (O, l, I, S, B); the length stays."""

    def swap(found: re.Match[str]) -> str:
        run = found[0]
        digits = sum(char.isdigit() for char in run)
        return run.translate(_LETTERS) if digits * 5 >= len(run) * 2 else run

    return _LOOKALIKE.sub(swap, text)


def find(text: str, *, inherited: bool = False) -> list[tuple[int, int]]:
    """Phone numbers in a folded text, as spans.

    Args:
        text: Folded text.
        inherited: The text follows a phone number that was found already.
    """
    seen = unmask_lookalikes(text)
    spans: list[tuple[int, int]] = []
    for found in _MASS.finditer(seen):
        near = (
            found.start() <= 5 and inherited and not any(c.isalpha() for c in seen[: found.start()])
        )
        spans += _weigh(seen, found.start(), found.end(), near)
    return spans
