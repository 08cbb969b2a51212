"""Why a text gets its labels: what was said, what was weaker, what a context took away."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxe_pipeline.cards import stream, trial
from sxe_pipeline.cards.labeler import weights
from sxe_pipeline.cards.taxonomy import Taxonomy


def outcomes(made: trial.Trial) -> dict[str, str]:
    return {each.label: each.outcome for each in made.contenders}


def test_what_almost_won_stands_beside_what_did(shipped: Taxonomy) -> None:
    made = trial.tried("Nurse and photographer. Lifestyle and coffee", shipped)

    assert made.labels["persona"] == "health_worker"
    assert outcomes(made)["health_worker"] == "said"
    assert outcomes(made)["photographer"] == "beaten", "sure enough, but named second"
    assert outcomes(made)["lifestyle"] == "weak"
    weak = next(each for each in made.contenders if each.label == "lifestyle")
    assert weak.confidence < weak.threshold
    assert [item.text for item in weak.evidence] == ["Lifestyle"]


@pytest.mark.parametrize(
    ("text", "label", "words", "contexts"),
    [
        pytest.param(
            "My brother is a video editor",
            "video_editor",
            "video editor",
            ["my brother is a"],
            id="somebody else's role",
        ),
        pytest.param(
            "Former policy analyst", "policy_analyst", "policy analyst", ["former"], id="past"
        ),
        pytest.param("A role model", "fashion_style", "model", ["role model"], id="a fixed phrase"),
        pytest.param(
            "Former and aspiring actor",
            "actor_performer",
            "actor",
            ["aspiring", "former"],
            id="two",
        ),
    ],
)
def test_what_a_context_took_away_is_named_with_the_context(
    shipped: Taxonomy, text: str, label: str, words: str, contexts: list[str]
) -> None:
    made = trial.tried(text, shipped, "en")

    taken = {each.label: each for each in made.taken_away}
    assert taken[label].words == words
    assert list(taken[label].contexts) == contexts
    assert label not in outcomes(made)


def test_a_longer_phrase_takes_nothing_away(shipped: Taxonomy) -> None:
    assert trial.tried("Comic book artist", shipped, "en").taken_away == []


def test_the_language_decides_which_phrases_count(shipped: Taxonomy) -> None:
    english, french = (outcomes(trial.tried("musee", shipped, code)) for code in ("en", "fr"))

    assert "museum" not in english
    assert french["museum"] == "said"


PIECES = (
    "Nurse,former,my,wife is a,model,weather,role model,not a,lifestyle,museum,.,\n,EV,#BoardGames"
)
TEXTS = st.lists(st.sampled_from(PIECES.split(",")), max_size=10).map(" ".join) | st.text(
    max_size=60
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TEXTS)
def test_a_trial_says_what_the_stream_says_and_each_label_once(
    shipped: Taxonomy, text: str
) -> None:
    (row,) = stream.label_lines([json.dumps({"bio": text})], "bio", shipped)

    made = trial.tried(text, shipped)

    assert {name: row[name] for name in made.labels} == made.labels
    said = [each.label for each in made.contenders if each.outcome == "said"]
    assert {row["persona"], *row["tribes"]} - {None} <= set(said)
    assert len({(each.kind, each.label) for each in made.contenders}) == len(made.contenders)
    assert all(
        each.confidence < each.threshold for each in made.contenders if each.outcome == "weak"
    )


@pytest.fixture(scope="module")
def trained(shipped: Taxonomy) -> weights.Weights:
    return weights.shipped(shipped)


_SAID = (
    "Nurse,Head chef,Chef,photographer,and,coffee,Mom of three,cats,student,we are a,weather,"
    "Parody account,software engineer,jazz,."
)
BIOS = st.lists(st.sampled_from(_SAID.split(",")), max_size=8).map(" ".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(BIOS)
def test_what_decides_is_shown_on_its_own_scale(
    shipped: Taxonomy, trained: weights.Weights, bio: str
) -> None:
    made = trial.tried(bio, shipped, "en", trained)

    card = made.labels
    won = {kind: card[kind] for kind in ("persona", "tribe", "account_type")}
    for kind in ("persona", "tribe"):
        shown = [each.confidence for each in made.contenders if each.label == won[kind]]
        assert shown == ([card[f"{kind}_confidence"]] if won[kind] else []), "as on the card"
    for each in made.contenders:
        if each.outcome == "said":
            assert each.confidence >= each.threshold, each.label
        if each.outcome == "beaten":
            assert won[each.kind] not in (None, "unknown", each.label), "somebody won"


def test_the_weights_may_abstain_where_the_phrases_were_enough(
    shipped: Taxonomy, trained: weights.Weights
) -> None:
    text = "Parody account. Chef"

    assert outcomes(trial.tried(text, shipped, "en", trained))["chef_food_pro"] == "abstained"
    assert outcomes(trial.tried("Chef", shipped, "en", trained))["chef_food_pro"] == "said"
