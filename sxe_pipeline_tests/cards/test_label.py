"""Labels: never without evidence, never the echo of a role, never against the context."""

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxe_pipeline.cards import stream, text
from sxe_pipeline.cards.labeler.evidence import Voice, gather
from sxe_pipeline.cards.labeler.label import label
from sxe_pipeline.cards.taxonomy import Taxonomy
from sxe_pipeline.errors import BadInput

CASES = Path(__file__).parent / "cases" / "pair_precision.csv"
PIECES = (
    "photographer,journalist,former,my,wife,is,a,football,coffee,student,mom of,creator,content,we,"
    "parody,#TravelPhotography,CEO,not,chef,|,.,\n,the,our,official,news,🎮,⚽,periodista"
)
WORDS = st.sampled_from(sorted(PIECES.split(",")))
TEXTS = st.lists(WORDS, max_size=14).map(" ".join) | st.text(max_size=80)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS)
def test_every_label_has_evidence_that_stands_in_the_text(
    shipped: Taxonomy, bio: str, name: str
) -> None:
    voice = Voice(bio=text.clean(bio), display_name=text.clean(name))

    labels = label([voice], shipped)

    named = {item.label for item in labels.evidence}
    wanted = {labels.persona or labels.persona_family, *labels.tribes} - {None}
    assert wanted <= named
    assert all(
        item.text in (voice.bio or "") or item.text in (voice.display_name or "")
        for item in labels.evidence
        if item.source == "text"
    )
    assert (labels.persona_family is None) == (labels.persona_confidence is None)
    assert (labels.tribe is None) == (labels.tribe_confidence is None) == (labels.tribes == [])
    assert all(0 < item.weight < 1 for item in labels.evidence)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_no_tribe_echoes_the_role(shipped: Taxonomy, bio: str) -> None:
    labels = label([Voice(bio=text.clean(bio))], shipped, audience=["creator_economy"])

    for role in (labels.persona, labels.persona_family):
        assert not shipped.echoes.get(role or "", frozenset()) & set(labels.tribes)


def test_a_declared_audience_is_a_tribe_but_no_own_words(shipped: Taxonomy) -> None:
    labels = label([Voice(bio="Illustrator")], shipped, audience=["coffee_wine_beer", "no_tribe"])

    assert "coffee_wine_beer" in labels.tribes
    assert labels.tribe == "art_illustration", "own words lead"
    assert "no_tribe" not in labels.tribes
    alone = label([Voice(bio="Registered nurse on nights")], shipped, audience=["gaming"])
    assert labels.is_own_words
    assert alone.tribes[-1] == "gaming"
    silent = label([Voice()], shipped, audience=["gaming"])
    assert (silent.standing, silent.tribe_confidence) == ("audience", 0.6)


def test_the_platform_says_who_is_a_creator_and_followers_do_not(shipped: Taxonomy) -> None:
    flagged = label([Voice(bio="hello there", category_kind="creator")], shipped)
    followed = label([Voice(bio="hello there", follower_count=5_000_000)], shipped)

    assert (flagged.account_type, flagged.persona_family, flagged.persona, flagged.standing) == (
        *("creator", "creator"),
        None,
        "lead",
    )
    assert flagged.persona_confidence == 0.7
    assert (followed.account_type, followed.standing) == ("unknown", "no_signal")


def test_a_parody_flag_silences_the_role(shipped: Taxonomy) -> None:
    labels = label([Voice(bio="Journalist", is_parody=True)], shipped)

    assert (labels.account_type, labels.persona_family) == ("fan_or_parody", None)


def test_a_platform_category_is_a_source_but_no_pair_by_itself(shipped: Taxonomy) -> None:
    labels = label([Voice(category="Journalist")], shipped)

    assert (labels.persona, labels.tribe) == ("journalist", "news_media")
    assert {item.source for item in labels.evidence} == {"platform"}
    assert (labels.standing, labels.is_own_words) == ("lead", False)


