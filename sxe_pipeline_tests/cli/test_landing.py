"""A data engineer at a terminal mends what landed."""

import json
import re
import shlex
from datetime import date
from pathlib import Path

import pytest

from sxe_pipeline.ingest import register
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.social.intake import Intake, lines

DAY = date(2026, 9, 1)
PAGE = Path(__file__).parents[2] / "docs" / "guides" / "mend-a-landing.md"


@pytest.fixture
def engineer(empty, database):
    """The terminal, and the landing store behind it."""
    folder = empty.home / "landing"
    folder.mkdir()
    with sql.connect(database.dsn("sxe_social")) as conn:
        empty.intake = Intake(conn, folder, (empty.home / "tier1").as_uri())
        yield empty


@pytest.fixture
def drop(tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "one.jsonl").write_text(lines("ana", "ben") + "no json\n")
    return folder


def test_files_are_ingested_listed_shown_withdrawn_and_replaced(engineer, drop, tmp_path):
    landed = engineer.read(None, "ingest", str(drop))
    [row] = engineer.read(None, "landing", "list")["rows"]
    name = row["file_sha256"][:12]
    engineer.intake.build()
    shown = engineer.read(None, "landing", "show", name)
    refused = engineer.read(None, "landing", "quarantine", "--file", row["path"])
    dry = engineer.read(None, "landing", "withdraw", name, "--reason", "wrong list", "--dry-run")
    unchanged = engineer.intake.build()
    (tmp_path / "new.jsonl").write_text(lines("ana"))
    replaced = engineer.read(
        None, "landing", "replace", name, str(tmp_path / "new.jsonl"), "--reason", "wrong list"
    )
    engineer.intake.build()

    assert (landed["landed"], landed["registered"], landed["collections"]) == (1, 1, ["drop"])
    assert row["state"] == "registered"
    assert (shown["records"], shown["observations"], shown["reasons"]) == (3, 2, {"malformed": 1})
    assert [(r["row"], r["reason"]) for r in refused["rows"]] == [(3, "malformed")]
    assert (dry["is_new"], dry["dry_run"], dry["observations"], unchanged) == (True, True, 2, [])
    assert (replaced["is_new"], replaced["is_landed"]) == (True, True)
    assert engineer.intake.handles() == ["ana"]
    assert engineer.read(None, "landing", "show", name)["file"]["withdrawn_reason"] == "wrong list"


def test_the_same_content_ingested_after_a_withdrawal_counts_again(engineer, drop):
    engineer.read(None, "ingest", str(drop))
    [row] = engineer.read(None, "landing", "list")["rows"]
    engineer.intake.build()
    engineer.read(None, "landing", "withdraw", row["path"], "--reason", "by mistake")
    engineer.intake.build()
    assert engineer.intake.handles() == []

    again = engineer.read(None, "ingest", str(drop))
    engineer.intake.build()

    assert (again["landed"], again["registered"]) == (0, 1)
    assert engineer.intake.handles() == ["ana", "ben"]


def test_a_collection_that_is_set_aside_is_named_by_every_verb(engineer, drop):
    (drop / "_mapping.yaml").write_text("- [")

    landed = engineer.read(None, "ingest", str(drop))
    typed = engineer.type(None, "landing", "list").output
    built = engineer.read(None, "build", "--dry-run")

    assert [(a["collection"], a["files"]) for a in landed["set_aside"]] == [("drop", 1)]
    assert "collection drop is set aside: _mapping.yaml is no YAML" in typed
    assert "_mapping.yaml" in engineer.read(None, "landing", "list")["set_aside"][0]["problem"]
    assert built["days"] == []


def test_a_file_that_nobody_mapped_is_shown_with_a_mapping_to_start_from(engineer):
    file = engineer.intake.put(f"acme/{DAY}/a.csv", "creator,about,fans\n@kiln.days,Potter,12.4K\n")
    engineer.intake.build()

    shown = engineer.read(None, "landing", "show", str(file))
    typed = engineer.type(None, "landing", "show", str(file)).output

    assert shown["look"]["unknown"] == 1
    assert "follower_count: fans" in shown["look"]["proposal"]
    assert "a start for acme/_mapping.yaml" in typed
    assert "kiln" not in typed


