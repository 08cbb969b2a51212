"""The filter is wider than the rules: what they find in a text, they are asked for in a column."""

import random
from collections import defaultdict

import polars as pl
import pytest

from sxe_pipeline.redact import filters, redact_text
from sxe_pipeline.redact.exact import find_spans
from sxe_pipeline.redact.signs import letters, marks, unusual
from sxe_pipeline.redact.skeleton import skeleton
from sxe_pipeline_tests.redact.ways import contacts

CONTACTS = (
    "mail nina@studio-oko.example now",
    "nina [at] studio-oko [dot] pl",
    "nina at studio-oko dot pl",
    "gmail: ninakowal88",
    "tel 501 502 503",
    "call +48 501 502 503",
    "telegram: nina_kowal88",
    "t.me/ninakowal",
    "linktr.ee/ninakowal",
    "discord: ninakowal#4821",
    "12 Long Street, London",
    "one two three four five six seven eight",
    "1-800-FLOWERS",
)


def hidden_by_the_filter(texts):
    """The texts of which the rules find more than behind the filter."""
    signs = filters.sort_out(filters.masked(pl.Series("text", texts)))
    return [
        text
        for text, bits in zip(texts, signs.tolist(), strict=True)
        if _width(find_spans(text)) > _width(find_spans(text, signs=bits) if bits else [])
    ]


def _width(spans):
    return sum(span.end - span.start for span in spans)


def disguises():
    """Letter, digit or mark -> the characters that the skeleton takes for it."""
    found = defaultdict(list)
    for code in (*range(0x80, 0x3100), *range(0xA640, 0xA800), *range(0xFB00, 0x10000)):
        bare = skeleton(chr(code))[0]
        if len(bare) == 1 and bare.isascii():
            found[bare].append(chr(code))
    return found


def test_a_character_that_passes_as_usual_stands_for_itself():
    every = pl.Series("char", [chr(c) for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000])
    usual = every.filter(~every.str.contains(unusual())).to_list()

    folded = [char for char in usual if skeleton(char)[0] != char]

    assert len(usual) > 30_000, "ordinary characters need no second look"
    assert set(folded) <= set(marks()[0] + letters()[0])


@pytest.mark.parametrize("contact", CONTACTS)
def test_no_disguise_of_one_character_hides_a_contact_from_the_filter(contact):
    draw, by_mark = random.Random(contact), disguises()
    texts = [
        contact[:at] + other + contact[at + 1 :]
        for at, mark in enumerate(contact.lower())
        for other in draw.sample(by_mark[mark], min(12, len(by_mark[mark])))
    ]

    assert hidden_by_the_filter(texts) == []


@pytest.mark.parametrize("contact", CONTACTS)
def test_no_disguise_of_every_letter_hides_a_contact_from_the_filter(contact):
    draw, by_mark = random.Random(contact), disguises()
    texts = [
        "".join(draw.choice(by_mark[mark] or [mark]) if mark.isalnum() else mark for mark in text)
        for text in [contact.lower()] * 40
    ]

    assert hidden_by_the_filter(texts) == []


def test_no_fresh_way_is_hidden_by_the_filter():
    seed = random.SystemRandom().randrange(10**6)
    ways = contacts(seed, 150)

    hidden = hidden_by_the_filter([row.text for row in ways])

    assert len(hidden) <= 3, f"seed {seed}: {hidden}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("naver: nina88", id="a provider of few"),
        pytest.param("nina_88 (yandex)", id="a provider in brackets"),
        pytest.param("nina_kowal88 kik", id="a messenger behind a blank"),
        pytest.param("nina_kowal88 в Signal", id="a word of Russian before a messenger"),
        pytest.param("three one double two double five zero nine", id="doubled digits"),
        pytest.param("trentotto ventuno settantasei novantadue", id="only compounds"),
        pytest.param("treinta y dos noventa y uno sesenta y seis diez", id="joined tens"),
        pytest.param("liwei艾特foxmail点com", id="a glued at"),
        pytest.param("1-888-GO-NINJA", id="a dialled word of two parts"),
        pytest.param("ᴛᴇʟᴇɢʀᴀᴍ: nina_kowal88", id="small capitals"),
        pytest.param("nina “at” studio “dot” pl", id="in quotation marks"),
        pytest.param("nina&lpar;at&rpar;studio&lpar;dot&rpar;pl", id="brackets by name"),
        pytest.param("🅽🅸🅽🅰@🆂🆃🆄🅳🅸🅾.🅿🅻", id="letters in black squares"),
        pytest.param("ɴɪɴᴀ [ᴀᴛ] ꜱᴛᴜᴅɪᴏ [ᴅᴏᴛ] ᴘʟ", id="small capitals of another block"),
    ],
)
def test_what_one_text_gives_a_column_gives(text):
    assert redact_text(text)[1]
    assert hidden_by_the_filter([text]) == []


@pytest.mark.parametrize("text", ["🥰💕🔊💕🥰💕🥰💕🥰", "✧✦✢✤✥✳✴✶ dreams", "♛⚃ 🍀🔯🍀🔯🍀🔯🍀"])
def test_a_picture_of_several_things_is_no_digit(text):
    assert redact_text(text) == (text, [])
