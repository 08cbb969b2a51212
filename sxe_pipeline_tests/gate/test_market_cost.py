"""What a whole market could cost, told to whoever may look at it."""

import pytest

from sxe_pipeline.errors import Refused
from sxe_pipeline.gate import reads, requests
from sxe_pipeline.store import sql
from sxe_pipeline_tests.gate.world import MARKET


def test_what_a_market_may_cost_is_the_forecast_of_asking_about_all_of_it(world):
    world.cards(7)
    world.cards(3, prefix="closed", platforms=("x", "tiktok"))
    world.cards(2, prefix="elsewhere", market="other")

    found = reads.market_cost(world.api, MARKET)
    plan = requests.plan(
        world.api, world.tokens["ana"], world.spec(limit=250, fields=["email", "phone"])
    )

    assert (found.has_policy, found.candidates, found.open_candidates) == (True, 10, 7)
    told = {(p.provider, p.group): p for p in found.prices}
    assert {key: (p.matchable, p.expected_micros, p.worst_micros) for key, p in told.items()} == {
        (f.provider, f.group): (f.matchable, f.expected_micros, f.worst_micros)
        for f in plan.forecast
    }
    assert told["enformion", "person"].gives == ("email", "phone")
    with pytest.raises(Refused):
        reads.market_cost(world.social, MARKET)


def test_a_gate_without_prices_and_policy_says_so(database):
    with sql.connect(database.dsn("sxe_api")) as conn:
        assert reads.market_cost(conn, "x") == reads.MarketCost(False, 0, 0, ())
