"""A chain of deltas is pulled as far back as it is not held."""

import pyarrow as pa
import pytest

from sxe_pipeline.handoff import heads
from sxe_pipeline.handoff.reader import pull, sources
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT, NOW


@pytest.fixture
def chain(run_days, cards):
    """`chain(n)`: publish n days, each with a card less and another bio."""
    rows = cards(20).sort_by("card_id")

    def call(first, last):
        done = []
        for number in range(first, last):
            today = rows.slice(number).to_pylist()
            today[0]["bio"] = f"New words {number}"
            table = pa.Table.from_pylist(today, schema=rows.schema)
            done.append(run_days(table, day=DAY + number * NEXT))
        return done

    return call


@pytest.fixture
def take(conn, store, signer, tmp_path):
    def call(into="mine"):
        heads.make(conn, store, contract="lead_card", major=1, signer=signer, actor="test", now=NOW)
        done = pull.pull(
            sources.store_of(tmp_path / "handoff"),
            signer.public_key,
            contract="lead_card",
            major=1,
            into=tmp_path / into,
            now=NOW,
        )
        return [(b.batch_id, b.kind) for b in done.batches]

    return call


def test_f6_who_begins_gets_the_newest_full_batch_and_every_delta_since(chain, take):
    made = chain(0, 4)

    assert take() == [
        (b.batch_id, kind)
        for b, kind in zip(made, ["full", "delta", "delta", "delta"], strict=True)
    ]


def test_f6_who_holds_a_batch_gets_what_followed_it(chain, take):
    chain(0, 2)
    take()
    made = chain(2, 4)

    assert take() == [(b.batch_id, "delta") for b in made]
    assert take() == []
