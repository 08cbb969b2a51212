"""Phone numbers whose digits are written as words, as letters, or between other words.

Belongs here: turning words of any listed language into digits and counting them.
"""

import re
from functools import lru_cache
from itertools import pairwise

from sxe_pipeline.redact.context import context
from sxe_pipeline.redact.ruleset import alternation, words
from sxe_pipeline.redact.shapes import is_date

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_HUNDRED = "hundred"
NAMES = (*DIGITS, *_TEENS, *_TENS, _HUNDRED)
"""The lists of number words."""
_LETTER = (
    r"[^\s!-/:-@\[-`{-~\u00a1-\u00bf\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u303f"
    r"\ue000\U0001f000-\U0001faff]"
)
_CHUNK = re.compile(rf"{_LETTER}+(?:'{_LETTER}+)?")
_LEET = str.maketrans("013457@$", "oieastas")
JOINERS = frozenset(("and", "y", "then", "e", "und", "et"))
_BETWEEN = re.compile(
    r"(?<![\da-z])\d(?:[^\da-z\n\ue000]{0,2}[a-z]{1,9}[^\da-z\n\ue000]{0,2}\d){6,}(?!\d)"
)
_GROUPS = re.compile(
    r"(?<![\da-z.,:/\-])\d{1,5}(?:[^\da-z\n\ue000]{1,3}[a-z]{2,9}[^\da-z\n\ue000]{1,3}\d{1,"
    r"5}){2,}(?![\da-z:/])"
)
_MORSE = re.compile(r"[.\-]{5}(?:[\s/|]{1,3}[.\-]{5}){6,}")
_YEARS = re.compile(r"(?:(?:19|20)\d\d)+")
_ROMAN = {
    "i": "1",
    "ii": "2",
    "iii": "3",
    "iv": "4",
    "v": "5",
    "vi": "6",
    "vii": "7",
    "viii": "8",
    "ix": "9",
}


@lru_cache(maxsize=1)
def _values() -> dict[str, str]:
    values: dict[str, str] = {}
    for value, name in reversed(list(enumerate(DIGITS))):
        values.update(dict.fromkeys(words(name, "numbers"), str(value)))
        for length in range(3, len(name)):
            values.setdefault(name[:length], str(value))
    for word, worth in _larger().items():
        # Of a ten the unit follows, and a hundred is told by what stands before it.
        values.setdefault(word, str(worth) if worth < 20 else str(worth)[0] if worth < 100 else "0")
    return values


@lru_cache(maxsize=1)
def _larger() -> dict[str, int]:
    """Words of ten and more, and what each is worth."""
    named = {**dict(enumerate(_TEENS, 10)), **dict(zip(range(20, 100, 10), _TENS, strict=True))}
    return {
        word: worth
        for worth, name in {**named, 100: _HUNDRED}.items()
        for word in words(name, "numbers")
    }


@lru_cache(maxsize=1)
def _units() -> dict[str, str]:
    return {
        word: str(value)
        for value, name in enumerate(DIGITS)
        for word in words(name, "numbers")
        if value and len(word) > 2 and word.isascii() and word.isalpha()
    }


@lru_cache(maxsize=1)
def _stems() -> dict[str, str]:
    """Tens as a word begins with them: Italian drops their last letter before some units."""
    whole = {word: str(worth)[0] for word, worth in _larger().items() if 20 <= worth < 100}
    cut = {word[:-1]: digit for word, digit in whole.items() if word.endswith(("a", "i"))}
    return {word: digit for word, digit in {**cut, **whole}.items() if word.isascii()}


@lru_cache(maxsize=1)
def compounds() -> str:
    """A ten and its unit in one word: 'thirtyfour', 'vierunddreissig', 'trentotto'; a pattern."""
    units, stems = alternation(_units()), alternation(_stems())
    return rf"(?:{units})(?:und|en)(?:{stems})|(?:{stems})(?:{units})"


@lru_cache(maxsize=1)
def _compound() -> re.Pattern[str]:
    units, stems = alternation(_units()), alternation(_stems())
    return re.compile(rf"({units})(?:und|en)({stems})|({stems})({units})")


@lru_cache(maxsize=1)
def _glued() -> re.Pattern[str]:
    return re.compile("|".join([*sorted((*DIGITS, "oh"), key=len, reverse=True), r"\d"]))


@lru_cache(maxsize=1)
def _glued_whole() -> re.Pattern[str]:
    return re.compile(f"(?:{_glued().pattern})+")


def read(chunk: str) -> tuple[str, bool] | None:
    """The digits a chunk of text stands for, and whether it is clearly a word.

    Args:
        chunk: A part of a skeleton without blanks or punctuation.

    Returns:
        None where it stands for no digits.
    """
    if chunk.isdigit():
        return chunk, False
    values = _values()
    if chunk in values:
        return values[chunk], len(chunk) > 2 or not chunk.isascii()
    if chunk in _ROMAN:
        return _ROMAN[chunk], len(chunk) > 1
    if not chunk.isascii():
        digits = [char if char.isdigit() else values.get(char) for char in chunk]
        known = [digit for digit in digits if digit is not None]
        return ("".join(known), True) if len(known) == len(chunk) else None
    if len(chunk) > 6 and (parts := _compound().fullmatch(chunk)):
        return _stems()[parts[2] or parts[3]] + _units()[parts[1] or parts[4]], True
    leet = chunk.translate(_LEET)
    if leet in values and len(leet) > 2:
        return values[leet], True
    if len(chunk) > 4 and _glued_whole().fullmatch(chunk):
        glued = _glued().findall(chunk)
        return "".join(part if part.isdigit() else values[part] for part in glued), True
    return None


