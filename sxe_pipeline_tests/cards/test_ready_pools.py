"""What of an audience pool may leave: counts always, words and ids where nothing forbids it."""

import deltalake
import pyarrow as pa
import pytest

from sxe_pipeline.cards import pools, ready_pools
from sxe_pipeline.cards.ready_pools import CONTRACT, ReadyPools, released
from sxe_pipeline.privacy.policy import Policy
from sxe_pipeline.schema.tables import POOL
from sxe_pipeline.store import delta
from sxe_pipeline.store.snapshot import Snapshot
from sxe_pipeline_tests.cards.conftest import FULL

PHOTOGRAPHERS = (
    {"bio": "Photographer. Wedding photographer and hiking", "follower_count": 100},
    {"bio": "Photographer. Wedding photographer and hiking", "follower_count": 300},
)


@pytest.fixture
def leaving(make, tmp_path):
    """The pools of some people as they may leave, over a real table of their cards."""

    def run(*people, suppressed=frozenset(), policy=FULL):
        built, root = make(*people), (tmp_path / str(len(people))).as_uri()
        deltalake.write_deltalake(delta.address(root, "cards/lead_cards"), built.cards)
        found = pools.pools(built.cards, built.others)
        cards = Snapshot("cards/lead_cards", 0, root)
        return built.cards, ReadyPools(["x_general"], found, cards, suppressed, policy)

    return run


def test_a_pool_meets_its_contract(leaving):
    cards, ready = leaving(*PHOTOGRAPHERS)

    [row] = CONTRACT.check(ready.of("x_general")).to_pylist()

    assert row["ready_count"] == row["card_count"] == 2
    assert row["median_follower_count"] == 200
    assert "photographer" in row["top_evidence"]
    assert row["sample_card_ids"] == sorted(cards["card_id"].to_pylist())


def test_words_and_medians_stay_where_one_platform_allows_ids_alone(leaving):
    joined = {"platform": "threads", "card_id": "card_0000", "bio": "", "account_key": "id:9"}
    _, ready = leaving(*PHOTOGRAPHERS, joined)

    [row] = ready.of("x_general").to_pylist()

    assert (row["top_evidence"], row["median_follower_count"]) == ([], None)
    assert row["card_count"] == 2
    assert len(row["sample_card_ids"]) == 2


def test_a_policy_that_names_no_platform_closes_every_pool(leaving):
    _, ready = leaving(*PHOTOGRAPHERS, policy=Policy("closed", {}))

    assert ready.of("x_general")["top_evidence"].to_pylist() == [[]]


def test_p15_a_suppressed_card_is_no_sample(leaving):
    _, ready = leaving(*PHOTOGRAPHERS, suppressed={"card_0001"})

    assert ready.of("x_general")["sample_card_ids"].to_pylist() == [["card_0000"]]


def test_p15_nobody_who_is_withheld_is_in_words_or_medians(leaving):
    hidden = PHOTOGRAPHERS[1] | {"is_private": True}
    _, ready = leaving(*PHOTOGRAPHERS[:1], hidden)
    _, ready_of_one = leaving(hidden)

    [row] = ready.of("x_general").to_pylist()
    [of_one] = CONTRACT.check(ready_of_one.of("x_general")).to_pylist()

    assert (row["median_follower_count"], row["top_evidence"]) == (100, []), "one says no word"
    assert row["card_count"] == 2, "a count names nobody"
    assert (of_one["median_follower_count"], of_one["top_evidence"]) == (None, [])


def test_p15_words_and_medians_stay_where_somebody_was_suppressed_since_they_were_counted(leaving):
    _, ready = leaving(*PHOTOGRAPHERS, suppressed={"card_0001"})

    [row] = CONTRACT.check(ready.of("x_general")).to_pylist()

    assert (row["median_follower_count"], row["top_evidence"]) == (None, [])


def test_a_card_that_is_not_ready_is_no_sample(leaving):
    _, ready = leaving(PHOTOGRAPHERS[0], PHOTOGRAPHERS[1] | {"is_private": True})

    [row] = CONTRACT.check(ready.of("x_general")).to_pylist()

    assert (row["ready_count"], row["sample_card_ids"]) == (1, ["card_0000"])


def test_no_term_is_a_formula_or_holds_a_character_that_no_one_sees():
    row = dict.fromkeys(POOL.schema.names) | {
        **{"market": "m", "audience_pool": "p", "sample_card_ids": []},
        **{field.name: 1 for field in POOL.schema if field.name.endswith("_count")},
        "top_evidence": ["=cmd()", "-1", "@x", "a\u202eb", "a\x07", "runner"],
    }
    rows = pa.Table.from_pylist([row], schema=POOL.schema)

    [left] = CONTRACT.check(released(rows, may_leave=(), closed=())).to_pylist()

    assert left["top_evidence"] == ["runner"]


def test_rows_that_differ_in_one_name_alone_have_ids_of_their_own():
    names = [("m", "p", None, "t", None), ("m", "p", "t", None, None), ("m", "p", None, None, "t")]

    assert len({ready_pools.segment_id(key) for key in names}) == 3
