"""Forms of a role that its phrase does not spell out."""

import pytest

from sxe_pipeline.cards import text
from sxe_pipeline.cards.inflect import feminine
from sxe_pipeline.cards.labeler.match import find
from sxe_pipeline.cards.taxonomy import Taxonomy


@pytest.mark.parametrize(
    ("phrase", "language", "form"),
    [
        ("zimmermann", "de", "zimmerfrau"),
        ("geologe", "de", "geologin"),
        ("tierarzt", "de", "tierarztin"),
        ("carpintero", "es", "carpintera"),
        ("escultor", "es", "escultora"),
        ("cabeleireiro", "pt", "cabeleireira"),
        ("traducteur", "fr", "traductrice"),
        ("charpentier", "fr", "charpentiere"),
        ("scultore", "it", "scultrice"),
        ("infermiere", "it", "infermiera"),
    ],
)
def test_a_role_has_its_feminine(phrase: str, language: str, form: str) -> None:
    assert feminine(phrase, language) == form


@pytest.mark.parametrize(
    ("phrase", "language"),
    [("musico", "es"), ("quimico", "pt"), ("periodista", "es"), ("baker", "en"), ("perawat", "id")],
)
def test_a_subject_or_a_word_of_one_form_has_none(phrase: str, language: str) -> None:
    assert feminine(phrase, language) is None


@pytest.mark.parametrize(
    ("bio", "persona"),
    [
        ("Lokführerin aus Kiel", "transport_crew"),
        ("Bibliothekarin", "culture_pro"),
        ("Carpintera en Burgos", "tradesperson"),
        ("インフラエンジニアです", "software_engineer"),
        ("地方の病院で看護師をしています", "health_worker"),
    ],
)
def test_a_role_is_heard_in_the_form_that_its_language_gives_it(
    shipped: Taxonomy, bio: str, persona: str
) -> None:
    hits = find(text.skeleton(bio), shipped, None)

    assert persona in {hit.mark.label for hit in hits}


def test_no_word_of_a_script_with_blanks_is_heard_inside_another(shipped: Taxonomy) -> None:
    assert not find(text.skeleton("Xnurseling"), shipped, "en")
