"""What market ops type before a launch: all markets, one on a screen, one on a page."""

import re

import pyarrow as pa
import pytest

from sxe_pipeline.cards.markets import market
from sxe_pipeline.schema.tables import POOL
from sxe_pipeline.store import sql
from sxe_pipeline_tests.cards.markets import DAY, HOSTILE, MAKERS, NOBODY, POOLS

STORED = {
    "cards": "card_count",
    "ready": "ready_count",
    "tagged": "tagged_count",
    "identifiable": "identifiable_count",
    "audience": "audience_count",
}


def stored(name, row):
    """A row of `cards.audience_pool`."""
    made = {STORED.get(key, key): value for key, value in row.items()}
    made |= {"market": name, "median_follower_count": None, "sample_card_ids": ["card_of_ana"]}
    return made


def fill(terminal, markets):
    """The read models of these markets: slug -> (stages, rows of pools)."""
    with sql.connect(terminal.variables["SXE_SOCIAL_DATABASE_URL"]) as conn, conn.transaction():
        funnel = {
            (stage, "x", name): count
            for name, (stages, _) in markets.items()
            for stage, count in stages.items()
        }
        market.put_funnel(conn, funnel, DAY)
        rows = [stored(name, row) for name, (_, pools) in markets.items() for row in pools]
        facets = [
            (name, facet, value, count)
            for name in markets
            for facet, counts in (
                ("language", MAKERS.languages),
                ("follower_band", MAKERS.follower_bands),
            )
            for value, count in counts
        ]
        market.put_pools(conn, pa.Table.from_pylist(rows, schema=POOL.schema), facets)


@pytest.fixture
def terminal(empty):
    fill(
        empty,
        {"makers": (MAKERS.now.stages, POOLS), "listeners": (NOBODY.now.stages, NOBODY.pools)},
    )
    return empty


def large():
    """A market that fills every line: long names, large numbers, every reason."""
    reasons = ("minor", "protected", "private", "suspended", "parody", "suppressed", "stale")
    stages = {stage: count * 10_000 for stage, count in MAKERS.now.stages.items()}
    stages |= {f"reason_{reason}": 123_456 for reason in (*reasons, "policy", "no_market")}
    rows = [
        {
            **POOLS[0],
            "audience_pool": f"an_audience_pool_with_a_name_{at}",
            "persona": f"a_persona_with_a_long_name_{at}",
            "tribe": f"a_tribe_with_a_long_name_{at}",
            **dict.fromkeys(("cards", "ready", "tagged", "identifiable"), 1_234_567 - at),
            "audience": 7_654_321,
        }
        for at in range(40)
    ]
    return stages, rows


def test_an_empty_database_has_no_market_and_says_what_comes_before(empty):
    assert "sxe ingest" in empty.type(None, "market").stdout
    assert empty.read(None, "market")["rows"] == []
    for name in ("makers", "\udcff", "m\u00e4rkte"):
        assert "`sxe market` lists them" in empty.type(None, "market", name, code=4).stderr


def test_the_list_of_markets_fits_a_terminal_and_says_of_what(terminal):
    lines = terminal.type(None, "market").stdout.splitlines()

    assert lines[0].split()[-3:] == ["tagged", "lead/elig", "lead/all"]
    assert re.fullmatch(r"makers +100 +70 +80 +4 +0.85 +0.45 +0.33", lines[1])
    assert re.fullmatch(r"listeners +0 +0 +80 +1 +- +- +-", lines[2])
    assert max(map(len, lines)) <= 80
    [makers, _] = terminal.read(None, "market")["rows"]
    assert makers["tagged_share"] == 0.85


def test_a_market_is_one_screen_with_its_shares(terminal):
    lines = terminal.type(None, "market", "makers").stdout.splitlines()

    shown = "\n".join(lines)
    assert re.search(r"identities +300 +no signal 120, audience 80", shown)
    assert re.search(r"lead cards +100 +0.450 of eligible, 0.333 of identities", shown)
    assert re.search(r"tagged +85 +0.850 of lead cards", shown)
    assert re.search(r"held back +30 +no tribe 15, low confidence 9, stale 6, minor 4", shown)
    assert re.search(r"tech_builders +60 +50 +55 +30 +0", shown)
    assert re.search(r"journalist +30 +space +0 +80|space +0 +80", shown)


