"""Stated ages: a minor is found, and a number of years that is no age withholds nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sxe_pipeline.cards.ages import is_stated_minor
from sxe_pipeline.cards.text import clean, skeleton


def _is_minor(raw: str) -> bool:
    return is_stated_minor(skeleton(clean(raw) or ""))


@given(st.text(max_size=300))
def test_every_text_has_an_answer(raw: str) -> None:
    assert _is_minor(raw) in (True, False)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("16 y/o dancer", id="y/o"),
        pytest.param("17 | Lima | she", id="a lone number"),
        pytest.param("age: 15", id="a lone number behind a colon"),
        pytest.param("Student, age 16", id="age"),
        pytest.param("I'm 14", id="I'm"),
        pytest.param("My name is Ana and I'm 16 years old", id="words about oneself before it"),
        pytest.param("Proud dog mom and I'm a 16 year old girl", id="a dog's mother of sixteen"),
        pytest.param("life of a 15 year old girl", id="her own life"),
        pytest.param("17 years old & proud", id="a sign behind it"),
        pytest.param("Tengo 15 años", id="Spanish"),
        pytest.param("Tengo 15 años y me gusta bailar", id="Spanish and more"),
        pytest.param("Tengo 15 años me encanta bailar", id="Spanish without a comma"),
        pytest.param("Me llamo Ana, 16 años, Lima", id="Spanish between commas"),
        pytest.param("chica de 16 años", id="a girl of so many years"),
        pytest.param("Tenho 15 anos amo dançar", id="Portuguese"),
        pytest.param("16 ans - Paris", id="French"),
        pytest.param("Ho 16 anni e amo la musica", id="Italian"),
        pytest.param("Anna ha 15 anni", id="Italian, what she is"),
        pytest.param("Ich bin 16 Jahre alt", id="German"),
        pytest.param("Студентка, 15 лет", id="Russian"),
        pytest.param("Umur 15 tahun", id="Indonesian"),
    ],
)
def test_a_stated_age_under_eighteen_is_seen(raw: str) -> None:
    assert _is_minor(raw)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("18 years old", id="eighteen"),
        pytest.param("23", id="a grown-up's lone number"),
        pytest.param("Open 10/10, 14:30", id="a date and a time"),
        pytest.param("Est. 2010", id="a year"),
        pytest.param("15 años de experiencia", id="Spanish, years of experience"),
        pytest.param("Tengo 15 años de experiencia en ventas", id="Spanish, who has experience"),
        pytest.param("Periodista desde hace 15 años", id="Spanish, since"),
        pytest.param("Abogado con más de 15 años", id="Spanish, more than"),
        pytest.param("Con 12 años en ventas", id="Spanish, in what"),
        pytest.param("10 años creando marcas", id="Spanish, doing what"),
        pytest.param("Jornalista há 15 anos", id="Portuguese, since"),
        pytest.param("15 anos no mercado", id="Portuguese, where"),
        pytest.param("Depuis 15 ans journaliste", id="French, since"),
        pytest.param("J'ai 15 ans d'expérience", id="French, who has experience"),
        pytest.param("Da 15 anni giornalista", id="Italian, since"),
        pytest.param("15 лет в IT", id="Russian, where"),
        pytest.param("Опыт 15 лет", id="Russian, experience"),
        pytest.param("12 tahun pengalaman", id="Indonesian, experience"),
        pytest.param("I'm 15 years sober", id="English, years of what"),
        pytest.param("Our company is 15 years old", id="a firm's age"),
        pytest.param("Proud dad of a 12 years old boy", id="a son's age"),
        pytest.param("Mum of a 9yr old and a 14 year old", id="two children's ages"),
        pytest.param("Mi hijo tiene 15 años", id="Spanish, a son's age"),
        pytest.param("Papa d'une fille de 12 ans", id="French, a daughter's age"),
        pytest.param("Books for 12 year old readers", id="for whom"),
        pytest.param("Teaching kids aged 12 and up", id="whom one teaches"),
        pytest.param("blogger10años", id="part of a word"),
        pytest.param("#Teacher15Years of fun", id="part of a hashtag"),
    ],
)
def test_a_number_of_years_that_is_not_the_owners_age_is_none(raw: str) -> None:
    assert not _is_minor(raw)


_AGES = st.integers(min_value=8, max_value=17)
_OLD = st.sampled_from(
    ["y/o", "yo", "years old", "year old", "yrs old", "años", "anos", "ans", "anni"]
)
_SELF = st.sampled_from(["", "I'm ", "she/her, ", "Ana | ", "dancer - ", "just a "])
_REST = st.sampled_from(["", ".", ", Lima", " | art", " 🎨", " & proud", " - Madrid", "\nhello"])


@given(_SELF, _AGES, _OLD, _REST)
def test_an_age_that_stands_for_itself_is_seen_whatever_stands_apart(
    own: str, age: int, old: str, rest: str
) -> None:
    assert _is_minor(f"{own}{age} {old}{rest}")


_WORK = st.sampled_from(
    [
        "hace {} años",
        "há {} anos",
        "desde há {} anos",
        "depuis {} ans",
        "da {} anni",
        "desde hace {} años",
    ]
)


@given(st.sampled_from(["Periodista", "Dentiste", "Fotógrafo, Lima", ""]), _AGES, _WORK)
def test_how_long_somebody_does_something_is_no_age(role: str, years: int, since: str) -> None:
    assert not _is_minor(f"{role} {since.format(years)}")
