"""Labels by trained weights: with evidence or not at all, each account alone, in bounded time."""

import json
import re
import time
from dataclasses import replace

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxe_pipeline.cards import build, stream, taxonomy, text
from sxe_pipeline.cards.labeler import weights
from sxe_pipeline.cards.labeler.evidence import TEXT_FIELDS, Voice
from sxe_pipeline.cards.labeler.grams import grams
from sxe_pipeline.cards.labeler.label import label
from sxe_pipeline.cards.labeler.learned import Said, label_all, label_cards
from sxe_pipeline.cards.labeler.words import evidence, placed
from sxe_pipeline_tests.cards import golden
from sxe_pipeline_tests.cards.conftest import FULL, NEWEST, tables
from sxe_pipeline_tests.cards.test_label import TEXTS

# The first text loads the language model.
SOME = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def trained(shipped):
    return weights.shipped(shipped)


def one(trained, shipped, *voices, audience=()):
    return label_cards([Said(voices, audience)], shipped, trained)[0]


@pytest.mark.parametrize("row", golden.rows(), ids=lambda row: row["bio"][:40] or "no words")
def test_invented_rows_get_the_labels_and_confidences_that_were_seen(row, shipped, trained) -> None:
    given_, wanted = {k: v for k, v in row.items() if k != "said"}, row["said"]

    (found,) = stream.label_lines([json.dumps(given_)], "bio", shipped, trained)

    assert {name: found[name] for name in wanted} == wanted


@SOME
@given(TEXTS, TEXTS)
def test_every_label_has_evidence_that_stands_where_it_says(shipped, trained, bio, name) -> None:
    voice = Voice(bio=text.clean(bio), display_name=text.clean(name), platform="x")

    labels = one(trained, shipped, voice)

    wanted = {labels.persona or labels.persona_family, *labels.tribes} - {None}
    told = {item.label for item in labels.evidence if item.source != "signal"}
    assert wanted <= told
    if labels.account_type != "unknown":
        assert labels.evidence
    for item in labels.evidence:
        start, end = item.bounds
        assert (start is None) == (item.field not in TEXT_FIELDS)
        assert start is None or getattr(voice, item.field)[start:end] == item.text
        assert 0 < item.weight < 1
    assert (labels.persona_family is None) == (labels.persona_confidence is None)
    assert (labels.tribe is None) == (labels.tribe_confidence is None) == (labels.tribes == [])


@SOME
@given(TEXTS)
def test_no_tribe_echoes_the_role(shipped, trained, bio) -> None:
    labels = one(trained, shipped, Voice(bio=text.clean(bio)), audience=["creator_economy"])

    for role in (labels.persona, labels.persona_family):
        assert not shipped.echoes.get(role or "", frozenset()) & set(labels.tribes)


@SOME
@given(st.lists(st.lists(TEXTS, max_size=3), max_size=5))
def test_a_card_is_labeled_alone_as_among_others(shipped, trained, bios) -> None:
    cards = [Said([Voice(bio=text.clean(bio)) for bio in card]) for card in bios]

    together = label_cards(cards, shipped, trained)

    assert together == [label_cards([card], shipped, trained)[0] for card in cards]


def test_the_surest_account_wins_and_the_first_among_equals(shipped, trained) -> None:
    vague = Voice(bio="I sometimes take a photo", platform="x")
    sure = Voice(bio="Wedding photographer. Portraits and editorial photography.", platform="x")
    same = Voice(bio="Wedding photographer. Portraits and editorial photography.", platform="x")

    alone = one(trained, shipped, sure)
    second = one(trained, shipped, vague, sure, same)

    assert (alone.persona, second.persona) == ("photographer", "photographer")
    assert second.persona_confidence == alone.persona_confidence
    assert {item.account for item in second.evidence if item.label == "photographer"} == {1}
    assert {item.account for item in alone.evidence} == {0}


def test_followers_alone_make_nobody_a_creator(shipped, trained) -> None:
    labels = one(trained, shipped, Voice(bio="hello there", follower_count=5_000_000))

    assert (labels.persona_family, labels.standing) == (None, "no_signal")


def test_a_stated_fandom_is_an_enthusiast_without_a_specific_level(shipped, trained) -> None:
    labels = one(trained, shipped, Voice(bio="Gamer. I love cats and RPGs", platform="x"))

    assert (labels.persona_family, labels.persona, labels.tribe) == ("enthusiast", None, "gaming")
    assert (labels.is_tagged, labels.is_own_words) == (True, False)


def test_a_flag_alone_is_no_evidence_of_an_organisation(shipped, trained) -> None:
    voice = Voice(bio="✨", is_business=True, category_kind="business", platform="x")

    labels = one(trained, shipped, voice)

    assert labels.account_type == "unknown"
    assert labels.evidence == []


