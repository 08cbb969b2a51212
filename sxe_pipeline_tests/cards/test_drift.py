"""Drift of labels: shares that lie apart are told, chance is not, and texts are not read."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sxe_pipeline.cards.drift import COLUMNS, LIMIT, Share, drift, of_counts

COUNTS = st.dictionaries(
    st.sampled_from(["music", "gaming", "law", None]), st.integers(0, 5_000), max_size=4
)


def cards(**columns: list[str | None]) -> pa.Table:
    count = len(next(iter(columns.values())))
    given_ = {name: columns.get(name, ["same"] * count) for name in COLUMNS}
    return pa.table({name: pa.array(values, pa.string()) for name, values in given_.items()})


def test_a_tribe_that_takes_a_fifth_of_the_cards_from_another_drifts() -> None:
    old = cards(tribe=["music"] * 800 + [None] * 200)
    new = cards(tribe=["music"] * 600 + ["gaming"] * 200 + [None] * 200)

    found = {each.column: each for each in drift(old, new)}

    assert found["tribe"].distance == 0.2
    assert found["tribe"].is_over
    assert found["tribe"].largest == [Share("gaming", 0.0, 0.2), Share("music", 0.8, 0.6)]
    assert [each.column for each in found.values() if each.is_over] == ["tribe"]


def test_few_cards_differ_by_chance_and_many_do_not() -> None:
    before, after = {"music": 5, "law": 5}, {"music": 7, "law": 3}

    few = of_counts("tribe", before, after)
    many = of_counts("tribe", *({k: n * 100 for k, n in each.items()} for each in (before, after)))

    assert few.distance == many.distance == 0.2
    assert (few.is_over, many.is_over) == (False, True)


def test_a_distance_at_the_limit_is_accepted() -> None:
    before, after = {"music": 900_000, None: 100_000}, {"music": 800_000, None: 200_000}

    assert of_counts("tribe", before, after).distance == LIMIT
    assert not of_counts("tribe", before, after).is_over
    assert of_counts("tribe", before, after, limit=0.05).is_over


@pytest.mark.parametrize("counts", [({}, {"music": 3}), ({"music": 3}, {}), ({}, {})])
def test_where_there_are_no_cards_there_are_no_shares(counts) -> None:
    found = of_counts("tribe", *counts)

    assert (found.distance, found.is_over, found.largest) == (0.0, False, [])


@given(COUNTS, COUNTS)
def test_a_distance_is_a_share_the_same_both_ways_and_nothing_of_itself(before, after) -> None:
    there, back = of_counts("tribe", before, after), of_counts("tribe", after, before)

    assert 0 <= there.distance <= 1
    assert there.distance == pytest.approx(back.distance, abs=2e-6)
    assert of_counts("tribe", before, before).distance == 0
