"""Batches of older redaction rules: those in which the rules in force find contacts are named."""

import pyarrow as pa
import pytest

from sxe_pipeline.handoff.affected import affected
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT

RULES = "new"


def put(rows: pa.Table, at: int, **values) -> pa.Table:
    changed = rows.to_pylist()
    changed[at] |= values
    return pa.Table.from_pylist(changed, schema=rows.schema)


@pytest.mark.parametrize(
    "values",
    [
        {"bio": "write to kay@bakery.example"},
        {"display_name": "Kay +1 415 555 0132"},
        {"handle": "kay@bakery.example"},
        {"hashtags": ["ok", "kay@bakery.example"]},
        {
            "accounts": [
                {"platform": "x", "platform_id": None, "handle": "14155550132", "basis": "a"}
            ]
        },
        {"link_domains": ["wa.me/14155550132"]},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_contact_in_any_text_of_a_batch_is_found(values, run, cards, store, conn):
    done = run(put(cards(20), 7, **values))

    (found,) = affected(conn, store, RULES)

    assert (found.batch.batch_id, found.rows, found.replaced_by) == (done.batch_id, 1, None)


def test_a_later_batch_without_contacts_replaces_it(run, cards, store, conn):
    first = run(put(cards(20), 0, bio="kay@bakery.example"))
    other = run(put(cards(20, market="x_art"), 0, bio="kay@bakery.example"), market="x_art")
    second = run(cards(20), day=DAY + NEXT)

    found = affected(conn, store, RULES)

    assert {one.batch.batch_id: one.replaced_by for one in found} == {
        first.batch_id: second.batch_id,
        other.batch_id: None,
    }


def test_a_delta_replaces_a_batch_once_the_last_row_with_contacts_is_gone(
    run_days, cards, store, conn
):
    bio = "kay@bakery.example"
    rows = put(put(put(cards(20), 0, bio=bio), 1, bio=bio), 2, display_name=bio)
    first = run_days(rows)
    cleaned = put(put(rows, 0, bio="Baker"), 5, bio="Cook")
    second = run_days(cleaned, day=DAY + NEXT)
    still = affected(conn, store, RULES)
    worse = run_days(put(cleaned, 6, bio=bio), day=DAY + 2 * NEXT)
    less = put(put(cleaned, 1, bio="Baker"), 6, bio="Baker")
    left = less.filter(pa.array([number != 2 for number in range(20)]))
    last = run_days(left, day=DAY + 3 * NEXT)

    assert {done.kind for done in (second, worse, last)} == {"delta"}
    assert [(one.batch.batch_id, one.rows, one.replaced_by) for one in still] == [
        (first.batch_id, 3, None)
    ], "two of its rows are what a reader still holds"
    assert {
        one.batch.batch_id: (one.rows, one.replaced_by) for one in affected(conn, store, RULES)
    } == {first.batch_id: (3, last.batch_id), worse.batch_id: (1, last.batch_id)}


def test_after_a_batch_that_is_gone_only_a_full_one_is_known_to_replace_it(
    run_days, cards, store, conn
):
    first = run_days(cards(20))
    run_days(put(cards(20), 0, bio="Baker"), day=DAY + NEXT)
    for entry in store.list(f"lead_card/v1/{first.batch_id}"):
        store.delete(entry.key)
    (found,) = affected(conn, store, RULES)
    assert (found.batch.batch_id, found.rows, found.replaced_by) == (first.batch_id, None, None)

    full = run_days(put(cards(20), 1, bio="Baker"), day=DAY + 2 * NEXT)

    (found,) = affected(conn, store, RULES)
    assert (full.why_full, found.replaced_by) == ("the batch before cannot be read", full.batch_id)


def test_batches_without_contacts_and_rows_of_the_rules_in_force_are_not_named(
    run, cards, store, conn
):
    run(cards(20))
    assert affected(conn, store, RULES) == []

    run(put(cards(20), 0, bio="kay@bakery.example", ruleset_version=RULES), day=DAY + NEXT)
    assert affected(conn, store, RULES) == []


def test_a_batch_whose_files_are_gone_is_named_as_one_that_nobody_can_look_at(
    run, cards, store, conn
):
    done = run(cards(20))
    for entry in store.list(f"lead_card/v1/{done.batch_id}"):
        store.delete(entry.key)

    (found,) = affected(conn, store, RULES)

    assert (found.batch.day, found.rows, found.replaced_by) == (DAY, None, None)
