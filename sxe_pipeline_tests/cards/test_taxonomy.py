"""The taxonomy folder: what is refused, and that every rule can be reached."""

import csv
import json
import re
from pathlib import Path

import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import stream, taxonomy
from sxe_pipeline.cards.card import follower_band
from sxe_pipeline.cards.rules import decide
from sxe_pipeline.errors import BadConfig

EXAMPLES = [
    json.loads(line)
    for line in (contracts_root() / "taxonomy" / "examples.jsonl").read_text("utf-8").splitlines()
]


def _append(folder: Path, name: str, *cells: str) -> None:
    with (folder / name).open("a", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerow(cells)


@pytest.mark.parametrize(
    ("name", "cells", "says"),
    [
        pytest.param(
            "phrases.csv",
            ("musician", "union member", "en", "word", "0.9"),
            "denied trait",
            id="a phrase that reveals a union membership",
        ),
        pytest.param(
            "phrases.csv",
            ("books_writing", "my Bible study", "en", "word", "0.9"),
            "denied trait",
            id="a denied word inside a longer phrase",
        ),
        pytest.param(
            "phrases.csv",
            ("plumber", "pipes", "en", "word", "0.9"),
            "no label plumber",
            id="an unknown label",
        ),
        pytest.param(
            "phrases.csv",
            ("writer", "Photographer", "en", "word", "0.9"),
            "stands for photographer already",
            id="one phrase for two personas",
        ),
        pytest.param(
            "phrases.csv", ("writer", "...", "en", "word", "0.9"), "empty phrase", id="no phrase"
        ),
        pytest.param(
            "phrases.csv", ("writer", "scribe", "en", "word", "1"), "weight", id="a weight of one"
        ),
        pytest.param(
            "phrases.csv", ("writer", "scribe", "en", "regex", "0.9"), "match", id="a regex"
        ),
        pytest.param(
            "phrases.csv", ("writer", "scribe"), "cells than the header", id="a short line"
        ),
        pytest.param(
            "contexts.csv", ("whilom", "above", "persona", "1", "en"), "side", id="unknown side"
        ),
        pytest.param("routes.csv", ("a", "hold", "", "", "", "", "x"), "default", id="no default"),
        pytest.param(
            "markets.csv", ("Bad Name", "", "", "", "", "", ""), "no slug", id="a market no slug"
        ),
        pytest.param(
            "markets.csv",
            ("good", "", "", "", "", "astronaut", ""),
            "unknown persona",
            id="a market of an unknown persona",
        ),
    ],
)
def test_an_edit_that_breaks_a_rule_is_refused_with_its_reason(
    folder: Path, name: str, cells: tuple[str, ...], says: str
) -> None:
    _append(folder, name, *cells)

    with pytest.raises(BadConfig, match=says):
        taxonomy.load(folder)


@pytest.mark.parametrize("label", ["faith", "politics", "gay_life", "union_member", "debt"])
def test_a_label_of_a_denied_trait_is_refused(folder: Path, label: str) -> None:
    file = folder / "taxonomy.yaml"
    denied = "sexuality" if label == "gay_life" else label
    text = file.read_text("utf-8")
    file.write_text(text + f'  {denied}: {{theme: culture, name: "No"}}\n', "utf-8")

    with pytest.raises(BadConfig, match="denied trait"):
        taxonomy.load(folder)


def test_a_folder_that_lacks_a_file_says_which(folder: Path) -> None:
    (folder / "stop_words.csv").unlink()

    with pytest.raises(BadConfig, match=r"stop_words\.csv"):
        taxonomy.load(folder)


def test_the_hash_changes_with_any_file_and_with_nothing_else(
    folder: Path, shipped: taxonomy.Taxonomy
) -> None:
    assert taxonomy.load(folder).sha256 == shipped.sha256

    _append(folder, "stop_words.csv", "en", "whereupon")

    assert taxonomy.load(folder).sha256 != shipped.sha256


def test_the_shipped_files_stand_for_themselves(shipped: taxonomy.Taxonomy) -> None:
    assert shipped.routes[-1].conditions == ()
    assert [rule.answer[0] for rule in shipped.markets[-3:]] == [
        "x_general",
        "tiktok_general",
        "threads_general",
    ]
    assert set(shipped.echoes) <= set(shipped.personas) | shipped.families
    fields = {p.field for p in shipped.personas.values() if p.field}
    assert fields <= set(shipped.tribes)


def _facts(rule_conditions, filler):
    facts = {column: [filler] for column in filler_columns()}
    facts |= {column: sorted(wanted)[:1] for column, wanted in rule_conditions}
    return {c: (["anything"] if v == ["*"] else v) for c, v in facts.items()}


def filler_columns():
    return {*taxonomy.MARKET_CONDITIONS, *taxonomy.ROUTE_CONDITIONS}


@pytest.mark.parametrize("table", ["markets", "routes"])
def test_every_rule_can_be_reached(shipped: taxonomy.Taxonomy, table: str) -> None:
    rules = getattr(shipped, table)
    for number, rule in enumerate(rules):
        candidates = [_facts(rule.conditions, "none_such")]
        for column, wanted in rule.conditions:
            candidates += [
                {**candidates[0], column: [value]} for value in sorted(wanted) if value != "*"
            ]

        reached = any(decide(rules[: number + 1], facts) == rule.answer for facts in candidates)
        shadowed = all(
            any(earlier.matches(facts) for earlier in rules[:number]) for facts in candidates
        )

        assert reached, f"{table} rule {number} ({rule.answer[0]}) matches nothing"
        assert not shadowed, f"{table} rule {number} ({rule.answer[0]}) stands behind another"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["text"][:40] or "empty")
