"""`sxe eval ingest DIR`: samples of one's own, each goal met or missed."""

import json

import pytest
from click.testing import CliRunner

from sxe_pipeline.cli import main

X = {"id": "1700000000000000001", "username": "kay_made", "name": "Kay", "description": "Baker"}
ERROR = {"errors": [{"code": 50, "message": "User not found."}]}


@pytest.fixture
def samples(tmp_path):
    (tmp_path / "payloads").mkdir()
    (tmp_path / "tables").mkdir()
    return tmp_path


def payloads(samples, **files):
    index = ["file,platform"]
    for name, (platform, body) in files.items():
        (samples / "payloads" / f"{name}.json").write_text(json.dumps(body))
        index.append(f"payloads/{name}.json,{platform}")
    (samples / "payloads" / "INDEX.csv").write_text("\n".join(index) + "\n")


def score(samples):
    found = CliRunner().invoke(main, ["eval", "ingest", str(samples), "--json"])
    answer = json.loads(found.stdout)
    return found.exit_code, {goal["name"]: goal for goal in answer.get("goals", ())}


def test_samples_that_become_what_the_index_says_meet_every_goal(samples):
    payloads(samples, one=("x", X), two=("errors", ERROR))
    (samples / "tables" / "x_users.jsonl").write_text(json.dumps(X) + "\n")

    code, goals = score(samples)

    assert code == 0
    assert goals["answers of a network that land as its profiles"]["hits"] == 1
    assert goals["answers of others that do not land"]["hits"] == 1
    assert goals["rows of tables that land"]["of"] == 1
    assert all(goal["is_met"] for goal in goals.values())


@pytest.mark.parametrize(
    ("platform", "body", "goal"),
    [
        ("threads", X, "answers of a network that land as its profiles"),
        ("x", ERROR, "answers of a network that land as its profiles"),
        ("instagram", X, "answers of others that do not land"),
    ],
)
def test_a_sample_that_becomes_something_else_misses_a_goal(samples, platform, body, goal):
    payloads(samples, one=(platform, body))

    code, goals = score(samples)

    assert code == 1
    assert not goals[goal]["is_met"]


def test_rows_of_a_table_that_do_not_land_and_cells_that_cannot_be_read_are_counted(samples):
    rows = [X | {"public_metrics": {"followers_count": "many"}}, {"nothing": 1}]
    (samples / "tables" / "x_users.jsonl").write_text("\n".join(map(json.dumps, rows)))

    code, goals = score(samples)

    assert code == 1
    assert goals["rows of tables that land"]["share"] == 0.5
    assert goals["cells that could not be read"]["hits"] == 1


def test_a_folder_without_samples_and_an_index_without_its_columns_are_refused(samples):
    empty = CliRunner().invoke(main, ["eval", "ingest", str(samples), "--json"])
    (samples / "payloads" / "INDEX.csv").write_text("name,kind\na,b\n")
    bad = CliRunner().invoke(main, ["eval", "ingest", str(samples), "--json"])

    assert empty.exit_code == 4
    assert bad.exit_code == 2
    assert "needs the columns file and platform" in bad.output
