"""A long text costs as much as its length: no repeated sign makes the rules look twice as often."""

import random

import pytest

from sxe_pipeline.redact import exact, redact_text
from sxe_pipeline.redact.exact import CHUNK

LONG = 12_000
NOISE = random.Random(7)


def filled(piece):
    return (piece * (LONG // len(piece) + 1))[:LONG]


HOSTILE = {
    "at signs": filled("@"),
    "half addresses": filled("a@b."),
    "addresses": filled("ana.b@gmail.com "),
    "digits": filled("1234567890"),
    "digits and dots": filled("1."),
    "plus signs": filled("+1 "),
    "dots": filled("a."),
    "underscores": filled("a_"),
    "open brackets": filled("([{"),
    "nested brackets": "(" * (LONG // 2) + ")" * (LONG // 2),
    "lists in braces": filled("{a,b}@"),
    "spaced letters": filled("a b "),
    "number words": filled("one two three "),
    "mixed scripts": filled("aб\u063a字"),
    "mixed digits": filled("1\u0662३4"),
    "zero widths": filled("a\u200b"),
    "keycaps": filled("1\ufe0f\u20e3"),
    "combining marks": "a" + filled("\u0301"),
    "messengers": filled("telegram: @ab1 "),
    "links": filled("t.me/a http://a.co/?b=%40 "),
    "tokens": filled("[email] "),
    "escapes": filled("&#64;%40\\x40"),
    "base64": filled("QUJDREVG"),
    "streets": filled("12 Main Street "),
    "noise": "".join(NOISE.choices("abc019@.-_() [:/+#\u200bб字", k=LONG)),
}


@pytest.fixture
def looked_at(monkeypatch):
    """How many characters the rules were given, and the longest piece among them."""
    pieces = []

    def search(piece, *more, known=exact._search_piece):
        pieces.append(len(piece))
        return known(piece, *more)

    monkeypatch.setattr(exact, "_search_piece", search)

    def of(text):
        pieces.clear()
        redact_text(text)
        return sum(pieces), max(pieces, default=0)

    return of


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_twice_the_text_is_twice_the_work_in_pieces_that_never_grow(looked_at, text):
    half, _ = looked_at(text[: LONG // 2])
    whole, longest = looked_at(text)

    assert longest <= CHUNK
    assert whole <= 2.5 * half + CHUNK
    assert whole <= 4 * LONG, "a text is not gone through again and again"
