"""Passions: a topic that somebody says they love makes an enthusiast, unless they name a role."""

import pytest

from sxe_pipeline.cards import text
from sxe_pipeline.cards.labeler.evidence import Voice, gather
from sxe_pipeline.cards.labeler.label import label
from sxe_pipeline.cards.taxonomy import Taxonomy


def _is_enthusiast(bio: str, taxonomy: Taxonomy) -> bool:
    voice = Voice(bio=bio, language=text.language(bio)[0])
    return ("persona", "enthusiast") in gather([voice], taxonomy)


@pytest.mark.parametrize(
    "bio",
    [
        pytest.param("Chess nerd from Tromsø", id="behind the topic"),
        pytest.param("hopelessly addicted to sourdough", id="before it"),
        pytest.param(
            "I love, above all, jazz. Big fan of old tractors and jazz", id="a word between"
        ),
        pytest.param("Apasionada de la fotografía y del mar", id="in Spanish"),
        pytest.param("liebhaber von jazz", id="in German"),
        pytest.param("Bookworm living by a lake", id="one word says it"),
        pytest.param("Mum of two, chess nerd", id="a parent may be one"),
    ],
)
def test_who_says_what_they_love_is_an_enthusiast(shipped: Taxonomy, bio: str) -> None:
    assert _is_enthusiast(bio, shipped)


@pytest.mark.parametrize(
    "bio",
    [
        pytest.param("Chess. Sourdough. Jazz.", id="a bare list"),
        pytest.param("Chess, boards for fans", id="other people's"),
        pytest.param("My wife is a chess nerd", id="somebody else's"),
        pytest.param("not a chess nerd", id="denied"),
        pytest.param("Former gamer", id="past"),
        pytest.param("Bus driver and chess nerd", id="beside a role"),
        pytest.param("nerd. Chess", id="across a full stop"),
    ],
)
def test_no_enthusiast_without_a_statement_of_their_own(shipped: Taxonomy, bio: str) -> None:
    assert not _is_enthusiast(bio, shipped)


def test_rules_alone_say_an_enthusiast_by_the_words_that_state_it(shipped: Taxonomy) -> None:
    found = label([Voice(bio="Chess nerd from Tromsø")], shipped)

    assert (found.persona_family, found.persona, found.tribe) == (
        "enthusiast",
        None,
        "tabletop_games",
    )
    [words] = [each.text for each in found.evidence if each.label == "enthusiast"]
    assert words == "Chess nerd"
