"""Days of a market as full batches and deltas: when which, and what survives."""

import dataclasses
import io
import json
import subprocess
import sys

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from sxe_pipeline.demo import consumer
from sxe_pipeline.errors import Busy, ContractBroken
from sxe_pipeline.handoff import record
from sxe_pipeline.handoff.batches import list_batches
from sxe_pipeline.handoff.files import encode, manifest
from sxe_pipeline.handoff.reader.verify import Prefix, verify
from sxe_pipeline.store import sql
from sxe_pipeline_tests.handoff import publisher
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT, NOW
from sxe_pipeline_tests.handoff.crashing import DELTA_PUTS, Cut, Faulty, held
from sxe_pipeline_tests.handoff.whole import (
    changed,
    withheld,
    without,
)

LATER = [DAY + n * NEXT for n in range(9)]


def fields_of(conn, batch_id):
    return manifest.fields_of(record.manifest_of(conn, batch_id))


def test_a_day_on_which_little_changed_is_a_delta(run_days, today, store, signer, conn, expected):
    before, rows, upserts, removes = today
    first, second = run_days(before), run_days(rows, day=DAY + NEXT)

    assert (first.kind, first.why_full) == ("full", "it is the first of its chain")
    assert (second.kind, second.why_full) == ("delta", None)
    assert (second.row_count, second.remove_count) == (2, 2)
    of_delta = expected(upserts, day=DAY + NEXT, prev=first.batch_id, removes=removes)
    assert of_delta.items() <= held(store).items()
    folder = Prefix(store, f"lead_card/v1/{second.batch_id}")
    seen = verify(folder, signer.public_key)
    assert (seen.kind, seen.base_batch_id, seen.remove_count) == ("delta", first.batch_id, 2)
    assert [(b.kind, b.row_count, b.remove_count) for b in list_batches(conn)] == [
        ("full", 20, 0),
        ("delta", 2, 2),
    ]


def test_f4_files_manifest_and_database_count_alike(run_days, today, store, conn):
    before, rows, *_ = today
    run_days(before)
    batch_id = run_days(rows, day=DAY + NEXT).batch_id

    fields = fields_of(conn, batch_id)
    counts = {}
    for entry in fields["files"]:
        data = store.get(f"lead_card/v1/{batch_id}/{entry['name']}")
        if entry["format"] == "parquet":
            count = pq.read_metadata(io.BytesIO(data)).num_rows
        else:
            count = data.count(b"\n")
        assert count == entry["rows"]
        counts[entry["holds"], entry["format"]] = count
    assert set(counts.values()) == {fields["row_count"], fields["remove_count"]} == {2}
    assert len(counts) == 4


def test_f6_the_folder_of_a_delta_and_of_all_days_holds_the_contract_columns_only(
    run_days, today, store, contract, tmp_path
):
    before, rows, *_ = today
    run_days(before)
    changed_day = run_days(rows, day=LATER[1])
    only_gone = run_days(without(rows, 3), day=LATER[2])
    root = tmp_path / "handoff" / "lead_card" / "v1"

    assert (changed_day.kind, only_gone.kind) == ("delta", "delta")
    for folder, count in ((changed_day, 2), (only_gone, 0)):
        opened = root / folder.batch_id / "parquet"
        assert ds.dataset(opened).schema.names == contract.names
        assert pl.scan_parquet(opened).collect().height == count
        removes = root / folder.batch_id / "_removes" / "parquet"
        assert ds.dataset(removes).schema.names == encode.tombstone().names
        assert pl.scan_parquet(removes).collect().height == folder.remove_count
    with duckdb.connect() as db:
        found = db.sql(f"select * from read_parquet('{root}/*/parquet/*', union_by_name = true)")
        assert found.columns == contract.names
        assert len(found.fetchall()) == 22
        gone = db.sql(f"select * from read_parquet('{root}/*/_removes/parquet/*')")
        assert gone.columns == encode.tombstone().names
        assert len(gone.fetchall()) == 3


