"""What market ops type: check a folder, compare two, try a text."""

import csv
import json
import re
import shutil

import pytest
from click.testing import CliRunner

from sxe_pipeline import contracts_root
from sxe_pipeline.cli import main
from sxe_pipeline.store import sql
from sxe_pipeline_tests.cli.terminal import LOGINS
from sxe_pipeline_tests.social import landing
from sxe_pipeline_tests.social.conftest import Tier

SHIPPED = str(contracts_root() / "taxonomy")


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(SHIPPED, tmp_path / "edited")


@pytest.fixture
def typed(tmp_path):
    """Types a verb; no database is there, so none is asked."""

    def run(*arguments, code=0, **more):
        env = {"SXE_HOME": str(tmp_path / "home")} | more
        done = CliRunner(env=env).invoke(main, ["taxonomy", *map(str, arguments)])
        assert done.exit_code == code, done.output
        return done

    return run


def add(folder, name, *cells):
    with (folder / name).open("a", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerow(cells)
    return (folder / name).read_text("utf-8").count("\n")


def test_check_finds_nothing_in_the_shipped_labels(typed):
    assert typed("check").stdout.startswith("no fault: version ")


def test_check_names_every_fault_with_file_and_line_and_ends_with_one(typed, folder):
    first = add(folder, "phrases.csv", "plumber", "pipes", "en", "word", "2")
    second = add(folder, "contexts.csv", "whilom", "above", "persona", "1", "en")

    shown = typed("check", folder, code=1).stdout.splitlines()
    told = json.loads(typed("check", folder, "--json", code=1).stdout)

    assert shown == [
        f"contexts.csv line {second}: side is one of before, after, cover, scope one of persona, "
        "tribe, any, enthusiast",
        f"phrases.csv line {first}: a weight lies between 0 and 1, both excluded",
        f"phrases.csv line {first}: no label plumber in taxonomy.yaml",
        "3 faults",
    ]
    assert [f"{f['file']} line {f['line']}: {f['said']}" for f in told["faults"]] == shown[:3]


def test_check_asks_for_a_version_over_the_one_in_use(typed, folder):
    add(folder, "phrases.csv", "writer", "wordsmithing", "en", "word", "0.9")

    assert "a patch version is due" in typed("check", folder, code=1).stdout
    assert typed("check", folder, "--against", folder).stdout.startswith("no fault")


def test_check_against_a_folder_that_the_loader_refuses_is_a_configuration_error(typed, folder):
    add(folder, "phrases.csv", "plumber", "pipes", "en", "word", "0.9")

    assert "no label plumber" in typed("check", "--against", folder, code=3).stderr


def test_check_and_diff_say_that_no_weights_know_the_version_before_anything_is_labeled(
    typed, folder
):
    """A label that goes needs a major version, for which the weights are trained again first."""
    text = (folder / "taxonomy.yaml").read_text("utf-8")
    (folder / "taxonomy.yaml").write_text(re.sub(r"(?m)^version: .*", "version: 1.0.0", text))

    shown = typed("check", folder).stdout.splitlines()
    told = json.loads(typed("check", folder, "--json").stdout)

    assert shown[0].startswith("no fault: version 1.0.0")
    assert shown[1].startswith("but no build labels with it yet: the weights were trained for")
    assert told["refused_by_weights"] in shown[1]
    assert json.loads(typed("check", "--json").stdout)["refused_by_weights"] is None
    refused = typed("diff", SHIPPED, folder, "--cards", code=3).stderr
    assert "this is 1.0.0" in refused
    assert "labeling the cards" not in refused


def test_diff_says_which_labels_and_phrases_differ(typed, folder):
    add(folder, "phrases.csv", "writer", "wordsmithing", "en", "word", "0.9")
    add(folder, "contexts.csv", "whilom", "before", "persona", "1", "en")

    shown = typed("diff", SHIPPED, folder).stdout
    told = json.loads(typed("diff", SHIPPED, folder, "--json").stdout)

    assert "new in contexts.csv: whilom, before, persona" in shown
    assert "phrases: 1 differ" in shown
    assert [each["of"] for each in told["changes"]] == [
        "whilom, before, persona",
        "wordsmithing (word, persona)",
    ]
    assert told["labels"] == [
        {"label": "writer", "new": 1, "gone": 0, "changed": 0, "came": 0, "left": 0}
    ]
    assert "cards" not in told, "no home was asked"


def test_diff_refuses_a_folder_that_the_loader_refuses(typed, folder):
    line = add(folder, "phrases.csv", "plumber", "pipes", "en", "word", "0.9")

    assert f"phrases.csv line {line}" in typed("diff", SHIPPED, folder, code=3).stderr


def test_try_shows_what_was_said_what_almost_won_and_what_was_taken_away(typed):
    text = "Nurse. My brother is a video editor. Lifestyle"

    shown = typed("try", text, "--language", "en").stdout
    told = json.loads(typed("try", text, "--language", "en", "--json").stdout)

    assert "persona health_worker" in shown
    assert "taken away: video editor (video_editor) by the context my brother is a" in shown
    weak = [each["label"] for each in told["contenders"] if each["outcome"] == "weak"]
    assert weak == ["lifestyle"]
    assert told["labels"]["persona"] == "health_worker"


def test_try_takes_other_labels(typed, folder):
    add(folder, "phrases.csv", "writer", "zymurgist", "en", "word", "0.9")

    assert "persona -" in typed("try", "Zymurgist").stdout
    assert (
        "persona writer" in typed("try", "Zymurgist", "--rules-only", "--taxonomy", folder).stdout
    )
    weighed = json.loads(typed("try", "Zymurgist", "--json", "--taxonomy", folder).stdout)
    assert [each["label"] for each in weighed["contenders"]] == ["writer"], "named, if not chosen"


@pytest.mark.parametrize("arguments", [("", "--language", "english"), ("x" * 1_001,)])
def test_what_cannot_be_tried_is_a_usage_error(typed, arguments):
    typed("try", *arguments, code=2)


def test_an_empty_text_has_no_label(typed):
    assert "persona -" in typed("try", "").stdout


def test_diff_counts_the_cards_of_this_home_that_would_change_and_names_ids_alone(
    typed, folder, tmp_path, database
):
    root = (tmp_path / "tier1").as_uri()
    dsn = database.dsn("sxe_social")
    bios = [f"Zymurgist number {n}" for n in range(7)] + ["Wedding photographer number 7"] * 3
    people = [landing.sighting(f"id:{n}", bio=bio) for n, bio in enumerate(bios)]
    with sql.connect(dsn) as conn:
        tier = Tier(conn, dsn, root)
        tier.observe({landing.NOW.date(): [landing.File("people", tuple(people))]})
        tier.profiles()
        cards = {row["card_id"] for row in tier.identities().values()}
    labels = (folder / "taxonomy.yaml").read_text("utf-8")
    grown = '\npersonas:\n  zymurgist: {family: hospitality, name: "Zymurgist"}\n'
    (folder / "taxonomy.yaml").write_text(labels.replace("\npersonas:\n", grown), "utf-8")
    add(folder, "phrases.csv", "zymurgist", "zymurgist", "en", "word", "0.9")
    home = {name: database.dsn(role) for name, role in LOGINS.items()}
    home["SXE_TIER1_STORE_URL"] = root

    told = json.loads(typed("diff", SHIPPED, folder, "--cards", "--json", **home).stdout)
    shown = typed("diff", SHIPPED, folder, "--cards", **home).stdout

    moved = {each["column"]: each for each in told["cards"]}
    assert moved["persona"]["after"] == "zymurgist"
    assert moved["persona"]["cards"] == 7
    assert set(moved["persona"]["sample"]) < cards
    assert len(moved["persona"]["sample"]) == 5
    drift = {each["column"]: each for each in told["drift"]}
    assert (drift["persona"]["before_count"], drift["persona"]["after_count"]) == (3, 10)
    assert drift["persona"]["distance"] == 0.7
    assert drift["persona"]["largest"][0] == {"label": "photographer", "before": 1.0, "after": 0.3}
    assert "photographer 1.000 -> 0.300" in shown
    assert "number" not in shown + json.dumps([told["cards"], told["drift"]])


def test_diff_with_cards_needs_a_home_that_was_built(typed, folder, database):
    home = {name: database.dsn(role) for name, role in LOGINS.items()}

    assert "sxe build" in typed("diff", SHIPPED, folder, "--cards", code=4, **home).stderr
