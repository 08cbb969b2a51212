import datetime as dt
import json

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sxe_pipeline import sign
from sxe_pipeline.errors import BadInput, Busy, ContractBroken, Refused, StoreUnavailable, Tampered
from sxe_pipeline.handoff import day_batches, record
from sxe_pipeline.handoff.batches import list_batches
from sxe_pipeline.handoff.files import encode, manifest
from sxe_pipeline.handoff.reader.verify import Prefix, verify
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT, NOW
from sxe_pipeline_tests.handoff.crashing import MANIFEST, PUTS, Cut, Faulty, held


def test_a_published_batch_is_verified_by_a_consumer_and_listed(
    run, cards, store, signer, conn, events
):
    done = run(cards(20))
    seen = verify(Prefix(store, f"lead_card/v1/{done.batch_id}"), signer.public_key)

    assert (done.state, done.already, done.row_count) == ("published", False, 20)
    assert (seen.batch_id, seen.row_count, seen.day) == (done.batch_id, 20, "2026-03-10")
    assert events(done.batch_id) == ["batch.building", "batch.published"]
    (listed,) = list_batches(conn, market="x_general", contract="lead_card")
    assert (listed.batch_id, listed.created_at) == (done.batch_id, NOW)
    assert listed.published_at != NOW, "a run may publish its last market long after it began"
    assert listed.published_seq == 1
    assert listed.folder == f"lead_card/v1/{done.batch_id}"
    assert list_batches(conn, market="other") == list_batches(conn, contract="other") == []


def test_other_content_for_a_begun_day_is_a_new_batch_and_the_old_one_is_abandoned(
    run, cards, store, conn, events, expected
):
    with pytest.raises(Cut):
        run(cards(20, seed=1), objects=Faulty(store.url, MANIFEST, "before"))
    conn.rollback()
    old = next(iter(expected(cards(20, seed=1)))).split("/")[2]

    done = run(cards(20, seed=2))

    assert events(old) == ["batch.building", "batch.abandoned"]
    assert events(done.batch_id) == ["batch.building", "batch.published"]
    visible = [key for key in held(store) if key.endswith(manifest.NAME)]
    assert visible == [f"lead_card/v1/{done.batch_id}/{manifest.NAME}"]


def test_abandoned_content_that_comes_back_is_the_same_batch(
    run, cards, store, conn, events, expected
):
    for number, seed in enumerate((1, 2)):
        with pytest.raises(Cut):
            run(
                cards(20, seed=seed),
                objects=Faulty(store.url, MANIFEST, "before"),
                now=NOW + number * dt.timedelta(minutes=1),
            )
        conn.rollback()

    done = run(cards(20, seed=1), now=NOW + NEXT)

    assert expected(cards(20, seed=1)).items() <= held(store).items()
    assert events(done.batch_id) == [
        "batch.building",
        "batch.abandoned",
        "batch.building",
        "batch.published",
    ]


def test_the_same_rows_in_another_librarys_bytes_replace_what_was_begun(
    run, cards, store, conn, events, signer, monkeypatch
):
    with pytest.raises(Cut):
        run(cards(20), objects=Faulty(store.url, MANIFEST, "before"))
    conn.rollback()

    # Another release of the Parquet library writes the same rows in other bytes.
    monkeypatch.setattr(encode, "ZSTD_LEVEL", 19)
    done = run(cards(20), now=NOW + NEXT)

    assert events(done.batch_id) == [
        "batch.building",
        "batch.abandoned",
        "batch.building",
        "batch.published",
    ]
    seen = verify(Prefix(store, f"lead_card/v1/{done.batch_id}"), signer.public_key)
    assert seen.row_count == 20
    assert len(held(store)) == len(PUTS)


def test_a_visible_manifest_is_completed_whatever_the_rows_are_now(
    run, cards, store, conn, events, expected
):
    with pytest.raises(Cut):
        run(cards(20, seed=1), objects=Faulty(store.url, MANIFEST, "after"))
    conn.rollback()

    done = run(cards(20, seed=2))

    assert done.already
    assert held(store) == expected(cards(20, seed=1))
    assert events(done.batch_id) == ["batch.building", "batch.published"]


def test_a_run_that_was_replaced_while_it_wrote_makes_nothing_visible(
    run, cards, store, conn, social_dsn
):
    class Overtaken(Objects):
        """Another run publishes other rows while this one writes its parts."""

        is_first = True

        def put_new(self, key, data):
            if self.is_first:
                self.is_first = False
                with sql.connect(social_dsn) as other:
                    run(cards(20, seed=2), by=other)
            return super().put_new(key, data)

    with pytest.raises(Busy, match="replaced"):
        run(cards(20, seed=1), objects=Overtaken(store.url))

    assert len([key for key in held(store) if key.endswith(manifest.NAME)]) == 1
    assert [batch.row_count for batch in list_batches(conn)] == [20]


