"""A market on one page: whole, harmless and true to the figures."""

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import pytest

from sxe_pipeline.cards.card import BANDS, INCOMPLETE, WITHHELD
from sxe_pipeline.cards.markets import market_page, portrait
from sxe_pipeline.cards.markets.market import AsOf
from sxe_pipeline.gate.reads import MarketCost
from sxe_pipeline_tests.cards.markets import (
    BAD,
    COST,
    DAY,
    HOSTILE,
    MAKERS,
    NOBODY,
    NOW,
    ONE,
    WIDE,
    pool,
)

NAMES = {"software_engineer": "Software engineer", "software_dev": "Software development"}
ALONE = {"meta", "wbr", "rect"}
"""Elements that hold nothing and have no end."""

MARKETS = [
    pytest.param(MAKERS, id="a market with everything"),
    pytest.param(WIDE, id="a market of many labels"),
    pytest.param(NOBODY, id="a market with an audience alone"),
    pytest.param(ONE, id="a market with one card"),
    pytest.param(BAD, id="a market of hostile texts"),
]


class Reader(HTMLParser):
    """What a page holds, refused where an element does not end in its order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]
        if tag not in ALONE:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag], (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        if data.strip() and "style" not in self.open:
            self.texts.append(data.strip())


def made(market):
    return market_page.page(market, NAMES, NOW)


@pytest.mark.parametrize("market", MARKETS)
def test_a_page_is_whole_and_the_same_each_time(market):
    page = made(market)

    read = Reader(page)

    assert page == made(market)
    assert page.startswith("<!doctype html>")
    assert [read.tags.count(tag) for tag in ("html", "head", "body", "main", "h1")] == [1] * 5


@pytest.mark.parametrize("market", MARKETS)
def test_a_page_loads_nothing_and_runs_nothing(market):
    page = made(market)

    read = Reader(page)

    assert not {"script", "link", "img", "iframe", "object", "a", "form", "base"} & set(read.tags)
    assert not [each for each in read.attributes if each[1].startswith("on")]
    assert {name for _, name, _ in read.attributes}.isdisjoint({"src", "href", "style", "srcset"})
    assert "<script" not in page.lower()
    style = re.search("<style>(.*)</style>", page, re.DOTALL)[1]
    assert not re.search(r"url\(|@import|https?:", style)
    if market is not BAD:
        assert not re.search("https?:", page)


def test_the_policy_lets_in_the_one_style_of_the_page_and_nothing_else():
    page = made(MAKERS)

    style = re.search("<style>(.*)</style>", page, re.DOTALL)[1]
    [policy] = [
        value for tag, name, value in Reader(page).attributes if (value or "").startswith("default")
    ]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_words_of_profiles_stay_words():
    page = made(BAD)

    texts = Reader(page).texts
    assert {"img", "b"} & set(Reader(page).tags) == {"b"}, "the page's own alone"
    for text in (*HOSTILE[:2], "{{ 7 * 7 }}", "مصور فوتوغرافي"):
        assert text in texts
    assert "gnp.exe" in texts, "no mark turns what stands behind it"
    assert "[2Kbell" in texts
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b\x07]", page)
    assert f"{'w' * market_page.LONGEST_NAME}…" in texts


def test_no_card_of_anybody_is_named():
    row = pool(cards=3) | {"sample_card_ids": ["card_of_somebody"]}

    assert "card_of_somebody" not in made(dataclasses.replace(MAKERS, pools=[row]))


def test_the_figures_are_those_of_the_answer_for_programs():
    texts = " ".join(Reader(made(MAKERS)).texts)

    told = portrait.as_dict(MAKERS)
    for stage in portrait.STEPS:
        assert f"{told['stages'][stage]:,}" in texts
    for name, share in told["shares"].items():
        part, whole = portrait.TOLD[name]
        assert f"of {told['stages'][whole]:,} {whole.replace('_', ' ')}" in texts, name
        assert f"{told['stages'][part]:,} {100 * share:.1f} %" in texts, name
    for drop in told["drops"]:
        assert f"of {drop['whole']:,} {drop['of'].replace('_', ' ')}" in texts
        assert all(f" {count:,} " in texts for count in drop["reasons"].values())
    for row in told["pools"]:
        sizes = ("cards", "ready", "identifiable", "audience")
        assert " ".join(f"{row[name]:,}" for name in sizes) in texts


def test_the_heat_map_has_a_head_for_each_row_and_column_and_a_number_beside_its_colour():
    page = made(MAKERS)

    table = re.search('<table class="grid".*?</table>', page, re.DOTALL)[0]
    assert table.count('scope="col"') == 4, "three tribes and all of them"
    assert table.count('scope="row"') == 4
    assert re.findall(r'<td class="t(\d)">([^<]*)</td>', table)[:3] == [
        ("7", "60"),
        ("0", "·"),
        ("0", "·"),
    ]


def test_many_labels_are_summed_up_without_losing_one():
    found = portrait.grid(WIDE.pools, 12, 10)
    texts = Reader(made(WIDE)).texts

    assert (found.more_rows, found.more_columns) == (28, 30)
    assert sum(map(sum, found.cells)) == sum(row["cards"] for row in WIDE.pools)
    assert {"28 others", "30 others"} <= set(texts)


def test_a_week_is_told_with_counts_and_points():
    texts = " ".join(Reader(made(MAKERS)).texts)

    assert "From landed day 2031-01-26 to 2031-02-03" in texts
    assert "Identities 250 300 +50" in texts
    assert "Tagged share of lead cards 75.0 % 85.0 % +10.0 pt" in texts
    assert "at least a week older" in " ".join(Reader(made(ONE)).texts)


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        pytest.param(None, "may not read prices; sxe market", id="a login without the right"),
        pytest.param(MarketCost(True, 0, 0, ()), "before the gate", id="no candidate"),
        pytest.param(MarketCost(False, 9, 0, ()), "No platform policy is in force", id="no policy"),
        pytest.param(MarketCost(True, 9, 0, ()), "opens no platform", id="a closed platform"),
        pytest.param(MarketCost(True, 9, 9, ()), "No price card is in force", id="no price card"),
        pytest.param(COST, "email and phone 50.0 % hits 20 $1.50 $3.00", id="prices"),
    ],
)
def test_what_it_would_cost_or_why_nobody_knows(cost, said):
    page = made(dataclasses.replace(MAKERS, cost=cost))

    assert said in " ".join(Reader(page).texts)


def test_every_reason_and_band_has_a_name():
    reasons = {f"reason_{reason}": 3 for reason in (*INCOMPLETE, *WITHHELD)}
    now = AsOf(DAY, {**MAKERS.now.stages, **reasons})
    bands = [(band, 9) for band in BANDS]

    texts = Reader(made(dataclasses.replace(MAKERS, now=now, follower_bands=bands))).texts

    assert texts.count("3") == len(reasons)
    assert "1 million and more" in texts


def test_shares_of_nothing_are_no_zeros():
    texts = Reader(made(NOBODY)).texts

    assert "– of lead cards" in texts
    assert "0.0 % of lead cards" not in texts
