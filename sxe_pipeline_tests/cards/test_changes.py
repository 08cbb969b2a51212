"""What an edit changes: lines and labels, and cards by count and id, never by what they say."""

from pathlib import Path

import pyarrow as pa
import pytest

from sxe_pipeline.cards import build, changes, files, taxonomy
from sxe_pipeline_tests.cards.conftest import FULL, NEWEST, tables
from sxe_pipeline_tests.cards.edits import add, put


def found(folder: Path, shipped_folder: Path) -> list[changes.Change]:
    return changes.changes(files.read(shipped_folder), files.read(folder))


def test_a_folder_does_not_differ_from_itself(folder: Path, shipped_folder: Path) -> None:
    assert found(folder, shipped_folder) == []


def test_a_phrase_that_goes_over_to_another_label_is_one_change(
    folder: Path, shipped_folder: Path
) -> None:
    put(folder, "phrases.csv", "video_editor,film editor,en", "filmmaker,film editor,en")

    [change] = found(folder, shipped_folder)

    assert (change.file, change.what) == ("phrases.csv", "changed")
    assert change.of == "film editor (word, persona)"
    assert changes.labels_changed([change]) == [
        {"label": "filmmaker", "new": 0, "gone": 0, "changed": 0, "came": 1, "left": 0},
        {"label": "video_editor", "new": 0, "gone": 0, "changed": 0, "came": 0, "left": 1},
    ]


def test_every_kind_of_line_is_told_apart(folder: Path, shipped_folder: Path) -> None:
    add(folder, "phrases.csv", "writer", "wordsmithing", "en", "word", "0.9")
    put(folder, "phrases.csv", "writer,book editor,en,word,0.9", "writer,book editor,en,word,0.8")
    put(folder, "contexts.csv", "wannabe,before,persona,2,en\n", "")
    put(folder, "taxonomy.yaml", "persona: 0.6,", "persona: 0.7,")
    put(folder, "taxonomy.yaml", 'name: "Horses and riding"', 'name: "Horses"')

    said = [(each.file, each.what, each.of) for each in found(folder, shipped_folder)]

    assert sorted(said) == [
        ("contexts.csv", "gone", "wannabe, before, persona"),
        ("phrases.csv", "changed", "book editor (word, persona)"),
        ("phrases.csv", "new", "wordsmithing (word, persona)"),
        ("taxonomy.yaml", "changed", "thresholds: persona"),
        ("taxonomy.yaml", "changed", "tribes: horses"),
    ]


def test_the_order_of_a_decision_table_counts_and_that_of_phrases_does_not(
    folder: Path, shipped_folder: Path
) -> None:
    for name in ("markets.csv", "phrases.csv"):
        head, first, second, *rest = (folder / name).read_text("utf-8").splitlines(keepends=True)
        (folder / name).write_text("".join([head, second, first, *rest]), "utf-8")

    [change] = found(folder, shipped_folder)

    assert (change.file, change.of) == ("markets.csv", "the order of the lines")


def cards(folder: Path, *people: dict) -> pa.Table:
    profiles, identities = tables(*people)
    labels = taxonomy.load(folder)
    in_force = build.InForce(taxonomy=labels, collections={}, newest_day=NEWEST, policy=FULL)
    return build.build(profiles, identities, in_force).cards


def test_cards_move_from_label_to_label_and_only_ids_are_named(
    folder: Path, shipped_folder: Path
) -> None:
    people = [{"bio": f"Film editor number {n}. I love coffee"} for n in range(7)]
    people += [{"bio": "Calligrapher from Oslo"}, {"bio": "Nurse. I love horses"}]
    put(folder, "phrases.csv", "video_editor,film editor,en", "filmmaker,film editor,en")
    add(folder, "phrases.csv", "writer", "calligrapher from oslo", "en", "word", "0.9")

    moved = changes.moves(cards(shipped_folder, *people), cards(folder, *people))

    named = {(each.column, each.before, each.after): each for each in moved}
    assert named["persona", "video_editor", "filmmaker"].cards == 7
    assert list(named["persona", "video_editor", "filmmaker"].sample) == [
        f"card_{n:04}" for n in range(5)
    ]
    assert ("tribe", "horses", None) not in named
    assert moved[0].cards == max(each.cards for each in moved)
    assert "Oslo" not in repr(moved)


def test_a_card_that_comes_or_goes_moves_from_or_to_no_card(
    folder: Path, shipped_folder: Path
) -> None:
    add(folder, "phrases.csv", "writer", "zymurgist", "en", "word", "0.9")
    old, new = cards(shipped_folder, {"bio": "Zymurgist"}), cards(folder, {"bio": "Zymurgist"})

    came = changes.moves(old, new)
    gone = changes.moves(new, old)

    assert ("persona", changes.NO_CARD, "writer") in [each[:3] for each in came]
    assert ("persona", "writer", changes.NO_CARD) in [each[:3] for each in gone]


@pytest.mark.parametrize("bio", ["Nurse. I love horses", "", "no label here"])
def test_the_same_labels_move_nothing(shipped_folder: Path, bio: str) -> None:
    made = cards(shipped_folder, {"bio": bio})

    assert changes.moves(made, made) == []
