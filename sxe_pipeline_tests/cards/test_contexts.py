"""Contexts: what they take away stays away, wherever it is said; what stands apart stays."""

import pytest

from sxe_pipeline.cards import text
from sxe_pipeline.cards.labeler.match import find
from sxe_pipeline.cards.taxonomy import Taxonomy


def _personas(bio: str, taxonomy: Taxonomy) -> set[str]:
    hits = find(text.skeleton(bio), taxonomy, "en")
    return {hit.mark.label for hit in hits if hit.mark.kind == "persona"}


@pytest.mark.parametrize("after", ["dad", "mom", "enthusiast", "fan", "apprentice", "lover"])
@pytest.mark.parametrize("sign", ["&", "+"])
def test_a_sign_between_two_words_parts_them_as_its_word_does(
    shipped: Taxonomy, sign: str, after: str
) -> None:
    in_words = _personas(f"chef and {after}", shipped)

    assert "chef_food_pro" in in_words
    assert in_words == _personas(f"chef {sign} {after}", shipped)
    assert "chef_food_pro" not in _personas(f"chef {after}", shipped)
