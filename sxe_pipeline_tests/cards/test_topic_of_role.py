"""A role that names its topic: who says the role and no topic gathers around that topic."""

import pytest

from sxe_pipeline.cards.labeler import weights
from sxe_pipeline.cards.labeler.evidence import Voice
from sxe_pipeline.cards.labeler.label import Labels
from sxe_pipeline.cards.labeler.learned import Said, label_all
from sxe_pipeline.cards.taxonomy import Taxonomy


@pytest.fixture(scope="module", params=["rules", "weights"])
def chosen(request, shipped: Taxonomy) -> weights.Weights | None:
    return weights.shipped(shipped) if request.param == "weights" else None


def _said(bio: str, taxonomy: Taxonomy, chosen: weights.Weights | None) -> Labels:
    [found] = label_all([Said([Voice(bio=bio, language="en", platform="x")])], taxonomy, chosen)
    return found


def test_a_role_lends_its_topic_by_its_own_words(shipped: Taxonomy, chosen) -> None:
    found = _said("Physiotherapist. Two kids, no regrets.", shipped, chosen)

    assert (found.persona, found.tribes) == ("health_worker", ["healthcare_sector"])
    assert [e.text for e in found.evidence if e.label == "healthcare_sector"] == [
        e.text for e in found.evidence if e.label == "health_worker"
    ]
    assert not found.says_two_things


def test_a_topic_that_is_said_needs_none_of_the_role(shipped: Taxonomy, chosen) -> None:
    found = _said("Physiotherapist. Chess and sourdough.", shipped, chosen)

    assert found.persona == "health_worker"
    assert "healthcare_sector" not in found.tribes
    assert found.tribes


def test_a_role_that_leaves_its_topic_open_lends_none(shipped: Taxonomy, chosen) -> None:
    found = _said("Founder. Two kids, no regrets.", shipped, chosen)

    assert (found.persona, found.tribe) == ("founder", None)
