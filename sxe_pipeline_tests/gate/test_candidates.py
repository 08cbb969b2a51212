"""Candidates are replaced by what differs: the same state as if all were written anew."""

import random
from dataclasses import replace

import pytest

from sxe_pipeline.errors import BadInput
from sxe_pipeline.gate import candidates
from sxe_pipeline.gate.candidates import Candidate
from sxe_pipeline.store import sql

IDS = [f"card-{sign}{n}" for sign in "-A_aé" for n in range(3)]
"""In the order of their bytes, which is not that of a dictionary."""


@pytest.fixture
def social(database):
    with sql.connect(database.dsn("sxe_social")) as conn:
        yield conn


@pytest.fixture
def held(database):
    """Card -> what the gate holds of it."""
    with sql.connect(database.dsn("postgres")) as conn:

        def look():
            with conn.transaction():
                rows = conn.execute(
                    "select card_id, market, audience_pool, platforms, inputs, withdrawn_at, "
                    "inputs_revision, inputs_tick, xmin::text from gate.candidate"
                ).fetchall()
            return {row[0]: row[1:] for row in rows}

        yield look


def put(conn, *made, of=None):
    """How many there are then, and how many were withdrawn; `of` some cards, or of all."""
    with conn.transaction():
        if of is None:
            withdrawn = candidates.replace(conn, made)
        else:
            withdrawn = candidates.change(conn, [one for one in made if one.card_id in of], of)
        return candidates.counts(conn)[0], withdrawn


def anybody(rng, card_id):
    return Candidate(
        card_id,
        rng.choice(("a", "b")),
        rng.choice((None, "makers")),
        rng.choice((["x"], ["tiktok", "x"])),
        rng.choice(({"first_name": "Ana", "city": "Austin"}, {"first_name": "Ánà"}, {})),
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_differs_is_written_and_what_does_not_is_not_touched(social, held, monkeypatch, seed):
    monkeypatch.setattr(candidates, "CHUNK", 2)
    monkeypatch.setattr(candidates, "RANGE", 4)
    rng, revisions, before, last = random.Random(seed), {}, {}, {}
    for _ in range(8):
        ids = [i for i in IDS if rng.random() < 0.6]
        kept = [last[i] if i in last and rng.random() < 0.6 else anybody(rng, i) for i in ids]

        differ = {i for i in IDS if last.get(i) != next((o for o in kept if o.card_id == i), None)}
        others = {i for i in IDS if rng.random() < 0.3}
        counts = put(social, *kept, of=rng.choice((None, differ | others)))

        now, made = held(), {one.card_id: one for one in kept}
        live = {i for i, row in before.items() if row[4] is None}
        assert counts == (len(kept), len(live - made.keys()))
        assert {i for i, row in now.items() if row[4] is None} == made.keys()
        for card_id, (*content, withdrawn_at, revision, tick, written) in now.items():
            _, _, _, _, was_withdrawn, old_revision, old_tick, old = before.get(card_id, [None] * 8)
            one = made.get(card_id)
            if one is None:
                assert content[3] is None
                assert (revision, tick) == (old_revision, old_tick)
                is_same = was_withdrawn is not None
            else:
                assert content == [one.market, one.audience_pool, one.platforms, one.inputs]
                assert withdrawn_at is None
                key = str(sorted(one.inputs.items()))
                assert revisions.setdefault(key, revision) == revision, "a digest of the inputs"
                assert (tick == old_tick) == (revision == old_revision), "since when they are known"
                is_same = last.get(card_id) == one
            assert (written == old) == is_same
        before, last = now, made
    assert len(revisions) == 3


def test_nobody_is_a_candidate_where_none_is_given(social, held):
    assert put(social, *(anybody(random.Random(1), i) for i in IDS)) == (len(IDS), 0)

    assert put(social) == (0, len(IDS))

    assert {row[3] for row in held().values()} == {None}
    assert put(social) == (0, 0)


def test_candidates_out_of_order_are_refused_and_nothing_is_changed(social, held, monkeypatch):
    monkeypatch.setattr(candidates, "RANGE", 2)
    monkeypatch.setattr(candidates, "CHUNK", 2)
    made = [anybody(random.Random(1), i) for i in IDS]
    put(social, *made)
    before = held()

    with pytest.raises(BadInput, match="order of their ids"):
        put(social, *(replace(one, market="other") for one in reversed(made)))

    assert held() == before