def test_the_stored_proof_is_what_a_reader_of_every_row_computes(
    run_days, today, store, conn, tmp_path
):
    before, rows, *_ = today
    run_days(before)
    batch_id = run_days(rows, day=DAY + NEXT).batch_id
    folder = tmp_path / "handoff" / "lead_card" / "v1" / batch_id

    with duckdb.connect() as db:
        row = db.execute(
            "select sha256(coalesce(string_agg(card_id, chr(10) order by card_id), '')) from ("
            f"select card_id from read_parquet('{folder}/parquet/*') union all "
            f"select card_id from read_parquet('{folder}/_removes/parquet/*'))"
        ).fetchone()
    stored = conn.execute("select keys_sha256 from handoff.batch where batch_id = %s", [batch_id])
    assert stored.fetchone() == row
    assert row[0].encode() not in record.manifest_of(conn, batch_id)


def test_a_day_without_a_change_writes_nothing_after_a_delta_either(run_days, today, store, conn):
    before, rows, *_ = today
    run_days(before)
    second = run_days(rows, day=LATER[1])
    stored = held(store)

    same = run_days(rows, day=LATER[2], full_every=2)

    assert (same.state, same.batch_id, same.row_count) == ("unchanged", second.batch_id, 18)
    assert held(store) == stored


def test_one_of_so_many_batches_is_full(run_days, cards):
    rows, kinds = cards(20), []
    for number, day in enumerate(LATER[:7]):
        done = run_days(changed(rows, 0, bio=f"Words of day {number}"), day=day, full_every=3)
        kinds.append((done.kind, done.why_full))

    first, one_of = ("full", "it is the first of its chain"), ("full", "one of 3 is")
    assert kinds == [first, *[("delta", None)] * 2, one_of, *[("delta", None)] * 2, one_of]


@pytest.mark.parametrize(
    ("count", "kind"), [(8, "delta"), (9, "full"), (19, "full")], ids=lambda value: str(value)
)
def test_a_day_on_which_most_rows_changed_is_full(run_days, cards, count, kind):
    run_days(cards(20))
    # With the one that is gone, nine of nineteen rows are half of them, and ten are more.
    rows = changed(without(cards(20), 19), *range(count), bio="New words")

    done = run_days(rows, day=DAY + NEXT)

    assert (done.kind, done.why_full) == (kind, "most rows changed" if kind == "full" else None)


def test_a_market_that_is_emptied_is_a_full_batch_of_nothing(run_days, cards, contract):
    run_days(cards(20))

    done = run_days(contract.arrow().empty_table(), day=DAY + NEXT)

    assert (done.kind, done.row_count, done.why_full) == ("full", 0, "most rows changed")


def test_another_policy_is_a_full_batch(run_days, cards):
    run_days(cards(20))
    rows = changed(cards(20), *range(20), policy_version="2")

    done = run_days(rows, day=LATER[1])
    after = run_days(changed(rows, 0, bio="New words"), day=LATER[2])

    assert (done.kind, done.why_full) == ("full", "the policy has another version")
    assert after.kind == "delta"


def test_another_contract_is_a_full_batch(run_days, cards, contract):
    run_days(cards(20))
    rules = [*contract.rules, dataclasses.replace(contract.rules[0], name="one_more")]
    next_one = dataclasses.replace(contract, version="1.0.1", rules=tuple(rules))

    done = run_days(changed(cards(20), 0, bio="New words"), day=LATER[1], contract=next_one)

    assert (done.kind, done.why_full) == ("full", "the contract has another version")


@pytest.mark.parametrize("fault", ["gone", "other bytes", "cut"])
def test_what_cannot_be_read_any_more_is_followed_by_a_full_batch(run_days, today, store, fault):
    before, rows, *_ = today
    first = run_days(before)
    (key,) = [e.key for e in store.list(f"lead_card/v1/{first.batch_id}/_jsonl")]
    data = store.get(key)
    store.delete(key)
    if fault != "gone":
        store.put_new(key, data[:-7] if fault == "cut" else data.replace(b"tech", b"toch", 1))

    done = run_days(rows, day=DAY + NEXT)

    assert (done.kind, done.why_full) == ("full", "the batch before cannot be read")
    assert done.row_count == 18