def test_days_chain_a_market_at_a_time(run, cards, store, expected):
    first = run(cards(5))
    other = run(cards(5, market="tiktok_general"), market="tiktok_general")
    second = run(cards(6), day=DAY + NEXT)

    assert expected(cards(6), day=DAY + NEXT, prev=first.batch_id).items() <= held(store).items()
    assert len({first.batch_id, other.batch_id, second.batch_id}) == 3
    assert run(cards(7)).state == "closed", "the chain has a later day"
    assert run(cards(7), day=DAY + NEXT).batch_id == second.batch_id


def test_a_day_without_a_change_writes_nothing(run, cards, store, conn):
    first = run(cards(20))
    before = held(store)

    same = run(cards(20), day=DAY + NEXT)

    assert (same.state, same.batch_id, same.row_count) == ("unchanged", first.batch_id, 20)
    assert held(store) == before
    assert run(cards(21), day=DAY + 2 * NEXT).state == "published"
    assert [b.day for b in list_batches(conn, market="x_general")] == [DAY, DAY + 2 * NEXT]


def test_a_begun_day_that_was_overtaken_is_abandoned(run, cards, store, conn, events, expected):
    with pytest.raises(Cut):
        run(cards(5), objects=Faulty(store.url, MANIFEST - 1, "after"))
    conn.rollback()
    old = next(iter(expected(cards(5)))).split("/")[2]

    done = run(cards(5), day=DAY + NEXT)

    assert events(old) == ["batch.building", "batch.abandoned"]
    assert expected(cards(5), day=DAY + NEXT).items() <= held(store).items()
    assert done.state == "published"


def test_no_card_is_an_empty_batch_only_where_a_chain_is(run, cards, contract, store, signer):
    nothing = contract.arrow().empty_table()
    assert run(nothing).state == "empty"
    assert held(store) == {}

    run(cards(5))
    done = run(nothing, day=DAY + NEXT)

    assert (done.state, done.row_count) == ("published", 0)
    seen = verify(Prefix(store, f"lead_card/v1/{done.batch_id}"), signer.public_key)
    assert seen.row_count == 0


def test_rows_that_break_the_contract_write_nothing(run, cards, store, conn):
    rows = cards(5)
    with pytest.raises(ContractBroken):
        run(pa.concat_tables([rows, rows]))

    assert held(store) == {}
    assert list_batches(conn) == []
    row = conn.execute("SELECT count(*) FROM handoff.batch").fetchone()
    assert row == (0,)


def test_other_bytes_under_the_name_of_a_part_stop_the_run(run, cards, store, expected):
    key = next(iter(expected(cards(5))))
    store.put_new(key, b"other bytes")

    with pytest.raises(Tampered, match="other bytes"):
        run(cards(5))

    assert not any(name.endswith(manifest.NAME) for name in held(store))


def test_an_unlisted_part_of_an_earlier_run_is_removed_before_the_batch_is_visible(
    run, cards, store, expected, signer
):
    folder = next(iter(expected(cards(5)))).rsplit("/", 2)[0]
    store.put_new(
        f"{folder}/parquet/part-00000-0123456789abcdef.parquet", b"of another library version"
    )

    run(cards(5))

    assert held(store) == expected(cards(5))
    assert verify(Prefix(store, folder), signer.public_key).row_count == 5


def test_an_open_transaction_is_refused(run, cards, conn, store):
    with conn.transaction(), pytest.raises(BadInput, match="open transaction"):
        run(cards(5))

    assert held(store) == {}


def test_a_lost_database_is_no_traceback(run, cards, conn):
    conn.close()

    with pytest.raises((StoreUnavailable, BadInput)):
        run(cards(5))


def test_a_retired_key_signs_nothing(run, cards, store, signer, admin_dsn):
    with sql.connect(admin_dsn) as admin, admin.transaction():
        admin.execute("SET ROLE sxe_owner")
        assert record.know_key(admin, signer.public_key, actor="test", now=NOW)
        assert not record.know_key(admin, signer.public_key, actor="test", now=NOW)
        admin.execute("UPDATE handoff.signing_key SET retired_at = now()")

    with pytest.raises(Refused, match="retired"):
        run(cards(5))
    assert held(store) == {}


