"""What is read of a market, by which login, and the pages of all of them."""

import csv
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import pytest

from sxe_pipeline.cards import pools
from sxe_pipeline.cards.markets import market, market_pages, portrait
from sxe_pipeline.cards.rules import Rule, in_words
from sxe_pipeline.errors import NotFound
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.places import TODAY, land, person

DAY = date(2031, 2, 3)
NOW = datetime(2031, 2, 13, tzinfo=UTC)
PEOPLE = (
    {"bio": "Photographer from Lyon. I love hiking", "location": "Austin, TX"},
    {"bio": "Photographer. Wedding photographer and hiking"},
    {"bio": "Photography weekly", "follower_count": 5_000},
    {"bio": "one peace in town"},
)


@pytest.fixture
def social(database):
    with sql.connect(database.dsn("sxe_social")) as conn:
        yield conn


@pytest.fixture
def api(database):
    with sql.connect(database.dsn("sxe_api")) as conn:
        yield conn


def put(conn, built, *days):
    """The read models of these cards, their funnel on each of the days."""
    with conn.transaction():
        for day in days:
            market.put_funnel(conn, built.funnel, day)
        market.put_pools(conn, pools.pools(built.cards, built.others), pools.facets(built.cards))


@pytest.mark.parametrize("login", ["sxe_api", "sxe_social"])
def test_a_market_is_read_by_the_logins_that_show_it(make, shipped, social, database, login):
    put(social, make(*PEOPLE), DAY)

    with sql.connect(database.dsn(login)) as conn:
        found = market.read(conn, "x_general", shipped)

    assert found.rule == (
        "Everybody on x, unless an earlier rule or their collection gives them to another market."
    )
    assert found.now.landed_day == DAY
    assert found.before is None
    assert dict(found.languages) == {"en": 2}
    assert dict(found.follower_bands) == {"unknown": 2}
    assert [row["audience"] for row in found.pools if not row["cards"]] == [1]
    counts = portrait.stages(found)
    shown = ("identities", "lead_cards", "audience", "no_signal", "ready")
    assert [counts[name] for name in shown] == [4, 2, 1, 1, 2]
    assert (found.cost is not None) == (login == "sxe_api"), "the gate is the api's"


def test_no_market_is_not_found(make, shipped, social, api):
    with pytest.raises(NotFound, match="sxe market"):
        market.read(api, "x_general", shipped)
    put(social, make(*PEOPLE), DAY)

    with pytest.raises(NotFound, match="sxe market"):
        market.read(api, "y_general", shipped)


@pytest.mark.parametrize(
    ("earlier", "then"),
    [
        pytest.param([], None, id="the first day"),
        pytest.param([1, 6], None, id="days of this week"),
        pytest.param([30, 9, 6], 9, id="the newest of those a week older"),
        pytest.param([7], 7, id="a week to the day"),
    ],
)
def test_a_week_is_to_the_newest_day_at_least_seven_older(
    make, shipped, social, api, earlier, then
):
    put(social, make(*PEOPLE), *(DAY - timedelta(days=ago) for ago in earlier), DAY)

    found = market.read(api, "x_general", shipped)

    assert (found.before and found.before.landed_day) == (then and DAY - timedelta(days=then))


def test_a_login_that_may_not_read_prices_reads_all_the_rest(make, shipped, social, api):
    put(social, make(*PEOPLE), DAY)
    as_owner(social, "revoke execute on function gate.show_market_cost(text) from sxe_api")

    found = market.read(api, "x_general", shipped)

    assert found.cost is None
    assert found.pools
    assert api.execute("select 1").fetchone() == (1,), "the transaction goes on"


def test_a_page_is_kept_until_it_would_tell_something_else(make, social, tmp_path):
    """A later landed day alone is something: the cards of that day may be those of before."""
    place = SimpleNamespace(tier1_url=tmp_path.as_uri())
    put(social, make(*PEOPLE), DAY)
    first = market_pages.put(social, place, NOW)

    assert market_pages.put(social, place, NOW + timedelta(hours=1)) == first

    with social.transaction():
        market.put_funnel(social, make(*PEOPLE).funnel, DAY + timedelta(days=9))
    [key] = market_pages.put(social, place, NOW + timedelta(hours=2)).values()

    store = Objects(place.tier1_url)
    assert [entry.key for entry in store.list(market_pages.FOLDER)] == [key]
    assert f"{DAY + timedelta(days=9)}" in store.get(key).decode()


MARKETS = (
    Rule((("platform", frozenset(("threads",))),), ("first",)),
    Rule((("persona", frozenset(("chef", "baker"))), ("language", frozenset(("es",)))), ("food",)),
    Rule((("country", frozenset(("*",))),), ("known",)),
    Rule((("platform", frozenset(("x",))),), ("food",)),
    Rule((("platform", frozenset(("tiktok",))),), ("rest",)),
)


@pytest.mark.parametrize(
    ("name", "declared", "said"),
    [
        pytest.param(
            "food",
            [],
            "Everybody whose role is Chef or baker, writing in es and everybody on x, unless an "
            "earlier rule or their collection gives them to another market.",
            id="two rules",
        ),
        pytest.param(
            "known",
            [],
            "Everybody with a known country, unless an earlier rule or their collection gives them "
            "to another market.",
            id="a column that is known",
        ),
        pytest.param(
            "first",
            [],
            "Everybody on threads, unless their collection gives them to another market.",
            id="the first rule",
        ),
        pytest.param(
            "fair",
            ["spring", "summer", "winter"],
            "Everybody in the collections spring, summer and winter, which declare it.",
            id="declared",
        ),
        pytest.param("old", [], "Nobody by the rules in force; its cards", id="of older rules"),
    ],
)
def test_who_belongs_to_a_market_is_said_in_words(name, declared, said):
    assert in_words(name, MARKETS, declared, {"chef": "Chef"}).startswith(said)


def test_every_market_of_the_shipped_rules_is_said_in_words(shipped, shipped_folder):
    with (shipped_folder / "markets.csv").open() as rows:
        names = {row["market"] for row in csv.DictReader(rows)}

    said = {in_words(name, shipped.markets, [], shipped.names) for name in names}

    assert len(said) == len(names)
    assert all(each.startswith("Everybody ") for each in said)


def test_the_asset_keeps_the_page_of_each_market_and_those_of_gone_ones_go(place):
    land(place.settings.home, TODAY, [person(n) for n in range(3)])
    said = place.settings.home / "landing" / "makers" / "_collection.yaml"
    said.write_text("market: fair\n")
    assert place.run("tier1_intake", TODAY).is_success
    store = Objects(place.settings.tier1_url)
    first = [entry.key for entry in store.list(market_pages.FOLDER)]

    said.write_text("market: autumn_fair\n")
    land(place.settings.home, TODAY, [person(n) for n in range(5)], name="more.json")
    assert place.run("tier1_intake", TODAY).is_success

    [key] = [entry.key for entry in store.list(market_pages.FOLDER)]
    assert [each.split("/")[-1].split(".")[0] for each in first] == ["fair"]
    assert key.split("/")[-1].startswith("autumn_fair.")
    page = store.get(key).decode()
    assert "Everybody in the collection makers, which declares it." in page
    event = place.instance.get_latest_materialization_event(
        dg.AssetKey(["cards", "audience_pools"])
    )
    [record] = event.asset_materialization.metadata["sxe/pages"].records
    assert record.data == {
        "market": "autumn_fair",
        "page": f"{place.settings.tier1_url.rstrip('/')}/{key}",
    }
    assert (place.settings.home / "tier1" / key).is_file()