def test_a_card_that_nobody_can_say_the_reason_of_stops_the_day(run_days, today, store, conn):
    before, rows, *_ = today
    run_days(before)
    stored = held(store)

    def silent(market, card_ids):
        return withheld(market, card_ids.slice(1))

    with pytest.raises(ContractBroken, match="reason is null 1 times"):
        run_days(rows, day=DAY + NEXT, gone=silent)
    assert held(store) == stored
    assert len(list_batches(conn)) == 1


@pytest.mark.parametrize("fault", ["twice", "none", "odd"])
def test_rows_without_a_sound_key_stop_a_delta_as_they_stop_a_full_batch(
    run_days, today, store, contract, fault
):
    before, rows, *_ = today
    run_days(before)
    if fault == "twice":
        rows = pa.concat_tables([rows, rows.slice(0, 1)])
    else:
        rows = changed(rows, 3, card_id=None if fault == "none" else 'a"b')

    with pytest.raises(ContractBroken):
        run_days(rows, day=DAY + NEXT)


def test_a_delta_fits_its_base_alone(run_days, today, store, social_dsn, conn):
    """Another day is published while this one is compared with what was the newest."""
    before, rows, *_ = today
    run_days(before)

    def slow(market, card_ids):
        with sql.connect(social_dsn) as other:
            run_days(changed(before, 5, bio="Others' words"), day=LATER[1], by=other)
        return withheld(market, card_ids)

    with pytest.raises(Busy, match="meanwhile"):
        run_days(rows, day=LATER[2], gone=slow)
    conn.rollback()
    done = run_days(rows, day=LATER[2])

    assert (done.kind, done.row_count, done.remove_count) == ("delta", 3, 2)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("put", range(1, len(DELTA_PUTS) + 1), ids=DELTA_PUTS)
def test_f1_a_crash_at_any_put_of_a_delta_leaves_all_or_nothing(
    run_days, today, store, conn, events, expected, put, when
):
    before, rows, upserts, removes = today
    first = run_days(before)
    made = expected(upserts, day=DAY + NEXT, prev=first.batch_id, removes=removes)
    whole = held(store) | made
    with pytest.raises(Cut):
        run_days(rows, day=DAY + NEXT, objects=Faulty(store.url, put, when))

    visible = [key for key in held(store) if key.endswith(manifest.NAME)]
    is_visible = put == len(DELTA_PUTS) and when == "after"
    assert len(visible) == 1 + is_visible
    conn.rollback()

    again = run_days(rows, day=DAY + NEXT, now=NOW + NEXT)

    assert held(store) == whole
    assert again.already == is_visible
    assert (again.kind, again.remove_count) == ("delta", 2)
    assert events(again.batch_id) == ["batch.building", "batch.published"]


def test_f2_two_processes_at_once_make_one_delta(
    run_days, today, store, social_dsn, signer, contract, tmp_path, expected, events
):
    before, rows, upserts, removes = today
    first = run_days(before)
    (tmp_path / "rows").mkdir()
    start = publisher.starter(
        social_dsn,
        store,
        signer,
        contract,
        publisher.BatchKey("x_general", LATER[1]),
        tmp_path / "rows",
        has_deltas=True,
    )
    shuffled = rows.take(pa.array(range(rows.num_rows))[::-1])
    with start(rows) as one, start(shuffled) as other:
        printed = sorted(out.split() for out in (one.communicate()[0], other.communicate()[0]))

    assert printed[0][0] == printed[1][0]
    assert [already for _, already in printed] == ["False", "True"]
    made = expected(upserts, day=LATER[1], prev=first.batch_id, removes=removes)
    assert made.items() <= held(store).items()
    assert events(printed[0][0]) == ["batch.building", "batch.published"]