def test_a_file_is_known_by_where_it_lies_on_the_disk(engineer):
    file = engineer.intake.put(f"spring/{DAY}/a.jsonl", lines("ana"))
    engineer.intake.build()

    shown = engineer.read(None, "landing", "show", str(file))

    assert shown["file"]["path"] == f"spring/{DAY}/a.jsonl"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "abcd"), 4, "sxe landing list"),
        (("withdraw", "abcd", "--reason", "x"), 4, "sxe landing list"),
        (("withdraw", "abcd", "--reason", " "), 2, "a reason has"),
        (("withdraw", "abcd"), 2, "--reason"),
        (("list", "--day", "yesterday"), 2, "YYYY-MM-DD"),
        (("quarantine", "--file", "abcd"), 4, "sxe landing list"),
        (("replace", "abcd", "nowhere.jsonl", "--reason", "x"), 2, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(engineer, arguments, code, said):
    assert said in engineer.type(None, "landing", *arguments, code=code).output


def test_a_name_from_a_stranger_cannot_steer_the_terminal(engineer, tmp_path):
    folder = tmp_path / "drop\x1b[2K"
    folder.mkdir()
    (folder / "x\x07.jsonl").write_text(lines("ana"))

    engineer.read(None, "ingest", str(folder))

    assert "\x1b" not in engineer.type(None, "landing", "list").output
    assert engineer.read(None, "landing", "list")["rows"][0]["collection"] == "drop_[2K"


def test_the_file_of_rejects_is_emptied_even_by_a_clean_run(tmp_path, engineer, drop):
    (drop / "one.jsonl").write_text(lines("ana"))
    rejects = tmp_path / "rejects.jsonl"
    rejects.write_text("of yesterday\n")

    engineer.type(None, "ingest", "--to-jsonl", str(drop), "--quarantine", str(rejects))

    assert rejects.read_text() == ""


def test_a_column_that_cannot_be_read_is_counted_beside_the_rows(engineer, drop):
    (drop / "one.jsonl").write_text(lines("ana", created_at="someday"))

    done = engineer.type(None, "ingest", "--to-jsonl", str(drop))

    assert json.loads(done.stdout)["account_created_at"] is None
    assert "account_created_at: 1 " in done.stderr


def test_a_collection_that_cannot_be_read_ends_the_stream_with_its_name(engineer, tmp_path):
    for name in ("good", "bad"):
        (tmp_path / "root" / name).mkdir(parents=True)
        (tmp_path / "root" / name / "a.jsonl").write_text(lines(name))
    (tmp_path / "root/bad/_mapping.yaml").write_text("- [")

    done = engineer.type(None, "ingest", "--to-jsonl", str(tmp_path / "root"), code=2)

    assert json.loads(done.stdout)["handle"] == "good"
    assert "bad: _mapping.yaml" in done.stderr


def test_registering_by_hand_and_by_verb_is_one_register(engineer, drop):
    engineer.read(None, "ingest", str(drop))

    again = register.register_all(
        engineer.intake.conn, Objects(engineer.intake.root.as_uri()), actor="test"
    )

    assert (again.new, again.seen) == (0, 1)


def test_every_command_of_the_guide_works_as_it_is_written(engineer, drop, tmp_path, monkeypatch):
    typed = re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)
    drop.rename(tmp_path / "vendor_drop")
    (tmp_path / "mended.jsonl").write_text(lines("ana", "cleo"))
    monkeypatch.chdir(tmp_path)
    done = []
    for line in typed:
        words = shlex.split(line)[1:]
        if words == ["build"]:
            engineer.intake.build()
            continue
        if "HASH" in words:
            words[words.index("HASH")] = counting(engineer)[:8]
        done.append((words, engineer.type(None, *words).output))

    verbs = {" ".join(words[: 1 + (words[0] == "landing")]) for words, _ in done}
    names = ("list", "show", "quarantine", "withdraw", "replace")
    assert verbs == {"ingest", *(f"landing {name}" for name in names)}
    assert engineer.intake.handles() == [], "the last command lets the replacement go"
    kinds = [engineer.intake.events(f"landing_file.{kind}") for kind in ("withdrawn", "replaced")]
    assert kinds == [2, 1]


def counting(engineer):
    """The file that counts, else the one that was withdrawn last."""
    rows = engineer.read(None, "landing", "list")["rows"]
    return min(rows, key=lambda row: row["state"] == "withdrawn")["file_sha256"]
