"""Deltas: over any history, the batch before and the delta make the full batch, byte for byte."""

import datetime as dt
import io
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline import schema
from sxe_pipeline.handoff import chain_rows
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.chain_rows import Deltas
from sxe_pipeline.handoff.files import delta, encode, manifest, pieces
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.handoff.conftest import card

CONTRACT = schema.load("lead_card", "1.0.0")
FIRST = dt.date(2026, 1, 1)
MARKETS = ["a", "b"]

cards = st.one_of(
    st.none(),
    st.tuples(
        st.sampled_from(MARKETS),
        st.sampled_from([0.0, -0.0, 0.25, None]),
        st.sampled_from(["", "a\nb", "\u2028", '"card_id":"x"']),
    ),
)
"""Of a day: no card any more, or its market, a number and a text."""
histories = st.lists(st.lists(cards, min_size=7, max_size=7), min_size=2, max_size=5)


def rows_of(day, market):
    rows = [
        card(number, 1, market) | {"card_id": f"{number:032x}", "language_score": score, "bio": bio}
        for number, one in enumerate(day)
        if one
        for where, score, bio in [one]
        if where == market
    ]
    return pa.Table.from_pylist(rows[::-1], schema=CONTRACT.arrow())


def reasons(day):
    """Who is gone is in the other market, or merged into a card of nobody's."""

    def gone(market, card_ids):
        said = [
            {"card_id": card_id, "reason": "left_market", "into_card_id": None}
            if day[int(card_id, 16)]
            else {"card_id": card_id, "reason": "merged", "into_card_id": "f" * 32}
            for card_id in card_ids.to_pylist()
        ]
        schema = encode.tombstone().arrow()
        return pa.Table.from_pylist(said, schema=schema.remove(0))

    return gone


class Chain:
    """A market's batches in a store, and a consumer who keeps its lines, and its rows."""

    def __init__(self, store, market):
        self.store, self.market = store, market
        self.manifests, self.lines, self.rows = [], {}, CONTRACT.arrow().empty_table()

    def publish(self, day, rows, full_every):
        newest = self.manifests[-1]["batch_id"] if self.manifests else None
        by_id = {fields["batch_id"]: fields for fields in self.manifests}
        number = len(self.manifests)
        content, why_full = chain_rows.next_content(
            self.store,
            CONTRACT,
            self.market,
            rows,
            chain_rows.since_full(newest, by_id.__getitem__),
            Deltas(reasons(day), full_every),
        )
        assert (why_full is None) == (content.kind == "delta")
        if content.kind == "delta" and not content.row_count + content.remove_count:
            return None
        batch_key = BatchKey(self.market, FIRST + dt.timedelta(days=number))
        batch_id = encode.content_id(CONTRACT, batch_key, newest, content)
        fields = manifest.predicate(
            CONTRACT, content, batch_id=batch_id, batch_key=batch_key, prev_batch_id=newest
        )
        self.manifests.append(fields)
        folder = f"lead_card/v1/{batch_id}"
        for part in content.parts:
            self.store.put_new(f"{folder}/{part.name}", part.data())
        self.take(content)
        return content

    def take(self, content):
        """What a consumer does with a batch, by hand and by `applied`."""
        read = {(part.holds, part.format): b"".join(part.chunks()) for part in content.parts}
        if content.kind == "full":
            self.lines, self.rows = {}, self.rows.slice(0, 0)
        for line in read.get(("removes", "jsonl"), b"").splitlines():
            del self.lines[json.loads(line)["card_id"]]
        for line in read["rows", "jsonl"].split(b"\n")[:-1]:
            self.lines[json.loads(line)["card_id"]] = line
        gone = pa.array([], pa.string())
        if ("removes", "parquet") in read:
            removes = pq.read_table(io.BytesIO(read["removes", "parquet"]))
            gone = removes["card_id"].combine_chunks()
        upserts = pq.read_table(io.BytesIO(read["rows", "parquet"])).cast(CONTRACT.arrow())
        self.rows = delta.applied(self.rows, upserts, gone)


def full_bytes(rows):
    """The canonical bytes of all rows."""
    file = io.BytesIO()
    for piece in pieces.in_order(CONTRACT, rows):
        encode.jsonl(CONTRACT, piece, file)
    return file.getvalue()


@settings(deadline=None, max_examples=20)
@given(history=histories, full_every=st.sampled_from([2, 7]))
def test_the_rows_before_and_a_delta_are_the_rows_of_today_byte_for_byte(history, full_every):
    with tempfile.TemporaryDirectory() as folder:
        chain = Chain(Objects(Path(folder).as_uri()), MARKETS[0])
        for day in history:
            rows, before = rows_of(day, MARKETS[0]), full_bytes(chain.rows)
            content = chain.publish(day, rows, full_every)
            today = full_bytes(rows)

            assert b"".join(chain.lines[i] + b"\n" for i in sorted(chain.lines)) == today
            assert full_bytes(chain.rows) == today
            assert content is not None or before == today


@settings(deadline=None)
@given(
    before=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 2)),
    today=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 2)),
)
def test_changes_are_what_two_states_differ_in(before, today):
    states = [
        delta.digests(
            b"".join(b'{"card_id":"%s","v":%d}\n' % (i.encode(), v) for i, v in s.items())
        )
        if s
        else delta.DIGESTS.empty_table()
        for s in (before, today)
    ]

    changes = delta.between(*states)

    assert changes.upserts.to_pylist() == sorted(i for i, v in today.items() if before.get(i) != v)
    assert changes.removes.to_pylist() == sorted(set(before) - set(today))
