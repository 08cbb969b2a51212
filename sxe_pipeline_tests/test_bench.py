"""The benchmarks: what they measure alike, their goals, and the population of a day."""

import csv
import importlib
import random
import re
import sys
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

BENCH = Path(__file__).parents[1] / "bench"
SHARED = {"measured", "plot", "results"}
NAMES = sorted(
    file.stem
    for file in BENCH.glob("*.py")
    if file.stem not in SHARED and not file.stem.endswith("_train")
)


def bench(name):
    if str(BENCH) not in sys.path:
        sys.path.append(str(BENCH))
    return importlib.import_module(name)


measured, results, plot, day = map(bench, ("measured", "results", "plot", "day"))


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_has_goals_and_judges_each(name):
    own = {key for key, goal in measured.GOALS.items() if goal.bench == name}
    named = set(re.findall(r'"(\w+)"', (BENCH / f"{name}.py").read_text()))

    assert own
    assert own <= named


def test_no_two_goals_read_alike():
    said = [goal.what for goal in measured.GOALS.values()]

    assert len(said) == len(set(said))
    assert not any(": " in each or "|" in each for each in said)


def test_make_bench_runs_every_benchmark():
    assert {title.split(",")[0] for title in results.plan(100_000)} == set(NAMES)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("tier1", 4.0, "goal files to profiles, redacted, to bare DuckDB: met, 4x (at most 4x)"),
        ("tier1", 4.01, "goal files to profiles, redacted, to bare DuckDB: missed, 4.01x"),
        ("labels", 6_000, "goal new cards labeled a second and core: met, 6,000 (at least 6,000)"),
        ("labels", 5_999.4, "goal new cards labeled a second and core: missed, 5,999 (at least"),
        ("notices", 0, "goal notices lost: met, 0 (at most 0)"),
    ],
    ids=["at most, met", "at most, missed", "at least, met", "at least, missed", "none"],
)
def test_a_goal_is_met_up_to_its_limit(name, value, line, capsys):
    is_met = measured.judge(name, value)

    said = capsys.readouterr().out
    assert said.startswith(line)
    assert is_met == (": met," in said)


@pytest.mark.parametrize(
    ("typed", "number"), [("100k", 100_000), ("1M", 1_000_000), ("10M", 10_000_000), ("7", 7)]
)
def test_a_size_is_typed_as_it_is_said(typed, number):
    assert measured.size(typed) == number


def test_a_ratio_is_the_middle_one_of_the_rounds():
    assert measured.ratio([2, 9, 4], [1, 1, 1]) == 4
    assert measured.spread([1.0, 1.0, 1.0]) == "±0%"
    assert measured.spread([1.0, 2.0, 3.0]) == "±50%"


def test_acts_take_turns():
    order = []

    spent = measured.in_turns({n: lambda n=n: order.append(n) for n in ("a", "b")}, 2)

    assert order == ["a", "b", "a", "b"]
    assert [len(each) for each in spent.values()] == [2, 2]


CHILD = """
import sys
sys.path.append({bench!r})
import measured

def act(name, word):
    began = measured.cpu()
    while measured.cpu() < began + 0.3:
        pass
    yield {{}}
    if word == "fail":
        raise ValueError("it cannot")
    while measured.cpu() < began + 0.4:
        pass
    yield {{"letters": len(word)}}

measured.as_child(act)
"""


def test_an_act_apart_is_measured_after_what_it_loads(tmp_path):
    file = tmp_path / "child.py"
    file.write_text(CHILD.format(bench=str(BENCH)))

    taken = measured.apart(str(file), "act", "four")

    assert taken.found == {"letters": 4}
    assert 0.05 < taken.cpu < 0.3
    assert taken.peak_mb > 1
    with pytest.raises(SystemExit, match="it cannot"):
        measured.apart(str(file), "act", "fail")