def test_hashtags_of_posts_say_what_somebody_gathers_around_but_never_who_it_is(
    shipped: Taxonomy,
) -> None:
    tags = ["SourdoughBread", "photographer", "trailrunning"]
    labels = label([Voice(bio="Nurse", post_hashtags=tags)], shipped)

    assert labels.persona == "health_worker"
    said = {(item.label, item.field, item.text) for item in labels.evidence}
    assert {("food_cooking", "posts", "SourdoughBread"), ("running_cycling", "posts", tags[2])} <= (
        said
    )
    assert "photographer" not in {item.label for item in labels.evidence}
    assert labels.is_own_words


def test_one_word_of_posts_is_no_topic_yet_but_three_of_one_tribe_are(shipped: Taxonomy) -> None:
    words = ["soccer", "goalkeeper", "footballer", "guitar"]
    one, all_ = (label([Voice(post_terms=terms)], shipped) for terms in (words[:1], words))

    assert one.tribes == []
    assert all_.tribes == ["football_soccer"]
    assert {item.source for item in all_.evidence} == {"posts"}


def test_the_same_bio_on_two_accounts_counts_once(shipped: Taxonomy) -> None:
    voice = Voice(bio="Wedding photographer")

    assert label([voice, voice], shipped) == label([voice], shipped)


def test_english_text_is_not_read_with_other_languages_words(shipped: Taxonomy) -> None:
    bio = "She sang to the sea and the sea sang back to her"

    assert label([Voice(bio=bio, language="en")], shipped).tribes == []


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"display_name": "Ann | Live chat"}, id="in the name"),
        pytest.param({"bio": "A very long day at the office, #LiveChat"}, id="in a tag"),
        pytest.param({"interests": ["chat"]}, id="in an interest"),
        pytest.param({"post_hashtags": ["LiveChat", "chat"]}, id="in tags of posts"),
        pytest.param({"post_terms": ["chat"]}, id="in words of posts"),
    ],
)
def test_wherever_an_english_account_says_it_it_is_not_read_with_other_languages_words(
    shipped: Taxonomy, said: dict[str, Any]
) -> None:
    """French `chat` is a cat."""
    told = {"bio": "A very long day at the office"} | said

    cases = {code: gather([Voice(**told, language=code)], shipped) for code in ("en", "fr")}

    assert ("tribe", "pets_dogs_cats") in cases["fr"]
    assert ("tribe", "pets_dogs_cats") not in cases["en"]


def test_the_stream_adds_labels_and_keeps_the_row(shipped: Taxonomy) -> None:
    lines = ['{"id": 1, "bio": "Chef in Lyon"}', "", '{"id": 2, "bio": null}', '{"id": 3}']

    rows = list(stream.label_lines(lines, "bio", shipped))

    assert [row["id"] for row in rows] == [1, 2, 3]
    assert rows[0]["persona"] == "chef_food_pro"
    assert all(row["account_type"] == "unknown" and row["tribes"] == [] for row in rows[1:])


@pytest.mark.parametrize(
    "line",
    ["{", "[1]", '"x"', '{"bio": "half \\ud800"}', '{"bio": ' + "[" * 100_000],
    ids=["open", "list", "text", "half a character", "without an end"],
)
def test_the_stream_names_the_line_that_is_no_object(shipped: Taxonomy, line: str) -> None:
    with pytest.raises(BadInput, match="line 2"):
        list(stream.label_lines([json.dumps({"bio": ""}), line], "bio", shipped))


def pair_precision(rows: list[dict[str, str]]) -> dict[str, tuple[int, float]]:
    """Taxonomy version -> cards read and the share whose pair of labels is right."""
    read: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        read[row["taxonomy_version"]].append(int(row["pair_right"]))
    return {version: (len(v), round(sum(v) / len(v), 2)) for version, v in read.items()}


def test_the_precision_that_the_docs_print_is_what_the_verdicts_say() -> None:
    with CASES.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))

    for row in rows:
        is_pair = row["role_right"] == "1" and row["topic_right"] == "1"
        assert (row["pair_right"] == "1") == is_pair
    assert pair_precision(rows) == {
        "0.1.0+de230d7c6df5": (200, 0.69),
        "0.1.0+d4faca6b972a": (175, 0.69),
    }
