"""What leaves of a card, card by card: the same as if each were looked at alone."""

import datetime as dt
import itertools
import random

import pyarrow as pa
import pytest

from sxe_pipeline.cards.release import release
from sxe_pipeline.privacy.policy import Policy
from sxe_pipeline.schema.lead_card import CONTRACT

POLICY = Policy("1", {"x": "full", "threads": "full", "tiktok": "ids_only"})
PLATFORMS = ["x", "threads", "tiktok", "elsewhere"]
SEEN = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
TEXTS = ["Ana", "=Ana", "-a\u202eb\x07", "\x07=Ana", "a\n=b", "é\x9f", "", "\u200f", "+1", None]
UNPRINTED = {*range(32), *range(0x7F, 0xA0), 0x200E, 0x200F} - {ord("\n")}
UNPRINTED |= {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
CLOSED = ["handle", "display_name", "bio", "link_domains", "hashtags"]
CLOSED += ["follower_count", "following_count", "post_count"]


def item(chosen):
    start = chosen.choice([None, 0, 3])
    return {
        "label": "film",
        "source": "text",
        "text": chosen.choice(["film", None]),
        "weight": 0.5,
        "field": chosen.choice(["bio", "display_name", "handle", "region", "posts"]),
        "start": start,
        "end": None if start is None else start + 4,
    }


def account(chosen):
    handle = chosen.choice(["ana", None])
    platform = chosen.choice(PLATFORMS)
    return {"platform": platform, "platform_id": "1", "handle": handle, "basis": "self"}


def card(chosen, number):
    texts = {name: chosen.choice(TEXTS) for name in ("handle", "display_name", "bio", "region")}
    counts = {name: chosen.choice([7, None]) for name in CLOSED if name.endswith("_count")}
    links = {name: chosen.choice([["a.example"], [], None]) for name in CLOSED if name[-1] == "s"}
    return (
        texts
        | counts
        | links
        | {
            "card_id": f"card_{number:04}",
            "market": "x_general",
            "platform": chosen.choice(PLATFORMS),
            "platform_id": "1",
            "follower_band": "unknown",
            "account_type": "person",
            "persona_family": "creative",
            "persona_confidence": 0.5,
            "tribes": ["film"],
            "execution_label": "hold",
            "evidence": [item(chosen) for _ in range(chosen.randrange(4))],
            "readiness_state": chosen.choice(["ready", "ready", "ready", "withheld"]),
            "readiness_reasons": [],
            "accounts": [account(chosen) for _ in range(chosen.randrange(1, 4))],
            "first_seen_at": SEEN,
            "observed_at": SEEN,
            "taxonomy_version": "1",
            "ruleset_version": "1",
            "model_version": "none",
            "policy_version": "1",
        }
    )


def released(card):
    """One card as a consumer may see it."""
    card = card | {name: card.get(name) for name in CONTRACT.names}
    if POLICY.is_ids_only(card["platform"]):
        card |= dict.fromkeys(CLOSED)
    if any(POLICY.is_ids_only(one["platform"]) for one in card["accounts"]):
        card["evidence"] = [one | {"text": None} for one in card["evidence"]]
    card["accounts"] = [
        one | {"handle": None} if POLICY.is_ids_only(one["platform"]) else one
        for one in card["accounts"]
    ]
    for name in ("handle", "display_name", "bio", "region"):
        text = "".join(sign for sign in card[name] or "" if ord(sign) not in UNPRINTED)
        if text.startswith(("=", "+", "-", "@")):
            text = f"'{text}"
            card["evidence"] = [
                one | {"start": one["start"] + 1, "end": one["end"] + 1}
                if one["field"] == name and one["start"] is not None
                else one
                for one in card["evidence"]
            ]
        card[name] = text if card[name] is not None else None
    return card


def may_leave(card):
    platforms = {card["platform"], *(one["platform"] for one in card["accounts"])}
    return card["readiness_state"] == "ready" and all(map(POLICY.is_open, platforms))


def lying(chosen, rows):
    """The cards as a table in the pieces of a larger one."""
    whole = pa.Table.from_pylist([rows[-1], *rows, rows[0]], schema=CONTRACT.arrow())
    cuts = sorted({1, len(rows) + 1, *(chosen.randint(1, len(rows) + 1) for _ in range(3))})
    return pa.concat_tables(whole.slice(a, b - a) for a, b in itertools.pairwise(cuts))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("is_in_order", [True, False])
def test_each_card_leaves_as_if_it_were_alone(seed, is_in_order):
    chosen = random.Random(seed)
    rows = [card(chosen, number) for number in range(60)]
    given = lying(chosen, rows if is_in_order else chosen.sample(rows, len(rows)))

    left = release(given, POLICY)

    assert left.to_pylist() == [released(c) for c in rows if may_leave(c)]
    assert 5 < left.num_rows < len(rows)
    left.validate(full=True)


@pytest.mark.parametrize("state", ["ready", "withheld"])
def test_of_no_card_no_row_leaves_in_the_columns_of_all(state):
    one = card(random.Random(1), 1) | {"readiness_state": state}
    table = pa.Table.from_pylist([one], schema=CONTRACT.arrow())

    empty = release(table.slice(0, 0), POLICY)

    assert empty.num_rows == 0
    assert empty.schema == release(table, POLICY).schema


def test_a_card_without_lists_takes_nothing_from_its_neighbours():
    open_account = {"platform": "tiktok", "platform_id": "1", "handle": "ana", "basis": "self"}
    more = {"readiness_state": "ready", "platform": "x", "accounts": [open_account]}
    rows = [card(random.Random(1), number) | more for number in range(3)]
    rows[1] |= {"evidence": None, "accounts": None}

    left = release(pa.Table.from_pylist(rows, schema=CONTRACT.arrow()), POLICY).to_pylist()

    assert (left[1]["evidence"], left[1]["accounts"]) == (None, None), "the contract refuses it"
    assert [left[0], left[2]] == [released(rows[0]), released(rows[2])]


def test_a_card_of_a_platform_that_was_closed_since_it_was_made_stays():
    one = card(random.Random(1), 1) | {"readiness_state": "ready", "platform": "x"}
    one["accounts"] = [
        {"platform": platform, "platform_id": "1", "handle": None, "basis": "self"}
        for platform in ("x", "threads")
    ]
    table = pa.Table.from_pylist([one], schema=CONTRACT.arrow())

    left = [
        release(table, Policy("1", dict.fromkeys(names, "full"))).num_rows
        for names in (["x", "threads"], ["x"], ["threads"], [])
    ]

    assert left == [1, 0, 0, 0]
