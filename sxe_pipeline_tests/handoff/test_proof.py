"""What a reader of every row can say of a batch: the same from Arrow, DuckDB and by hand."""

import dataclasses
import datetime as dt
import hashlib
import random

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline import schema
from sxe_pipeline.handoff.files.proof import columns, keys_sha256
from sxe_pipeline_tests.handoff.contacts import CONTRACT, SEEN, contacts

CARDS = schema.load("lead_card")
ONE_LINE = "select sha256(coalesce(string_agg(card_id, chr(10) order by card_id), '')) from found"


def by_hand(lines):
    return hashlib.sha256("\n".join(sorted(lines, key=str.encode)).encode()).hexdigest()


@settings(deadline=None)
@given(
    upserts=st.lists(st.text("abzZ09_-", min_size=1)),
    removes=st.lists(st.text("abzZ09_-", min_size=1)),
)
def test_ids_of_rows_and_removes_are_proved_as_duckdb_does_it(upserts, removes):
    tables = [pa.table({"card_id": pa.array(ids, pa.string())}) for ids in (upserts, removes)]
    with duckdb.connect() as db:
        db.register("found", pa.concat_tables(tables))
        row = db.execute(ONE_LINE).fetchone()

    assert (keys_sha256(CARDS, tables),) == row
    assert keys_sha256(CARDS, reversed(tables)) == by_hand([*upserts, *removes])


def test_a_batch_without_rows_proves_receipt_only():
    nothing = CARDS.arrow().empty_table()

    assert keys_sha256(CARDS, []) == keys_sha256(CARDS, [nothing, nothing])
    assert keys_sha256(CARDS, [nothing]) == hashlib.sha256(b"").hexdigest()


def test_the_proof_of_contacts_says_no_value():
    rows = contacts(9)

    assert columns(CONTRACT) == ("card_id", "kind", "obtained_at")
    assert keys_sha256(CONTRACT, [rows.drop(["value"])]) == by_hand(
        f"{row['card_id']}\t{row['kind']}\t2026-03-09T10:00:00.000250Z" for row in rows.to_pylist()
    )


def test_a_moment_is_written_as_in_the_json_lines_and_two_equal_lines_count_twice():
    whole = contacts(3)
    moment = whole.schema.get_field_index("obtained_at")
    times = pa.array([SEEN.replace(microsecond=0)] * 3, pa.timestamp("us", "UTC"))
    rows = whole.set_column(moment, "obtained_at", times)
    doubled = pa.concat_tables([rows, rows])

    lines = [f"{r['card_id']}\t{r['kind']}\t2026-03-09T10:00:00.000000Z" for r in rows.to_pylist()]
    assert keys_sha256(CONTRACT, [doubled]) == by_hand(lines * 2)
    assert keys_sha256(CONTRACT, [doubled]) != keys_sha256(CONTRACT, [rows])


def test_any_other_contract_is_proved_by_its_key():
    other = dataclasses.replace(CARDS, id="other", key=("name", "count", "day"))
    day = dt.date(2026, 1, 2)
    rows = pa.table({"name": ["b", "a", None], "count": [2, 10, 3], "day": [day, day, None]})

    assert keys_sha256(other, [rows]) == by_hand(["b\t2\t2026-01-02", "a\t10\t2026-01-02", "\t3\t"])


@pytest.mark.parametrize("size", [99_999, 100_001])
def test_many_lines_are_joined_without_a_seam(size):
    ids = [f"{number:08x}" for number in range(size)]
    shuffled = random.Random(1).sample(ids, size)

    assert keys_sha256(CARDS, [pa.table({"card_id": shuffled})]) == by_hand(ids)
