"""A chain of deltas is pulled from what the head lists that was taken over last."""

import contextlib
import datetime as dt
import shutil

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.handoff import heads
from sxe_pipeline.handoff.reader import pull, sources
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT, NOW
from sxe_pipeline_tests.handoff.sender import NOON, Sender
from sxe_pipeline_tests.handoff.whole import tombstones


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


MARKETS = ("x_a", "x_b")
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("full"), st.sampled_from(MARKETS)),
        st.tuples(st.just("delta"), st.sampled_from(MARKETS)),
        st.tuples(st.just("die"), st.integers(1, 12)),
        st.tuples(st.just("pull"), st.none()),
        st.tuples(st.just("delete"), st.sampled_from(MARKETS)),
    ),
    max_size=14,
)


class Dying:
    """A store whose reader ends at so many files of rows."""

    def __init__(self, root, left):
        self._source, self._left = sources.store_of(root), left

    def chunks(self, key):
        if "part-" in key:
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
        return self._source.chunks(key)


class Consumer:
    """Whoever applies what a pull names, and nothing else, in the order in which it is named."""

    def __init__(self, root, sender):
        self.root, self.sender, self.applied = root, sender, {}

    def pull(self, source=None):
        return pull.pull(
            source or sources.store_of(self.sender.root),
            self.sender.signer.public_key,
            contract="lead_card",
            major=1,
            into=self.root,
            now=NOON + dt.timedelta(hours=1),
        )

    def apply(self, batches):
        for batch in batches:
            base = self.sender.bases[batch.batch_id]
            assert batch.kind == ("full" if base is None else "delta")
            assert base in (None, self.applied.get(batch.market)), "a batch was left out"
            assert (self.root / batch.folder / "_manifest.json").is_file()
            self.applied[batch.market] = batch.batch_id


@given(moves=MOVES)
@settings(deadline=None, max_examples=40)
def test_what_is_named_leads_on_from_what_was_named_before_whatever_was_killed_in_between(
    moves, signer, cards, tmp_path_factory
):
    root = tmp_path_factory.mktemp("chains")
    sender = Sender(root / "theirs", signer)
    sender.bases = {}
    consumer = Consumer(root / "mine", sender)
    gone = cards(9)["card_id"][8].as_py()
    for number, (move, what) in enumerate([*(("full", m) for m in MARKETS), *moves, ("pull", 0)]):
        if move in ("full", "delta"):
            before = sender.newest.get(what, {}).get("batch_id")
            removes = tombstones([(what, gone, "withheld", None)]) if move == "delta" else None
            day = dt.date(2026, 3, 10) + dt.timedelta(days=number)
            made = sender.cards(cards(2, market=what), what, day, removes)
            sender.bases[made["batch_id"]] = before if move == "delta" else None
            sender.head()
        elif move == "die":
            with contextlib.suppress(KeyboardInterrupt):
                consumer.apply(consumer.pull(Dying(sender.root, what)).batches)
        elif move == "pull":
            consumer.apply(consumer.pull().batches)
            newest = {market: entry["batch_id"] for market, entry in sender.newest.items()}
            assert consumer.applied == newest
        else:
            batch_id = consumer.applied.get(what)
            shutil.rmtree(root / "mine" / "lead_card" / "v1" / str(batch_id), ignore_errors=True)
    assert consumer.pull().batches == ()
    shutil.rmtree(root)