def test_a_parody_flag_silences_the_role(shipped, trained) -> None:
    labels = one(trained, shipped, Voice(bio="Journalist at a newspaper", is_parody=True))

    assert (labels.account_type, labels.persona_family) == ("fan_or_parody", None)


def test_a_declared_audience_is_a_tribe_behind_the_own_ones(shipped, trained) -> None:
    voice = Voice(bio="Software engineer. Rust, databases.", platform="x")

    labels = one(trained, shipped, voice, audience=["coffee_wine_beer", "no_tribe"])

    assert (labels.tribe, labels.tribes[-1]) == ("software_dev", "coffee_wine_beer")
    silent = one(trained, shipped, Voice(), audience=["gaming"])
    assert (silent.standing, silent.tribe_confidence) == ("audience", 0.6)


def edited(folder, change):
    file = folder / "taxonomy.yaml"
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return content


def test_a_label_that_the_weights_lack_comes_from_its_phrases(folder, trained) -> None:
    keeper = {"family": "trades", "name": "Lighthouse keeper"}
    edited(folder, lambda content: content["personas"].update(lighthouse_keeper=keeper))
    with (folder / "phrases.csv").open("a", encoding="utf-8") as lines:
        lines.write("lighthouse_keeper,lighthouse keeper,en,word,0.9\n")

    labels = one(trained, taxonomy.load(folder), Voice(bio="Lighthouse keeper on Skye"))

    assert (labels.persona, labels.persona_family) == ("lighthouse_keeper", "trades")
    assert labels.persona_confidence == 0.765
    assert labels.evidence[0].text == "Lighthouse keeper"


def test_a_label_that_the_taxonomy_lacks_is_never_said(folder, trained) -> None:
    bio = Voice(bio="Wedding photographer. Portraits and editorial photography.", platform="x")

    def drop(content):
        del content["personas"]["photographer"], content["tribes"]["photography"]

    edited(folder, drop)
    for name in ("phrases.csv", "routes.csv", "markets.csv"):
        lines = (folder / name).read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not re.search(r"\bphotograph(er|y)[,|]", line)]
        (folder / name).write_text("".join(kept), encoding="utf-8")

    labels = one(trained, taxonomy.load(folder), bio)

    assert labels.persona != "photographer"
    assert "photography" not in labels.tribes


@pytest.mark.parametrize(
    "bio",
    [
        pytest.param("", id="empty"),
        pytest.param("✨🔥💙" * 50, id="emoji only"),
        pytest.param("a" * 100_000, id="one long word"),
        pytest.param("wedding photographer and journalist " * 2_800, id="100,000 characters"),
        pytest.param("Ã©tÃ© â€™ ðŸŽ® \udcff" * 100, id="mojibake"),
        pytest.param("журналист 日本 محرر สวัสดี writer " * 60, id="mixed scripts"),
        pytest.param("\x00\u202e\ufeff" * 100, id="signs that are none"),
    ],
)
def test_odd_texts_cost_bounded_time_and_no_guess(bio, shipped, trained) -> None:
    voice = Voice(bio=text.clean(bio), display_name=text.clean(bio[:500]), platform="x")

    started = time.process_time()
    labels = one(trained, shipped, voice)

    assert time.process_time() - started < 2
    if not any(char.isalpha() for char in bio) or bio.startswith("aaaa"):
        assert (labels.persona_family, labels.tribes) == (None, [])


def test_a_text_made_of_every_phrase_is_answered_in_bounded_time(shipped, trained) -> None:
    phrases = [pattern for pattern in shipped.joined][:3_000]

    started = time.process_time()
    labels = one(trained, shipped, Voice(bio=" ".join(phrases)))

    assert time.process_time() - started < 5
    assert len(labels.tribes) <= len(shipped.tribes)


def test_no_card_and_a_card_without_accounts_are_answered(shipped, trained) -> None:
    assert label_cards([], shipped, trained) == []
    assert label_cards([Said([])], shipped, trained)[0].account_type == "unknown"


def test_rules_alone_answer_as_before(shipped) -> None:
    voices = [Voice(bio="Wedding photographer"), Voice(bio="hello", follower_count=20_000)]

    found = label_all([Said([voice]) for voice in voices], shipped)

    assert found == [label([voice], shipped) for voice in voices]