def test_the_examples_get_the_labels_they_must_and_none_they_must_not(
    shipped: taxonomy.Taxonomy, example: dict
) -> None:
    (row,) = stream.label_lines([json.dumps(example)], "text", shipped)

    found = {row["account_type"], row["persona_family"], row["persona"], *row["tribes"]}
    assert set(example["must"]) <= found
    assert not found & set(example["must_not"])


@pytest.mark.parametrize(
    ("count", "band"),
    [
        (None, "unknown"),
        (0, "under_1k"),
        (999, "under_1k"),
        (1_000, "1k_10k"),
        (9_999, "1k_10k"),
        (10_000, "10k_100k"),
        (100_000, "100k_1m"),
        (1_000_000, "over_1m"),
    ],
)
def test_a_follower_band_includes_its_lower_bound(count: int | None, band: str) -> None:
    assert follower_band(count) == band


GROWN = (
    *("policy_analyst", "think_tank", "museum", "bank_cooperative", "industrial_company"),
    *("trade_association", "publisher_label", "theatre_venue", "developer_relations"),
    *("community_manager", "model", "video_editor"),
    *("weather", "tabletop_games", "comics", "astrology", "theme_parks", "lifestyle"),
    *("foreign_affairs", "electric_vehicles"),
)


@pytest.mark.parametrize("name", GROWN)
def test_a_grown_label_has_a_parent_examples_for_and_against_and_speaks_seven_languages(
    shipped: taxonomy.Taxonomy, shipped_folder: Path, name: str
) -> None:
    known = shipped.personas.get(name) or shipped.tribes.get(name)
    with (shipped_folder / "phrases.csv").open(encoding="utf-8", newline="") as lines:
        languages = {row["language"] for row in csv.DictReader(lines) if row["label"] == name}

    assert known is not None
    assert known.was
    assert languages >= {"en", "es", "pt", "fr", "de", "it", "id"}
    assert sum(name in example["must"] for example in EXAMPLES) >= 2
    assert any(name in example["must_not"] for example in EXAMPLES)


def test_a_reader_who_did_not_know_a_label_is_right_with_its_parent(
    shipped: taxonomy.Taxonomy,
) -> None:
    assert shipped.accepts("video_editor", {"filmmaker"})
    assert shipped.accepts("weather", {"film_tv", "climate_environment"})
    assert shipped.accepts("filmmaker", {"filmmaker"})
    assert shipped.accepts("creative", {"creative"})
    assert not shipped.accepts("filmmaker", {"video_editor"}), "a parent is no guess at its child"
    assert not shipped.accepts("video_editor", {"writer", "film_tv"})
    assert not shipped.accepts("video_editor", set())


STANCE = re.compile(
    r"\b(?:polit(?!ica?s? publica|iche pubbliche|iques publiques|ica e|ique etr|ik luar|ikberater)"
    r"|partei|partido|parti\b|elect(?:ion|ed)|wahl|war\b|invasion|regime|sanction"
    r"|spirit|god|angel|psychic|witch|karma|chakra|vedic|kabbal)"
)


@pytest.mark.parametrize("name", ["policy_analyst", "think_tank", "foreign_affairs", "astrology"])
def test_a_subject_of_work_or_study_is_no_way_to_tag_a_stance_or_a_belief(
    shipped_folder: Path, name: str
) -> None:
    with (shipped_folder / "phrases.csv").open(encoding="utf-8", newline="") as lines:
        phrases = [row["phrase"] for row in csv.DictReader(lines) if row["label"] == name]

    assert phrases
    assert [phrase for phrase in phrases if STANCE.search(phrase)] == []