@pytest.mark.parametrize("more", [(), ("--all",)])
def test_no_line_of_the_largest_market_is_wider_than_a_terminal(empty, more):
    fill(empty, {"a_market_with_a_name_of_its_own": large()})

    lines = empty.type(None, "market", "a_market_with_a_name_of_its_own", *more).stdout.splitlines()

    assert max(map(len, lines)) <= 80
    assert len(lines) == 41 if more else len(lines) <= 24
    assert all(line == line.rstrip() for line in lines)


def test_programs_read_everything_whatever_is_shown(terminal):
    data = terminal.read(None, "market", "makers")

    assert data == terminal.read(None, "market", "makers", "--all")
    assert data["landed_day"] == DAY.isoformat()
    assert [row["audience_pool"] for row in data["rows"]] == [row["audience_pool"] for row in POOLS]
    assert data["rows"][0]["countries"] == 1
    assert data["shares"]["lead_of_eligible_share"] == 0.45
    assert data["languages"][0] == {"language": "en", "cards": 70}
    assert data["cost"] == {
        "has_policy": False,
        "candidates": 0,
        "open_candidates": 0,
        "prices": [],
    }


def test_the_page_has_the_figures_of_the_screen(terminal, tmp_path):
    file = tmp_path / "makers.html"
    said = terminal.type(None, "market", "makers", "--html", str(file)).stdout
    data = terminal.read(None, "market", "makers")

    page = file.read_text(encoding="utf-8")
    assert str(file) in said
    assert "card_of_ana" not in page
    for stage in ("identities", "eligible", "lead_cards", "tagged", "ready", "identifiable"):
        assert f">{data['stages'][stage]:,}</td>" in page, stage
    for pool in data["pools"]:
        name = pool["audience_pool"].replace("_", "_<wbr>")
        cells = "".join(
            f'<td class="n">{pool[size]:,}</td>'
            for size in ("cards", "ready", "identifiable", "audience")
        )
        assert f"<bdi>{name}</bdi></th>{cells}" in page


def test_a_page_replaces_the_one_before_and_leaves_nothing_beside_it(terminal, tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    file = folder / "m.html"
    file.write_text("old")

    data = terminal.read(None, "market", "makers", "--html", str(file))

    assert data["file"] == str(file)
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(folder.iterdir()) == [file]


def test_what_cannot_become_a_page_is_refused_and_stays_as_it_was(terminal, tmp_path):
    folder, file = tmp_path / "folder", tmp_path / "m.html"
    folder.mkdir()
    file.write_text("old")

    for name, said in ((folder, "no file"), (tmp_path / "none" / "m.html", "no folder")):
        done = terminal.type(None, "market", "makers", "--html", str(name), code=2)
        assert said in done.stderr
    terminal.type(None, "market", "nobody_there", "--html", str(file), code=4)
    terminal.type(None, "market", "--html", str(file), code=2)
    done = terminal.type(None, "market", "--all", code=2)
    assert "--all and --html are of one MARKET" in done.stderr
    assert file.read_text() == "old"
    assert list(folder.iterdir()) == []


def test_a_disk_that_ends_in_the_middle_leaves_the_page_before(terminal, tmp_path, monkeypatch):
    file = tmp_path / "pages" / "m.html"
    file.parent.mkdir()
    file.write_text("old")
    monkeypatch.setattr("pathlib.Path.replace", _no_room)

    done = terminal.type(None, "market", "makers", "--html", str(file), code=7)

    assert "full" in done.stderr
    assert file.read_text() == "old"
    assert list(file.parent.iterdir()) == [file]


def _no_room(self, target):
    raise OSError(28, "No space left on device", str(target))


def test_a_terminal_obeys_no_word_of_a_profile(empty):
    rows = [{**POOLS[0], "audience_pool": HOSTILE[5], "persona": HOSTILE[4]}]
    fill(empty, {"makers": (MAKERS.now.stages, rows)})

    for more in ((), ("--all",)):
        assert "\x1b" not in empty.type(None, "market", "makers", *more).stdout