def test_a_stranger_reads_full_batches_and_deltas_from_files_and_a_key(
    run_days, today, signer, tmp_path
):
    before, rows, *_ = today
    run_days(before)
    run_days(rows, day=LATER[1])
    run_days(without(rows, 3), day=LATER[2])
    (tmp_path / "signing.pub").write_bytes(signer.public_pem())
    program = [sys.executable, "-I", consumer.__file__]
    given = ["files", tmp_path / "handoff", "lead_card", tmp_path / "signing.pub"]

    done = subprocess.run([*program, *given], capture_output=True, text=True, check=True)

    read = sorted(map(json.loads, done.stdout.splitlines()), key=lambda batch: batch["day"])
    assert [(b["kind"], b["rows"], b["removes"]) for b in read] == [
        ("full", 20, 0),
        ("delta", 2, 2),
        ("delta", 0, 1),
    ]
    for batch in read:
        assert batch["rows"] == batch["duckdb_rows"] == batch["pandas_rows"]
        assert batch["schema_errors"] == 0


def test_audit_payloads_of_a_delta_hold_counts_and_no_proof(run_days, today, api_dsn, conn):
    before, rows, *_ = today
    run_days(before)
    done = run_days(rows, day=DAY + NEXT)
    stored = conn.execute(
        "select keys_sha256 from handoff.batch where batch_id = %s", [done.batch_id]
    ).fetchone()
    with sql.connect(api_dsn) as reader:
        payloads = reader.execute(
            "SELECT payload FROM audit.event WHERE subject = %s", [done.batch_id]
        ).fetchall()

    for (payload,) in payloads:
        data = json.loads(payload)["data"]
        assert (data["kind"], data["row_count"], data["remove_count"]) == ("delta", 2, 2)
        assert stored[0].encode() not in payload
        assert len(payload) <= 600


@pytest.mark.parametrize("kept", [18, 3], ids=["a full one is due", "most rows changed"])
def test_p15_who_is_erased_is_said_even_where_a_full_batch_would_be_better(run_days, cards, kept):
    rows = cards(20).sort_by("card_id")
    run_days(rows)

    def erased(market, card_ids):
        reasons = pa.array(["erased"] * len(card_ids))
        return withheld(market, card_ids).set_column(1, "reason", reasons)

    done = run_days(rows.slice(0, kept), day=LATER[1], gone=erased, full_every=1)

    assert (done.kind, done.remove_count) == ("delta", 20 - kept)
    again = run_days(rows.slice(0, kept - 1), day=LATER[2], full_every=1)
    assert again.kind == "full", "the next one may be"


def test_p15_a_no_is_said_of_whoever_had_left_for_another_reason_before(run_days, cards, store):
    rows = cards(20).sort_by("card_id")
    person = rows["card_id"][19].as_py()

    def erased(market, card_ids):
        said = withheld(market, card_ids)
        reasons = ["erased" if one == person else "withheld" for one in card_ids.to_pylist()]
        return said.set_column(1, "reason", pa.array(reasons))

    def told():
        lines = (
            line
            for key, data in held(store).items()
            if "_removes/_jsonl/" in key
            for line in data.splitlines()
        )
        return sorted((one["card_id"] == person, one["reason"]) for one in map(json.loads, lines))

    run_days(rows)
    run_days(rows.slice(0, 18), day=LATER[1], gone=withheld)
    assert told() == [(False, "withheld"), (True, "withheld")]

    late = run_days(rows.slice(0, 18), day=LATER[2], gone=erased)
    assert (late.kind, late.row_count, late.remove_count) == ("delta", 0, 1)
    assert told() == [(False, "withheld"), (True, "erased"), (True, "withheld")]

    again = run_days(rows.slice(0, 18), day=LATER[3], gone=erased)
    assert again.state == "unchanged", "it is said once"
