"""Batches of a request: the same publisher, another chain."""

import datetime as dt
import json

import duckdb
import pyarrow as pa
import pytest

from sxe_pipeline import audit
from sxe_pipeline.errors import BadInput, Busy, ContractBroken
from sxe_pipeline.handoff import publish, record
from sxe_pipeline.handoff.batches import list_batches
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.handoff.reader import verify
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.handoff import publisher
from sxe_pipeline_tests.handoff.contacts import CONTRACT, DAY, NOW, OTHER, REQUEST, at, contacts
from sxe_pipeline_tests.handoff.crashing import MANIFEST, PUTS, Cut, Faulty, held
from sxe_pipeline_tests.handoff.whole import batch_bytes

ONCE = ["contact_batch.building", "contact_batch.published"]


@pytest.fixture
def run(publish_contacts):
    return publish_contacts


@pytest.fixture
def expected(signer):
    """`expected(rows, batch_key, prev)`: every byte of the batch, without a store or a database."""

    def files(rows, batch_key=None, prev=None):
        return batch_bytes(CONTRACT, signer, rows, batch_key or at(), prev)

    return files


@pytest.fixture
def check(store, signer):
    """`check(batch_id)`: what a consumer with the pinned key sees."""
    return lambda batch_id: verify.verify(
        verify.Prefix(store, f"lead_contact/v1/{batch_id}"), signer.public_key
    )


def visible(store):
    return [key for key in held(store) if key.endswith(manifest.NAME)]


def test_a_batch_of_a_request_is_verified_by_a_consumer_and_read_back(
    run, store, check, events, api_dsn, tmp_path
):
    done = run(contacts(9))
    seen = check(done.batch_id)

    assert (done.state, done.already, done.row_count) == ("published", False, 9)
    assert (done.batch_key, done.market, done.day) == (at(), "x_general", DAY)
    assert (seen.request_id, seen.seq, seen.market) == (str(REQUEST), 1, "x_general")
    assert (seen.contract, seen.day, seen.row_count) == ("lead_contact", "2026-03-10", 9)
    assert events(done.batch_id) == ONCE
    with sql.connect(api_dsn) as reader:
        (listed,) = list_batches(reader)
    assert (listed.batch_id, listed.request_id, listed.seq) == (done.batch_id, REQUEST, 1)
    assert listed.batch_key == at()

    folder = tmp_path / "handoff" / listed.folder
    for read in (f"read_parquet('{folder}/parquet/*')", f"read_json('{folder}/_jsonl/*')"):
        with duckdb.connect(":memory:") as db:
            rows = db.sql(f"SELECT kind, count(*), count(dnc) FROM {read} GROUP BY 1 ORDER BY 1")
            assert rows.fetchall() == [("email", 6, 0), ("phone", 3, 3)]


def test_json_lines_tell_null_from_false(run, store):
    done = run(contacts(9))
    (lines,) = [data for key, data in held(store).items() if key.endswith(".jsonl")]
    rows = [json.loads(line) for line in lines.splitlines()]

    assert done.row_count == len(rows) == 9
    assert {row["tcpa"] for row in rows} == {None}
    assert {row["litigator"] for row in rows if row["kind"] == "phone"} == {False}
    assert [(r["card_id"], r["kind"], r["value"]) for r in rows] == sorted(
        (r["card_id"], r["kind"], r["value"]) for r in rows
    )


def test_a_seq_replaces_the_one_before_it_and_names_it(run, store, expected, check):
    first = run(contacts(6), at(1))
    second = run(contacts(9), at(2, day=DAY + dt.timedelta(days=1)))
    third = run(contacts(7), at(3))

    assert check(first.batch_id).prev_batch_id is None
    assert check(second.batch_id).prev_batch_id == first.batch_id
    assert check(third.batch_id).prev_batch_id == second.batch_id, "seq counts, not the day"
    assert expected(contacts(7), at(3), second.batch_id).items() <= held(store).items()