def test_what_a_key_began_before_it_was_retired_is_signed_anew(
    run, cards, store, signer, conn, admin_dsn
):
    with pytest.raises(Cut):
        run(cards(5), objects=Faulty(store.url, MANIFEST - 1, "before"))
    conn.rollback()
    with sql.connect(admin_dsn) as admin:
        record.know_key(admin, signer.public_key, actor="cli:keys", now=NOW)
        record.retire_key(admin, signer.key_id[:12], "it got out", actor="cli:keys")
    with pytest.raises(Refused, match="retired"):
        run(cards(5))
    conn.rollback()
    next_key = sign.Signer.generate()

    made = run(cards(5), signer=next_key)

    folder = Prefix(store, f"lead_card/v1/{made.batch_id}")
    assert verify(folder, next_key.public_key).batch_id == made.batch_id
    with pytest.raises(Tampered, match="not signed with the given key"):
        verify(folder, signer.public_key)


def test_what_a_retired_key_signed_stays_good_and_is_counted(run, cards, store, signer, admin_dsn):
    with sql.connect(admin_dsn) as admin:
        record.know_key(admin, signer.public_key, actor="cli:keys", now=NOW)
    made = run(cards(5))
    with sql.connect(admin_dsn) as admin:
        record.retire_key(admin, signer.key_id, "the yearly change", actor="cli:keys")
        [key] = [key for key in record.keys(admin) if key.key_id == signer.key_id]

    folder = Prefix(store, f"lead_card/v1/{made.batch_id}")
    assert verify(folder, signer.public_key).batch_id == made.batch_id
    assert (key.batch_count, key.last_day) == (1, DAY)


def test_the_key_of_another_tier_signs_nothing(run, cards, store, signer, admin_dsn):
    with sql.connect(admin_dsn) as admin, admin.transaction():
        admin.execute("SET ROLE sxe_owner")
        key = signer.public_key
        assert record.know_key(admin, key, contracts=["lead_contact"], actor="test", now=NOW)

    with pytest.raises(Refused, match="not registered for lead_card"):
        run(cards(5))
    assert held(store) == {}


def test_a_published_row_does_not_change(run, cards, conn):
    run(cards(5))

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("UPDATE handoff.batch SET state = 'abandoned', published_at = NULL")


def test_a_run_over_days_and_markets_publishes_the_newest_open_day_of_each(
    conn, store, contract, cards, signer
):
    landed = [DAY + n * NEXT for n in range(3)]
    for number, day in enumerate(landed):
        as_owner(
            conn,
            "INSERT INTO ingest.landing_file (collection, file_sha256, path, byte_count, "
            "landed_day) VALUES ('c', %s, 'p', 1, %s)",
            [f"{number:064x}", day],
        )

    class Rows:
        def __init__(self, rows):
            self.rows, self.markets = rows, set(rows["market"].to_pylist())

        def of(self, market):
            read.append(market)
            return self.rows.filter(pc.equal(self.rows["market"], market))

    def publish_days(days, rows):
        answers = day_batches.publish_day(
            conn,
            store,
            contract=contract,
            days=days,
            rows=Rows(rows),
            signer=signer,
            actor="test",
            now=NOW,
        )
        return [(a.market, a.day, a.state, a.row_count) for a in answers]

    read = []
    both = pa.concat_tables([cards(3, seed=1), cards(4, seed=2, market="b")])
    assert publish_days(landed[:2], both) == [
        ("b", landed[0], "closed", 0),
        ("b", landed[1], "published", 4),
        ("x_general", landed[0], "closed", 0),
        ("x_general", landed[1], "published", 3),
    ]
    assert publish_days([landed[2]], cards(5, seed=3)) == [
        ("b", landed[2], "published", 0),
        ("x_general", landed[2], "published", 5),
    ], "a market whose cards are gone says so"
    assert {state for _, _, state, _ in publish_days(landed, both)} == {"closed"}
    assert read == ["b", "x_general"] * 2, "one market at a time, and none whose days are closed"


def test_audit_payloads_hold_ids_counts_and_hashes_only(run, cards, api_dsn):
    done = run(cards(5))
    with sql.connect(api_dsn) as reader:
        rows = reader.execute(
            "SELECT payload FROM audit.event WHERE subject = %s", [done.batch_id]
        ).fetchall()

    for (payload,) in rows:
        data = json.loads(payload)["data"]
        assert data["row_count"] == 5
        assert set(data) == {
            "contract",
            "contract_version",
            "market",
            "day",
            "kind",
            "row_count",
            "key_id",
            "manifest_sha256",
        }