def find(text: str) -> list[tuple[int, int]]:
    """Numbers written as words in a skeleton, as spans."""
    spans: list[tuple[int, int]] = []
    run: list[tuple[int, int, str, bool]] = []
    times, opened = 1, -1
    for match in _CHUNK.finditer(text):
        if run and (match.start() - run[-1][1] > 8 or _breaks(text, run, match.start())):
            spans += _judge(text, run)
            run, times, opened = [], 1, -1
        token = match[0]
        repeat = 2 if token in words("doubles") else 3 if token in words("triples") else 0
        if repeat:
            times, opened = repeat, match.start()
            continue
        if token in JOINERS and run and token not in _values():
            continue
        value = read(token)
        if value is None:
            spans += _judge(text, run)
            run, times, opened = [], 1, -1
            continue
        if run and _is_ten_and_teen(text[run[-1][0] : run[-1][1]], token):
            value = value[0][1:], True
        begin = match.start() if opened < 0 else opened
        run.append((begin, match.end(), value[0] * times, value[1]))
        times, opened = 1, -1
    return spans + _judge(text, run)


def _is_ten_and_teen(before: str, token: str) -> bool:
    """'soixante-douze': two digits together."""
    return _larger().get(before, 0) in range(20, 100) and _larger().get(token, 0) in range(10, 20)


def _is_count(spoken: list[str]) -> bool:
    """Whether words of ten and more go on in equal steps: 'nine ten eleven', 'ten twenty'."""
    if not any(word in _larger() for word in spoken):
        return False
    worth = [_larger().get(word) or int((read(word) or ("0",))[0]) for word in spoken]
    return len({after - before for before, after in pairwise(worth)}) == 1


def _breaks(text: str, run: list[tuple[int, int, str, bool]], start: int) -> bool:
    """A new line ends a number of several words."""
    return (
        "\n" in text[run[-1][1] : start]
        and len(run) > 2
        and "\n" not in text[run[0][1] : run[1][0]]
    )


def _judge(text: str, run: list[tuple[int, int, str, bool]]) -> list[tuple[int, int]]:
    if not run:
        return []
    digits = "".join(token[2] for token in run)
    clear = sum(token[3] for token in run)
    spelled = sum(not text[token[0] : token[1]].isdigit() for token in run)
    if not clear or len(digits) < 6 or len(digits) > 40:
        return []
    glued = any(token[3] and len(token[2]) > 2 for token in run)
    evidence = context(text, run[0][0]).evidence > 0
    enough = 6 if evidence else 7
    if len(digits) < enough or len(set(digits)) < 3 or digits in "01234567890 9876543210":
        return []
    if _YEARS.fullmatch(digits) or _is_count([text[start:end] for start, end, _, _ in run]):
        return []
    if spelled * 4 < len(run) and any(len(token[2]) > 1 and not token[3] for token in run):
        return []
    if not glued and (clear < 2 or spelled < 2 or clear * 3 < spelled) and len(run) < 9:
        return []
    return [(run[0][0], run[-1][1])]


def find_between(text: str) -> list[tuple[int, int]]:
    """Single digits with one short word between each two, and digits in Morse code."""
    spans = [match.span() for match in _MORSE.finditer(text)]
    for match in _BETWEEN.finditer(text):
        between = re.findall(r"[a-z]+", match[0])
        apart = " " in match[0]
        if (apart or len(set(between)) < 3) and not any(
            word in words("units_after") for word in between
        ):
            spans.append(match.span())
    spans += [
        match.span()
        for match in _GROUPS.finditer(text)
        if _are_groups(match[0]) and not _own_words(text, match)
    ]
    spans += [
        match.span()
        for match in _separated().finditer(text)
        if 7 <= sum(char.isdigit() for char in match[0]) <= 15
    ]
    return spans


@lru_cache(maxsize=1)
def _separated() -> re.Pattern[str]:
    """Groups of digits with the name of a separator between them: '415 dash 555 dash 0134'."""
    name = alternation(words("separator_words"))
    return re.compile(
        rf"(?<![\d.,])\d{{1,6}}(?:\s{{0,2}}(?:{name})\s{{0,2}}\d{{1,6}}){{1,}}(?![\d.,])"
    )


def _own_words(text: str, run: re.Match[str]) -> bool:
    """Whether each group has a word of its own before it: 'bench 225 squat 315 deadlift 405'."""
    between = re.findall(r"[a-z]+", run[0])
    first = re.search(r"[^\W\d_]{2,}[^\w\n]{1,3}\Z", text[max(0, run.start() - 24) : run.start()])
    return (
        first is not None
        and len(set(between)) == len(between)
        and context(text, run.start()).evidence < 1
    )


def _are_groups(run: str) -> bool:
    """Whether groups of digits with a word after each are one number: the words say nothing."""
    between = re.findall(r"[a-z]+", run)
    digits = sum(char.isdigit() for char in run)
    counted = words("units_after") | words("counted_words")
    if len(set(between)) == len(between) and max(map(len, between)) < 3:
        return False
    if any(is_date(group) for group in re.findall(r"\d{4}", run)):
        return False
    return 8 <= digits <= 15 and len(set(between)) <= 2 and not counted.intersection(between)