def test_requests_of_one_market_and_day_are_chains_of_their_own(run, check, api_dsn):
    first = run(contacts(6))
    other = run(contacts(6, OTHER), at(1, OTHER))
    second = run(contacts(7), at(2))

    assert check(other.batch_id).prev_batch_id is None
    assert check(second.batch_id).prev_batch_id == first.batch_id
    with sql.connect(api_dsn) as reader:
        listed = [(b.request_id, b.seq) for b in list_batches(reader, market="x_general")]
        assert list_batches(reader, contract="lead_card") == []
    assert listed == [(REQUEST, 1), (OTHER, 1), (REQUEST, 2)], "as they became visible"


def test_a_published_seq_is_never_published_again_whatever_the_rows_market_or_day(run, store):
    first = run(contacts(6))
    before = held(store)

    for rows, batch_key in [
        (contacts(6, order=5), at()),
        (contacts(9), at()),
        (contacts(0), at()),
        (contacts(6), at(market="other", day=DAY + dt.timedelta(days=5))),
    ]:
        again = run(rows, batch_key)
        assert (again.state, again.already) == ("published", True)
        assert (again.batch_id, again.row_count, again.batch_key) == (first.batch_id, 6, at())
    assert held(store) == before

    run(contacts(7), at(2))
    assert run(contacts(9), at(1)).state == "closed"
    assert len(visible(store)) == 2


def test_a_gap_is_refused_and_writes_nothing(run, store, login):
    for seq in (2, 7):
        with pytest.raises(BadInput, match="publish seq 1 first"):
            run(contacts(6), at(seq))
    run(contacts(6), at(1))
    with pytest.raises(BadInput, match="publish seq 2 first"):
        run(contacts(6), at(3))

    assert len(visible(store)) == 1
    assert login.execute("SELECT count(*) FROM handoff.batch").fetchone() == (1,)


def test_no_contact_point_is_a_batch_only_where_the_request_had_one(run, check):
    assert run(contacts(0)).state == "empty"

    run(contacts(6))
    done = run(contacts(0), at(2))

    assert (done.state, check(done.batch_id).row_count) == ("published", 0)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("put", range(1, 7), ids=PUTS)
def test_f1_a_crash_at_any_put_leaves_all_or_nothing(
    run, store, login, events, expected, put, when
):
    with pytest.raises(Cut):
        run(contacts(9, order=1), objects=Faulty(store.url, put, when))
    is_visible = bool(visible(store))
    assert is_visible == (put == MANIFEST and when == "after")
    assert list_batches(login) == []

    login.rollback()
    again = run(contacts(9, order=2), now=NOW + dt.timedelta(days=1))

    assert held(store) == expected(contacts(9))
    assert again.already == is_visible
    assert events(again.batch_id) == ONCE
    assert run(contacts(9, order=3)).already


@pytest.mark.parametrize(
    ("module", "name"),
    [(record, "build"), (publish, "_put"), (record, "finish")],
    ids=["before the first commit", "after it", "before the last one"],
)
def test_a_crash_beside_a_commit_is_resumed(
    run, store, login, contacts_dsn, events, expected, monkeypatch, module, name
):
    whole = getattr(module, name)

    def cut(*given, **more):
        whole(*given, **more)
        raise Cut

    with monkeypatch.context() as patch, sql.connect(contacts_dsn) as dying:
        patch.setattr(module, name, cut)
        with pytest.raises(Cut):
            run(contacts(9, order=1), by=dying)

    done = run(contacts(9, order=2))

    assert held(store) == expected(contacts(9))
    assert events(done.batch_id) == ONCE
    assert [b.batch_id for b in list_batches(login)] == [done.batch_id]


@pytest.fixture
def child(contacts_dsn, store, signer, tmp_path):
    """`child(rows, put, when)`: publish in a process that is killed at a put; 0 lives."""
    return publisher.starter(contacts_dsn, store, signer, CONTRACT, at(), tmp_path)


@pytest.mark.parametrize(
    ("put", "when"),
    [(1, "before"), (5, "before"), (MANIFEST, "before"), (MANIFEST, "after")],
    ids=["start", "columns", "parts", "manifest"],
)
def test_a_killed_process_leaves_what_the_next_one_completes(
    child, run, store, expected, events, put, when
):
    with child(contacts(9, order=1), put, when) as killed:
        assert killed.wait() == -9

    done = run(contacts(9, order=2))

    assert held(store) == expected(contacts(9))
    assert events(done.batch_id) == ONCE


