"""A checksum knows the content of rows, and nothing of how they lie in memory."""

import datetime as dt
import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sxe_pipeline.engine import checksum
from sxe_pipeline_tests.engine.test_engines import EVERY_KIND, given_rows, rows_of_every_kind, said


def of(values, kind):
    return checksum([pa.record_batch({"v": pa.array(values, kind)})])


@given(rows_of_every_kind(), st.randoms(use_true_random=False), st.integers(1, 12))
def test_neither_the_order_of_rows_nor_their_batches_matter(rows, random, pieces):
    mixed = random.sample(rows, len(rows))
    within = pa.Table.from_pylist(rows + mixed, schema=EVERY_KIND).slice(len(rows))

    assert checksum(given_rows(mixed, pieces)) == checksum(given_rows(rows))
    assert checksum(within.to_batches()) == checksum(given_rows(rows))


@given(rows_of_every_kind(), rows_of_every_kind())
def test_other_rows_have_another_checksum(some, others):
    are_same = sorted(said(some)) == sorted(said(others))

    if not any("-0.0" in row for row in said(some + others)):
        assert (checksum(given_rows(some)) == checksum(given_rows(others))) == are_same


AT = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
APART = {
    "texts": (pa.string(), ["", "\x00", "\x00\x00", "a", "b", "ab", "ba", None, "é", "é"]),
    "numbers": (pa.int64(), [0, 1, -1, 2**63 - 1, -(2**63), None]),
    "doubles": (pa.float64(), [0.0, 1.0, math.nan, math.inf, -math.inf, 5e-324, None]),
    "lists": (
        pa.list_(pa.string()),
        [[], [""], [None], None, ["a", "b"], ["b", "a"], ["ab"], ["a", "b", ""]],
    ),
    "moments": (
        pa.timestamp("us", "UTC"),
        [AT, AT + dt.timedelta(microseconds=1), None],
    ),
    "structs": (
        pa.struct([("a", pa.int64()), ("b", pa.int64())]),
        [{"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": None, "b": None}, None],
    ),
}


@pytest.mark.parametrize(("kind", "values"), APART.values(), ids=APART.keys())
def test_what_differs_is_told_apart(kind, values):
    assert len({of([value], kind) for value in values}) == len(values)


def test_what_is_the_same_in_another_type_is_the_same():
    assert of([1, None], pa.int32()) == of([1, None], pa.int64())
    assert of(["a"], pa.large_string()) == of(["a"], pa.string())
    assert of([0.0], pa.float64()) == of([-0.0], pa.float64())
    assert of([AT], pa.timestamp("ms", "UTC")) == of([AT], pa.timestamp("us", "UTC"))
    assert of([AT], pa.timestamp("us", "Asia/Tokyo")) == of([AT], pa.timestamp("us", "UTC"))


def test_the_number_of_known_rows_is_known():
    """Written down: with another number, what was noted before cannot be compared any more."""
    rows = {"t": ["é", None], "n": [7, None], "l": [["a", ""], []], "d": [1.5, None]}

    assert checksum([pa.record_batch(rows)]) == 0
