"""A batch whose writer dies at any put, is killed, or is not alone."""

import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from sxe_pipeline.handoff import manifest
from sxe_pipeline.handoff.batches import list_batches
from sxe_pipeline_tests.handoff.contacts import NEXT, NOW
from sxe_pipeline_tests.handoff.crashing import Cut, Faulty, held


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("put", [1, 2, 3], ids=["parquet", "jsonl", "manifest"])
def test_a_crash_at_any_put_leaves_all_or_nothing(
    run, cards, store, conn, events, expected, put, when
):
    with pytest.raises(Cut):
        run(cards(20, order=1), objects=Faulty(store.url, put, when))

    is_visible = any(key.endswith(manifest.NAME) for key in held(store))
    assert is_visible == (put == 3 and when == "after")
    assert list_batches(conn) == []

    conn.rollback()
    again = run(cards(20, order=2), now=NOW + NEXT)

    assert held(store) == expected(cards(20))
    assert again.already == is_visible
    assert events(again.batch_id) == ["batch.building", "batch.published"]
    assert run(cards(20, order=3)).already
    assert held(store) == expected(cards(20))


CHILD = """
import datetime as dt, os, signal, sys
import pyarrow.parquet as pq
from sxe_pipeline import schema
from sxe_pipeline.handoff import publish, sign
from sxe_pipeline.handoff.slot import Slot
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects

dsn, url, rows, key, put, when = sys.argv[1:]
left = int(put)

class Dying(Objects):
    def put_new(self, key, data):
        global left
        left -= 1
        if left == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        made = super().put_new(key, data)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return made

with sql.connect(dsn) as conn:
    done = publish.publish(conn, Dying(url), contract=schema.load("lead_card", "0.1.0"),
        slot=Slot("x_general", dt.date(2026, 3, 10)), rows=pq.read_table(rows),
        signer=sign.Signer.from_text(key), actor="child",
        now=dt.datetime(2026, 3, 11, tzinfo=dt.UTC))
    print(done.batch_id, done.already)
"""


@pytest.fixture
def child(social_dsn, store, signer, tmp_path):
    """`child(rows, put, when)`: publish in a process that is killed at a put; 0 lives."""

    def start(rows, put=0, when="before"):
        file = tmp_path / f"rows-{len(list(tmp_path.iterdir()))}.parquet"
        pq.write_table(rows, file)
        given = [social_dsn, store.url, file, signer.text(), str(put), when]
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, *map(str, given)], stdout=subprocess.PIPE, text=True
        )

    return start


@pytest.mark.parametrize(
    ("put", "when"),
    [(1, "before"), (3, "before"), (3, "after")],
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
        said = sorted(out.split() for out in (one.communicate()[0], other.communicate()[0]))

    assert said[0][0] == said[1][0]
    assert [already for _, already in said] == ["False", "True"]
    assert held(store) == expected(cards(200))
    assert events(said[0][0]) == ["batch.building", "batch.published"]
