"""A batch whose writer dies at any put, is killed, or is not alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sxe_pipeline.handoff.batches import list_batches
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.store import sql
from sxe_pipeline_tests.handoff import publisher
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT, NOW
from sxe_pipeline_tests.handoff.crashing import MANIFEST, PUTS, Cut, Faulty, held


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("put", range(1, 7), ids=PUTS)
def test_f1_a_crash_at_any_put_leaves_all_or_nothing(
    run, cards, store, conn, events, expected, put, when
):
    with pytest.raises(Cut):
        run(cards(20, order=1), objects=Faulty(store.url, put, when))

    is_visible = any(key.endswith(manifest.NAME) for key in held(store))
    assert is_visible == (put == MANIFEST and when == "after")
    assert list_batches(conn) == []

    conn.rollback()
    again = run(cards(20, order=2), now=NOW + NEXT)

    assert held(store) == expected(cards(20))
    assert again.already == is_visible
    assert events(again.batch_id) == ["batch.building", "batch.published"]
    assert run(cards(20, order=3)).already
    assert held(store) == expected(cards(20))


@pytest.fixture
def child(social_dsn, store, signer, contract, tmp_path):
    """`child(rows, put, when)`: publish in a process that is killed at a put; 0 lives."""
    return publisher.starter(
        social_dsn, store, signer, contract, BatchKey("x_general", DAY), tmp_path
    )


@pytest.mark.parametrize(
    ("put", "when"),
    [(1, "before"), (5, "before"), (MANIFEST, "before"), (MANIFEST, "after")],
    ids=["start", "columns", "parts", "manifest"],
)
def test_a_killed_process_leaves_what_the_next_one_completes(
    child, run, cards, store, expected, events, put, when
):
    with child(cards(20, order=1), put, when) as killed:
        assert killed.wait() == -9

    done = run(cards(20, order=2))

    assert held(store) == expected(cards(20))
    assert events(done.batch_id) == ["batch.building", "batch.published"]


def test_f2_two_processes_at_once_make_one_batch(child, cards, store, expected, events):
    with child(cards(200, order=1)) as one, child(cards(200, order=2)) as other:
        printed = sorted(out.split() for out in (one.communicate()[0], other.communicate()[0]))

    assert printed[0][0] == printed[1][0]
    assert [already for _, already in printed] == ["False", "True"]
    assert held(store) == expected(cards(200))
    assert events(printed[0][0]) == ["batch.building", "batch.published"]


def test_a_reader_who_walks_by_number_gets_every_batch_once_while_many_publish(
    run, cards, social_dsn
):
    names = [f"market_{number}" for number in range(16)]
    done, seen = threading.Event(), []

    def publish_some(markets):
        with sql.connect(social_dsn) as own:
            for market in markets:
                run(cards(3, market=market), market=market, by=own)

    def walk():
        with sql.connect(social_dsn) as own:
            while not done.is_set() or len(seen) < len(names):
                query = (
                    "select published_seq, market from handoff.batch "
                    "where published_seq > %s order by published_seq"
                )
                seen.extend(own.execute(query, [seen[-1][0] if seen else 0]).fetchall())
                own.commit()

    with ThreadPoolExecutor(max_workers=5) as pool:
        reader = pool.submit(walk)
        writers = [pool.submit(publish_some, names[number::4]) for number in range(4)]
        for writer in writers:
            writer.result()
        done.set()
        reader.result()

    assert [number for number, _ in seen] == list(range(1, len(names) + 1))
    assert sorted(market for _, market in seen) == sorted(names)