LOST = "goal notices lost: missed, 2 (at most 0)"
RUNS = [
    results.Run("engine", ["goal cards by two processes: met, 1.9x"], 3.0, 1.4, "day, abc"),
    results.Run("notices", ["postgres 3 of 9 lost", LOST], 3.0, 0.1, "day, abc"),
]


def test_the_page_holds_every_row_and_every_goal():
    page = results.page("100k", RUNS)

    assert "| notices | notices lost | missed, 2 (at most 0) |" in page
    assert "| engine | cards by two processes | met, 1.9x |" in page
    assert "postgres 3 of 9 lost" in page
    assert "3 s, day, abc; **busy**, others took 1.4 cores" in page
    assert "3 s, day, abc; else quiet" in page
    assert page.count("| not measured |") == len(measured.GOALS) - 2


def test_a_benchmark_that_runs_again_takes_the_place_of_its_run_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "_HERE", tmp_path)
    monkeypatch.setattr(results, "_KEPT", tmp_path / "results.json")
    again = results.Run("notices", ["goal notices lost: met, 0 (at most 0)"], 1.0, 0.0, "later")
    monkeypatch.setattr(results, "_ran", lambda *_: again)
    results.keep("100k", RUNS)

    results.main("100k", ["notices"])

    page = (tmp_path / "results.md").read_text()
    assert "| notices | notices lost | met, 0 (at most 0) |" in page
    assert "| engine | cards by two processes | met, 1.9x |" in page
    assert list(results.kept("100k")) == ["engine", "notices"]
    assert results.kept("1M") == {}


def test_accounts_are_the_same_ones_however_they_are_asked_for(monkeypatch):
    monkeypatch.setattr(day, "_CHUNK", 100)

    whole = list(day.accounts(0, 350))
    some = dict(day.accounts_at([3, 99, 100, 340]))

    assert some == {place: whole[place] for place in (3, 99, 100, 340)}
    assert len({(a.platform, a.id) for a in whole}) == 350
    assert len({(a.platform, a.handle.casefold()) for a in whole}) == 350
    assert len({a.person for a in whole}) == len({a.person for a in whole[:200]}) + len(
        {a.person for a in whole[200:]}
    )


def test_what_an_account_said_last_is_what_it_says_again(monkeypatch):
    monkeypatch.setattr(day, "_CHUNK", 100)
    days = day.Days()
    said = {a.id: a.bio for a in days.next_day(200, 0)}
    changed = kept = 0

    for _ in range(4):
        for account in days.next_day(0, 200):
            changed += account.bio != said[account.id]
            kept += account.bio == said[account.id]
            said[account.id] = account.bio

    assert days.known == 200
    assert 0.02 < changed / (changed + kept) < 0.2


def test_a_landing_day_is_cut_into_files(tmp_path, monkeypatch):
    monkeypatch.setattr(day, "_CHUNK", 100)
    monkeypatch.setattr(day, "_RECORDS", 25)

    assert day.land(tmp_path, date(2026, 1, 5), day.accounts(0, 150)) == 150

    lengths = [len(file.read_text().splitlines()) for file in tmp_path.rglob("*.jsonl")]
    assert sum(lengths) == 150
    assert max(lengths) == 25


def rows_of_days(count):
    chosen = random.Random(1)
    names = ("accounts", "history_rows", "rows", "cpu_s", "peak_mb", "live_mb", "disk_mb")
    return [{"day": n, **{name: chosen.uniform(1, 9) for name in names}} for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 60])
def test_a_plot_has_a_point_for_each_day(count):
    drawn = ET.fromstring(plot.days(rows_of_days(count)))

    lines = [e.attrib["points"].split() for e in drawn.iter() if e.tag.endswith("polyline")]
    assert {len(points) for points in lines} == {count}


def test_the_plot_in_the_tree_is_that_of_the_days_in_the_tree():
    with (BENCH / "days.csv").open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]

    assert [row["day"] for row in rows] == list(range(len(rows)))
    assert (BENCH / "days.svg").read_text() == plot.days(rows[1:])
