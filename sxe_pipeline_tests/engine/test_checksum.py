"""A checksum knows the content of rows, and nothing of how they lie in memory."""

import datetime as dt
import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.engine import checksum
from sxe_pipeline_tests.engine.test_engines import EVERY_KIND, given_rows, rows_of_every_kind, said


def of(values, kind):
    return checksum([pa.record_batch({"v": pa.array(values, kind)})])


@settings(max_examples=25, deadline=None)
@given(rows_of_every_kind(), st.randoms(use_true_random=False), st.integers(1, 12))
def test_neither_the_order_of_rows_nor_their_batches_matter(rows, random, pieces):
    mixed = random.sample(rows, len(rows))
    within = pa.Table.from_pylist(rows + mixed, schema=EVERY_KIND).slice(len(rows))

    assert checksum(given_rows(mixed, pieces)) == checksum(given_rows(rows))
    assert checksum(within.to_batches()) == checksum(given_rows(rows))


@settings(max_examples=25, deadline=None)
@given(rows_of_every_kind(), rows_of_every_kind())
def test_other_rows_have_another_checksum(some, others):
    are_same = sorted(said(some)) == sorted(said(others))

    if not any("-0.0" in row for row in said(some + others)):
        assert (checksum(given_rows(some)) == checksum(given_rows(others))) == are_same


AT = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
APART = {
    "texts": (
        pa.string(),
        ["", "\x00", "\x00\x00", "a", "b", "ab", "ba", None, "\u00e9", "e\u0301"],
    ),
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


def test_it_is_the_sum_that_its_page_describes():
    batch = pa.record_batch({"t": ["é", None], "n": [7, -7], "l": [["a", ""], []]})

    rows = [[list("é".encode()), 7, [list(b"a"), []]], [None, -7, []]]
    assert checksum([batch]) == sum(map(by_hand, rows)) % 2**64
    assert checksum([batch]) == 11606853579453552797, "what was noted before must stay comparable"


def by_hand(row):
    """The hash of a row of three columns: bytes of a text, a number, bytes of texts."""

    def mix(value):
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
        return value ^ (value >> 31)

    def listed(items):
        placed = (mix((item + at * 0x9E3779B97F4A7C15) % 2**64) for at, item in enumerate(items, 1))
        return mix((sum(placed) + len(items)) % 2**64)

    def text(of):
        return 0x6E756C6C if of is None else listed([byte + 1 for byte in of])

    words, number, texts = row
    found = 3
    for field in (text(words), mix(number % 2**64), listed([text(each) for each in texts])):
        found = mix(found ^ field)
    return found