PERSON = st.fixed_dictionaries(
    {
        "bio": TEXTS,
        "display_name": TEXTS,
        "platform": st.sampled_from(["x", "tiktok"]),
        "handle": st.sampled_from(["ana_paints", "newsdesk", None]),
        "category": st.sampled_from([None, "Journalist", "Artist"]),
        "category_kind": st.sampled_from([None, "business", "creator"]),
        "follower_count": st.sampled_from([None, 0, 12_000]),
        "is_verified": st.booleans(),
        "links": st.lists(st.sampled_from(["https://github.com/a", "etsy.com/shop/a"]), max_size=2),
        "post_hashtags": st.lists(st.sampled_from(["sourdough", "BreakingNews", "zz"]), max_size=3),
        "post_terms": st.lists(st.sampled_from(["football", "goal", "league"]), max_size=3),
    }
)


@SOME
@given(st.lists(PERSON, min_size=1, max_size=4))
def test_the_stream_says_what_the_pipeline_says(shipped, trained, people) -> None:
    profiles, identities = tables(*people)
    in_force = build.InForce(
        taxonomy=shipped, weights=trained, collections={}, newest_day=NEWEST, policy=FULL
    )
    built = build.build(profiles, identities, in_force)
    cards = built.cards.to_pylist()

    said = list(stream.label_lines(map(json.dumps, people), "bio", shipped, trained))

    names = ("account_type", "persona_family", "persona", "persona_confidence", "tribe")
    names += ("tribe_confidence", "tribes", "evidence")
    by_id = {f"card_{number:04}": row for number, row in enumerate(said)}
    assert {card["card_id"] for card in cards} == {
        key for key, row in by_id.items() if row["persona_family"]
    }
    assert {row["card_id"]: row["tribe"] for row in built.others.to_pylist()} == {
        key: row["tribe"] for key, row in by_id.items() if not row["persona_family"]
    }
    for card in cards:
        assert {n: card[n] for n in names} == {n: by_id[card["card_id"]][n] for n in names}
        assert card["model_version"] == trained.version


@pytest.mark.parametrize(
    ("bio", "denied"),
    [
        ("Former teacher, future pilot", {"teacher", "transport_crew"}),
        ("My wife is a photographer", {"photographer"}),
        ("Not a lawyer", {"lawyer"}),
        ("Aspiring journalist", {"journalist"}),
    ],
)
def test_a_role_of_the_past_the_future_or_somebody_else_is_not_said(
    shipped, trained, bio, denied
) -> None:
    labels = one(trained, shipped, Voice(bio=bio, platform="x"))

    assert labels.persona not in denied


def test_a_role_that_is_also_meant_is_said(shipped, trained) -> None:
    bio = "Former teacher. Now a teacher again: primary school teacher."

    assert one(trained, shipped, Voice(bio=bio, platform="x")).persona == "teacher"


def test_the_page_of_labels_shows_what_is_said_of_the_invented_rows() -> None:
    page = golden.PAGE.read_text(encoding="utf-8")

    assert [row["bio"] for row in golden.rows() if golden.shown(row) not in page] == []


def test_stop_words_and_denied_words_are_no_evidence(shipped, trained) -> None:
    denied = min(word for word in shipped.denied_words if word.isalpha())
    spoken = f"the {denied} cats"
    found = grams([spoken], 0)
    rows = zip(*(part.tolist() for part in found), strict=True)
    words = {hashed: spoken[start:end] for _, start, end, hashed, is_word in rows if is_word}
    hashed = np.sort(np.array(list(words), np.uint64))
    matrix = np.zeros((3, trained.matrix.shape[1]), np.int8)
    matrix[:, 0] = [{"the": 90, denied: 90, "cats": 60}[words[h]] for h in hashed.tolist()]
    ours = replace(trained, vocabulary=hashed, rarity=np.array([64, 64, 64]), matrix=matrix)
    silent = shipped.denied_words.union(*shipped.stop_words.values())

    def told(bio):
        voice = Voice(bio=bio)
        texts = [weights.texts_of(voice)]
        seen = weights.read(texts, ours)
        items = evidence("label", 0, (0, 0), voice, placed(texts, seen), ours, silent)
        return [item.text for item in items]

    assert told(spoken) == ["cats"]
    assert told(f"the {denied}") == []


ODD = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers())
FIELDS = "bio display_name links category category_kind follower_count is_business is_verified"
FIELDS += " is_parody interests post_hashtags post_terms audience_tribes accounts platform handle"


@SOME
@given(st.dictionaries(st.sampled_from(FIELDS.split()), ODD | st.dictionaries(st.text(), ODD)))
def test_a_value_of_another_type_is_as_good_as_none(shipped, trained, row) -> None:
    (found,) = stream.label_lines([json.dumps(row)], "bio", shipped, trained)

    assert found["account_type"] in {
        "person",
        "organisation",
        "creator",
        "fan_or_parody",
        "unknown",
    }
