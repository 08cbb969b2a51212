"""A batch whose writer dies at any put, is killed, or is not alone."""

import pytest

from sxe_pipeline.handoff import manifest
from sxe_pipeline.handoff.batches import list_batches
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline_tests.handoff import publisher
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT, NOW
from sxe_pipeline_tests.handoff.crashing import MANIFEST, PUTS, Cut, Faulty, held


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("put", range(1, 7), ids=PUTS)
def test_a_crash_at_any_put_leaves_all_or_nothing(
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
    [(1, "before"), (MANIFEST, "before"), (MANIFEST, "after")],
    ids=["start", "parts", "manifest"],
)
def test_a_killed_process_leaves_what_the_next_one_completes(
    child, run, cards, store, expected, events, put, when
):
    with child(cards(20, order=1), put, when) as killed:
        assert killed.wait() == -9

    done = run(cards(20, order=2))

    assert held(store) == expected(cards(20))
    assert events(done.batch_id) == ["batch.building", "batch.published"]


def test_two_processes_at_once_make_one_batch(child, cards, store, expected, events):
    with child(cards(200, order=1)) as one, child(cards(200, order=2)) as other:
        printed = sorted(out.split() for out in (one.communicate()[0], other.communicate()[0]))

    assert printed[0][0] == printed[1][0]
    assert [already for _, already in printed] == ["False", "True"]
    assert held(store) == expected(cards(200))
    assert events(printed[0][0]) == ["batch.building", "batch.published"]
