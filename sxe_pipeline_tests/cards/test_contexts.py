"""Contexts: what they take away stays away, wherever it is said; what stands apart stays."""

import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import files, text
from sxe_pipeline.cards.labeler import weights
from sxe_pipeline.cards.labeler.evidence import Voice, gather
from sxe_pipeline.cards.labeler.learned import Said, label_all
from sxe_pipeline.cards.labeler.match import find, hits
from sxe_pipeline.cards.taxonomy import Taxonomy

CONTEXTS = files.read(contracts_root() / "taxonomy").tables["contexts.csv"]


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


@pytest.fixture(scope="module")
def trained(shipped: Taxonomy) -> weights.Weights:
    return weights.shipped(shipped)


def _persona(taxonomy: Taxonomy, trained: weights.Weights, **said: str) -> str | None:
    told = said.get("bio") or ""
    voice = Voice(**said, language=text.language(told)[0] if told else None, platform="x")
    [found] = label_all([Said([voice])], taxonomy, trained)
    return found.persona


@pytest.mark.parametrize(
    ("said", "persona"),
    [
        pytest.param({"display_name": "John Doe | teacher"}, "teacher", id="a role in a name"),
        pytest.param({"display_name": "John Doe | former teacher"}, None, id="a past one"),
        pytest.param({"display_name": "Jo | ex-#SoftwareEngineer"}, None, id="a tag in a name"),
        pytest.param({"bio": "#SoftwareEngineer"}, "software_engineer", id="a tag"),
        pytest.param({"bio": "ex-#SoftwareEngineer"}, None, id="a past tag"),
        pytest.param({"bio": "ex #softwareengineer"}, None, id="a past tag in small letters"),
        pytest.param({"bio": "#FormerTeacher"}, None, id="past inside the tag"),
        pytest.param({"bio": "CEO at heart"}, None, id="phrase and context share a word"),
        pytest.param({"bio": "Ex-CEO of a bank"}, None, id="another role by the same word"),
        pytest.param({"bio": "My wife is a #softwareengineer"}, None, id="somebody else's tag"),
        pytest.param({"bio": "lifelong student"}, None, id="a cover around no phrase"),
        pytest.param({"bio": "Ex. teacher. Hills and tea."}, None, id="past, abbreviated"),
        pytest.param({"bio": "prev. nurse, now at sea"}, None, id="past, abbreviated otherwise"),
        pytest.param({"bio": "Asst. Professor of botany"}, "professor", id="an abbreviated rank"),
        pytest.param({"bio": "pas avocate, juste bavarde"}, None, id="denied in French"),
        pytest.param({"bio": "nurse by training"}, None, id="learnt, not done"),
    ],
)
def test_no_model_gives_back_what_a_context_took_away(
    shipped: Taxonomy, trained: weights.Weights, said: dict[str, str], persona: str | None
) -> None:
    assert _persona(shipped, trained, **said) == persona


def test_words_behind_a_denial_carry_no_role_though_no_phrase_knows_them(shipped: Taxonomy) -> None:
    voice = Voice(bio="not a zorblatt, wife of a zorblatt", language="en")

    places = gather([voice], shipped).silent("persona")

    silent = [voice.bio[start:end] for _, start, end in places if voice.bio]
    assert silent == ["zorblatt"], "the second is somebody else's, and the rest is her own"


def test_no_cover_lets_out_the_role_that_it_swallows(
    shipped: Taxonomy, trained: weights.Weights
) -> None:
    covers = [row["phrase"] for _, row in CONTEXTS if row["side"] == "cover"]
    roles = {cover: _roles_in(cover, shipped) for cover in covers}
    texts = [f"{cover}, happy to be here" for cover in covers]

    found = label_all(
        [Said([Voice(bio=bio, language="en", platform="x")]) for bio in texts], shipped, trained
    )

    assert any(roles.values()), "some covers swallow a role"
    said = zip(covers, found, strict=True)
    assert [cover for cover, labels in said if labels.persona in roles[cover]] == []


def _roles_in(cover: str, taxonomy: Taxonomy) -> set[str]:
    heard = hits(text.skeleton(cover), taxonomy, "en")
    return {hit.mark.label for hit in heard if hit.mark.kind == "persona" and not hit.is_meant}


@pytest.mark.parametrize(
    "bio",
    [
        "Software engineer jobs in Ohio and around it",
        "The software engineer events of the whole country",
        "Ohio software engineer association for all of you",
    ],
)
def test_a_context_is_heard_whatever_language_has_a_phrase_like_it(
    shipped: Taxonomy, bio: str
) -> None:
    assert "software_engineer" not in _personas(bio, shipped)