def test_two_processes_at_once_make_one_manifest(child, store, expected, events):
    with child(contacts(90, order=1)) as one, child(contacts(90, order=2)) as other:
        printed = sorted(out.split() for out in (one.communicate()[0], other.communicate()[0]))

    assert printed[0][0] == printed[1][0]
    assert [already for _, already in printed] == ["False", "True"]
    assert held(store) == expected(contacts(90))
    assert events(printed[0][0]) == ONCE


def test_two_processes_with_other_rows_make_one_manifest(child, store, check):
    with child(contacts(90)) as one, child(contacts(60)) as other:
        printed = [out.split() for out in (one.communicate()[0], other.communicate()[0])]

    (only,) = visible(store)
    batch_id = only.split("/")[2]
    assert [batch_id, "False"] in printed
    assert all(answer in ([], [batch_id, "False"], [batch_id, "True"]) for answer in printed)
    assert check(batch_id).row_count in (60, 90)


def test_later_values_for_a_begun_seq_replace_what_nobody_saw(run, store, login, events, expected):
    with pytest.raises(Cut):
        run(contacts(6), objects=Faulty(store.url, MANIFEST, "before"))
    login.rollback()
    old = next(iter(expected(contacts(6)))).split("/")[2]

    done = run(contacts(9))

    assert events(old) == ["contact_batch.building", "contact_batch.abandoned"]
    assert visible(store) == [f"lead_contact/v1/{done.batch_id}/{manifest.NAME}"]


def test_a_visible_seq_is_completed_before_the_next_one_begins(run, store, login, check):
    with pytest.raises(Cut):
        run(contacts(6), objects=Faulty(store.url, MANIFEST, "after"))
    login.rollback()

    second = run(contacts(9), at(2))

    assert [b.seq for b in list_batches(login)] == [1, 2]
    assert check(second.batch_id).prev_batch_id == list_batches(login)[0].batch_id


def test_a_run_that_was_replaced_while_it_wrote_makes_nothing_visible(run, store, contacts_dsn):
    class Overtaken(Objects):
        """Another run publishes other rows while this one writes its parts."""

        is_first = True

        def put_new(self, key, data):
            if self.is_first:
                self.is_first = False
                with sql.connect(contacts_dsn) as other:
                    run(contacts(9), by=other)
            return super().put_new(key, data)

    with pytest.raises(Busy, match="replaced"):
        run(contacts(6), objects=Overtaken(store.url))

    assert len(visible(store)) == 1


def test_rows_of_another_request_are_refused(run, store):
    mixed = pa.concat_tables([contacts(3), contacts(9, OTHER).slice(4)])

    with pytest.raises((BadInput, ContractBroken)):
        run(mixed)
    with pytest.raises(BadInput, match="6 rows are not of request"):
        run(contacts(6, OTHER))
    assert held(store) == {}


def test_a_contract_and_a_key_that_do_not_fit_are_refused(run, cards, contract, store):
    with pytest.raises(BadInput, match="named by request and seq"):
        run(contacts(6), BatchKey("x_general", DAY))
    with pytest.raises(BadInput, match="named by market and day"):
        run(cards(6), at(), contract=contract)
    assert held(store) == {}


@pytest.mark.parametrize(
    ("request_id", "seq"), [(REQUEST, None), (None, 1), (REQUEST, 0), (REQUEST, -1)]
)
def test_half_a_key_is_refused(request_id, seq):
    with pytest.raises(BadInput, match="seq from 1 on"):
        BatchKey("x_general", DAY, request_id, seq)


def test_an_event_fits_with_the_longest_names_and_holds_no_value(run, api_dsn):
    long = "m" * 64
    run(contacts(6), at(1, market=long))
    done = run(contacts(9), at(2, market=long))

    with sql.connect(api_dsn) as reader:
        payloads = [
            bytes(payload)
            for (payload,) in reader.execute(
                "SELECT payload FROM audit.event WHERE subject = %s", [done.batch_id]
            )
        ]
    for payload in payloads:
        data = json.loads(payload)["data"]
        assert (data["request_id"], data["seq"], data["row_count"]) == (str(REQUEST), 2, 9)
        assert b"example.com" not in payload
        assert b"+1202" not in payload
    assert {audit.KINDS[kind] for kind in ONCE} == {"handoff/lead_contact_batches"}
