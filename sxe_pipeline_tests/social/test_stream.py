"""Profiles as JSON Lines in, pairs of accounts that are one out, as the pipeline joins them."""

import json
from itertools import combinations

import pytest

from sxe_pipeline.errors import BadInput
from sxe_pipeline.social.stream import resolve_lines
from sxe_pipeline_tests.social.landing import DAY, File, sighting


def pairs(*rows):
    return list(resolve_lines(json.dumps(row).encode() for row in rows))


ANA = {"platform": "x", "platform_id": "1", "handle": "ana", "links": ["https://tiktok.com/@ana_t"]}
HER_TIKTOK = {"platform": "tiktok", "platform_id": 7, "handle": "Ana_T"}


def test_a_pair_has_a_basis_and_the_names_that_were_given():
    named = pairs({**ANA, "id": "row 1"}, {**HER_TIKTOK, "id": 2})

    assert named == [{"left": "2", "right": "row 1", "probability": 1.0, "basis": "link_field"}]
    assert pairs(ANA, HER_TIKTOK) == [
        {"left": "tiktok:id:7", "right": "x:id:1", "probability": 1.0, "basis": "link_field"}
    ]


def test_of_three_that_are_one_each_pair_is_told_with_its_weaker_reason():
    bio = {"platform": "threads", "handle": "ana.b", "bio": "X: @ana"}

    assert [pair["basis"] for pair in pairs(ANA, HER_TIKTOK, bio)] == [
        "named_handle",
        "named_handle",
        "link_field",
    ]


def test_the_last_line_of_an_account_counts_and_one_without_an_id_is_not_another():
    first, bare = {**ANA, "links": []}, {"platform": "tiktok", "handle": "@ana_t"}

    assert len(pairs(first, HER_TIKTOK, bare, ANA)) == 1
    assert pairs(ANA, HER_TIKTOK, first) == []


def test_a_fan_is_nobody_elses_account():
    assert pairs({**ANA, "bio": "fan account, unofficial"}, HER_TIKTOK) == []
    assert pairs({**ANA, "is_parody": True}, HER_TIKTOK) == []


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b'{"platform": "x"}',
        b'{"platform": "elsewhere", "handle": "ana"}',
        b'{"platform": ["x"], "handle": "ana"}',
        b'{"platform": "x", "handle": " "}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_line_that_names_no_account_is_refused_by_its_number(line):
    good = json.dumps(ANA).encode()

    with pytest.raises(BadInput, match=r"^line 3 ") as refused:
        list(resolve_lines([good, b"", line]))
    assert "ana" not in str(refused.value)


@pytest.mark.parametrize("value", [None, 5, True, {"a": 1}, ["b", None, 7], "text"])
@pytest.mark.parametrize("field", ["handle", "display_name", "bio", "links", "is_parody", "id"])
def test_a_value_of_another_type_is_as_good_as_none(field, value):
    assert pairs({**ANA, field: value}) == []


def test_no_lines_have_no_pairs():
    assert pairs() == []


def test_the_pipeline_joins_the_same_accounts(tier):
    others = (
        sighting("id:1", handle="ana", links=["https://tiktok.com/@ana_t"]),
        sighting("id:7", platform="tiktok", hours=1, handle="ana_t", bio="IG: ana.b"),
        sighting("id:9", platform="threads", hours=2, handle="ana.b", bio="insta @ana.b"),
        sighting("handle:ben", hours=3, bio="tiktok: @shop"),
        sighting("id:2", hours=4, handle="Ben", bio="tiktok: @shop"),
        sighting("id:3", hours=4, handle="cem", bio="fan page, tiktok: @shop"),
        sighting("id:8", platform="tiktok", hours=1, handle="shop", bio="x.com/ben"),
    )
    tier.observe({DAY: [File("all", others)]})
    people = tier.profiles().values()
    cards = tier.identities()

    joined = {
        tuple(sorted((":".join(one), ":".join(other))))
        for one, other in combinations(cards, 2)
        if cards[one]["card_id"] == cards[other]["card_id"]
    }
    told = {(pair["left"], pair["right"]) for pair in pairs(*(row_of(each) for each in people))}
    assert told == joined
    assert len(told) == 4


def row_of(profile):
    names = ("platform", "platform_id", "handle", "display_name", "bio", "links", "is_parody")
    return {name: profile[name] for name in names}
