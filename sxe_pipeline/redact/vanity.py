"""Phone numbers with letters for digits: '1-800-FLOWERS', '0800 REISEN'.

Belongs here: letters of a dial. Works on the raw text, because capitals are evidence here.
"""

import re

_FREE = r"(?:8(?:00|33|44|55|66|77|88)|900)"
PREFIX = rf"(?:{_FREE}|0(?:800|808|500|508|900)|1[38]00|13)"
CALLED = r"(?i:call|dial|text|ring|phone|tel)[:.]?\s{1,2}"
"""What a number with letters begins with, else the word before it; the filter asks for them too."""
_LETTERS = r"(?=[A-Z0-9\-]*[A-Z]{3})[A-Z0-9]{2,9}(?:[\- ][A-Z0-9]{2,7}){0,2}"
_DIALLED = re.compile(
    rf"(?<![\w.:])(?:\+?1[ \t.\-]{{0,2}}\(?{_FREE}\)?[ \t.\-]{{0,2}}(?:{_LETTERS}|[a-z]{{7}})"
    rf"|\(?{PREFIX}\)?[ \t.\-]{{1,2}}{_LETTERS})(?!\w)"
)
_LOCAL = re.compile(rf"(?<!\w){CALLED}(?P<number>\(?\d{{3}}\)?[\s.\-]{{1,2}}{_LETTERS})(?!\w)")
_LEAST = 9


def find(text: str) -> list[tuple[int, int]]:
    """Vanity numbers in a raw text, as spans."""
    spans = [found.span() for found in _DIALLED.finditer(text)]
    spans += [found.span("number") for found in _LOCAL.finditer(text)]
    return [
        (start, end) for start, end in spans if sum(map(str.isalnum, text[start:end])) >= _LEAST
    ]
