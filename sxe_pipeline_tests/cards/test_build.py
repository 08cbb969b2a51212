"""Cards: which account speaks, what is kept of readiness, what may leave."""

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import build, pools, reading, release
from sxe_pipeline.cards.card import INCOMPLETE, WITHHELD, readiness
from sxe_pipeline.cards.funnel import shares, totals
from sxe_pipeline.errors import BadConfig, ContractBroken
from sxe_pipeline.privacy import policy
from sxe_pipeline.schema.lead_card import CONTRACT, LEAD_CARD
from sxe_pipeline.schema.tables import OTHERS, POOL, PROFILE
from sxe_pipeline_tests.cards.conftest import FULL, NEWEST, SEEN, tables

BIO = "Wedding photographer. Coffee and trail running."


def one(built):
    (card,) = built.cards.to_pylist()
    return card


def test_the_primary_account_is_public_then_followed_then_early(make) -> None:
    early = SEEN - timedelta(days=9)
    accounts = [
        {"account_key": "id:1", "follower_count": 9_000, "is_private": True},
        {"account_key": "id:2", "follower_count": 500, "platform": "tiktok"},
        {"account_key": "id:3", "follower_count": 500, "first_seen_at": early, "bio": BIO},
        {"account_key": "id:4", "follower_count": None, "is_private": False},
    ]

    card = one(make(*({"card_id": "card_one", **account} for account in accounts)))

    assert card["bio"] == BIO
    assert [a["platform"] for a in card["accounts"]] == ["x", "tiktok", "x", "x"]
    assert card["first_seen_at"] == early
    assert card["follower_count"] == 500


def test_labels_read_every_account_of_the_card(make) -> None:
    card = one(
        make(
            {"card_id": "card_one", "bio": "hello", "follower_count": 5},
            {"card_id": "card_one", "bio": BIO, "platform": "threads"},
        )
    )

    assert (card["persona"], card["bio"]) == ("photographer", "hello")


def test_the_order_of_rows_changes_nothing(make, shipped) -> None:
    people = [
        {"account_key": f"id:{n}", "card_id": f"card_{n % 7:04}", "bio": bio, "follower_count": n}
        for n, bio in enumerate([BIO, "Journalist", "hi", None, "Chef in Lyon. Wine."] * 6)
    ]
    profiles, identities = tables(*people)
    dice = random.Random(7)
    mixed = [
        table.take(pa.array(dice.sample(range(table.num_rows), table.num_rows)))
        for table in (profiles, identities)
    ]
    options = {"taxonomy": shipped, "collections": {}, "newest_day": NEWEST, "policy": FULL}

    in_force = build.InForce(**options)
    first, second = build.build(profiles, identities, in_force), build.build(*mixed, in_force)

    assert first.cards.equals(second.cards)
    assert first.funnel == second.funnel
    backwards = pa.array(range(first.cards.num_rows - 1, -1, -1))
    assert first.others.equals(second.others)
    counted = pools.pools(first.cards, first.others)
    assert counted.equals(pools.pools(first.cards.take(backwards), first.others))


def test_who_says_no_role_is_an_audience_or_nothing_and_never_a_lead_card(make) -> None:
    built = make(
        {"bio": "one peace in town"},
        {"bio": "Photography weekly", "location": "Austin, TX"},
        {"bio": None, "follower_count": 5_000_000, "collections": ["declared"]},
        collections={"declared": reading.DeclaredAudience(("gaming",), "players")},
    )

    assert built.cards.num_rows == 0
    assert built.cards.schema.equals(LEAD_CARD.schema)
    assert built.others.schema.equals(OTHERS.schema)
    shown = ("kind", "is_eligible", "tribe", "market", "country")
    assert [tuple(row[name] for name in shown) for row in built.others.to_pylist()] == [
        ("no_signal", True, None, "x_general", None),
        ("audience", False, "photography", "x_general", "US"),
        ("audience", False, "gaming", "players", None),
    ]


def test_the_key_of_labels_changes_with_what_labeling_reads_and_with_nothing_else(make) -> None:
    def keys(person, **options):
        built = make({"account_key": "id:1", "bio": BIO, **person}, **options)
        return [row["labels_key"] for row in (*built.cards.to_pylist(), *built.others.to_pylist())]

    once = keys({})

    assert keys({"following_count": 9, "observed_at": SEEN - timedelta(days=1)}) == once
    assert keys({}, newest_day=NEWEST + timedelta(days=9)) == once
    declared = {"pool": reading.DeclaredAudience(("gaming",))}
    changed = [
        *(keys({"bio": BIO + " Tea."}), keys({"follower_count": 9}), keys({"bio": None})),
        *(keys({}, code="newer"), keys({}, collections=declared)),
    ]
    assert len({*once, *(key for (key,) in changed)}) == 6


def test_every_reason_is_kept_and_withheld_beats_incomplete(make) -> None:
    card = one(
        make(
            {
                "bio": "Photographer. 16 y/o",
                "is_private": True,
                "platform": "instagram",
                "observed_at": SEEN - timedelta(days=800),
            }
        )
    )

    assert card["readiness_state"] == "withheld"
    assert card["readiness_reasons"] == [
        "minor",
        "private",
        "stale",
        "policy",
        "no_market",
    ]


@pytest.mark.parametrize(
    ("person", "reasons"),
    [
        pytest.param({"bio": BIO}, [], id="ready"),
        pytest.param({"bio": BIO, "is_private": True}, ["protected"], id="protected on X"),
        pytest.param(
            {"bio": BIO, "is_private": True, "platform": "tiktok"}, ["private"], id="private"
        ),
        pytest.param({"bio": BIO, "is_minor": True}, ["minor"], id="the platform's flag"),
        pytest.param({"bio": BIO, "observed_at": SEEN - timedelta(days=729)}, [], id="729 days"),
        pytest.param(
            {"bio": BIO, "observed_at": SEEN - timedelta(days=730)}, ["stale"], id="731 days"
        ),
    ],
)
def test_one_cause_gives_one_reason(make, person, reasons) -> None:
    assert one(make(person))["readiness_reasons"] == reasons


def test_readiness_knows_every_reason() -> None:
    for reason in WITHHELD:
        assert readiness([reason, "no_tribe"]) == ("withheld", [reason, "no_tribe"])
    for reason in INCOMPLETE:
        assert readiness([reason]) == ("incomplete", [reason])
    assert readiness([]) == ("ready", [])


@pytest.mark.parametrize(
    ("location", "region", "expected"),
    [
        pytest.param("Austin, TX", None, ("US", "US-TX"), id="city and state"),
        pytest.param("Tiny Town, TX", None, ("US", "US-TX"), id="a state code alone is enough"),
        pytest.param("Berlin, DE", None, ("DE", None), id="DE is no Delaware behind Berlin"),
        pytest.param("Nowhere, DE", None, (None, None), id="DE alone could be both"),
        pytest.param("London / Paris", None, (None, None), id="two countries are none"),
        pytest.param("Méxicó", None, ("MX", None), id="accents do not matter"),
        pytest.param("Wonderland", "ID", ("ID", None), id="the platform's region is next"),
        pytest.param("Georgia", None, (None, None), id="a state or a country"),
        pytest.param(None, "us-east", (None, None), id="a region that is no country"),
        pytest.param("TX", None, (None, None), id="a code without a city"),
    ],
)
def test_country_stands_only_where_the_profile_says_it(make, location, region, expected) -> None:
    card = one(make({"bio": BIO, "location": location, "region": region}))

    assert (card["country"], card["region"]) == expected


def test_market_pool_and_label_follow_the_tables(make) -> None:
    declared = {
        "pool": reading.DeclaredAudience((), "coffee_people"),
        "other": reading.DeclaredAudience(),
    }

    plain = one(make({"bio": "Software engineer"}))
    owned = one(make({"bio": "Software engineer"}, collections=declared))
    nobody = one(make({"bio": BIO, "platform": "instagram"}))

    assert (plain["market"], plain["audience_pool"]) == ("developers", "tech_builders")
    assert plain["execution_label"] == "professional"
    assert owned["market"] == "coffee_people"
    assert (nobody["market"], "no_market" in nobody["readiness_reasons"]) == ("unassigned", True)


def test_identities_and_profiles_must_be_the_same_accounts(shipped) -> None:
    profiles, identities = tables({"bio": BIO}, {"bio": BIO})
    options = {"taxonomy": shipped, "collections": {}, "newest_day": NEWEST, "policy": FULL}

    in_force = build.InForce(**options)
    with pytest.raises(ContractBroken, match="1 profiles without"):
        build.build(profiles, identities.slice(1), in_force)
    with pytest.raises(ContractBroken, match="1 identities without"):
        build.build(profiles.slice(1), identities, in_force)


def test_the_funnel_adds_up(make) -> None:
    built = make(
        {"bio": BIO},
        {"bio": "hi", "platform": "tiktok"},
        {"bio": "Photography weekly"},
        {"bio": "Chef. 15 y/o", "card_id": "card_0000", "platform": "tiktok"},
    )
    funnel = built.funnel

    total = totals(funnel)

    assert total["accounts"] == 4
    kinds = ("lead_cards", "audience", "no_signal")
    assert total["identities"] == 3 == sum(total[kind] for kind in kinds)
    assert total["eligible"] == sum(total[f"{kind}_eligible"] for kind in kinds)
    assert total["lead_cards"] == total["ready"] + total["incomplete"] + total["withheld"]
    assert total["own_words_tagged"] <= total["tagged"] <= total["lead_cards"]
    assert shares(total)["lead_of_all_share"] == total["lead_cards"] / 3
    assert funnel["reason_minor", "tiktok", "x_general"] == 1, "the primary account's platform"


def test_ids_only_takes_everything_of_the_profile(make) -> None:
    shipped_policy = policy.load(contracts_root() / "policy" / "platforms.yaml")
    person = {
        "bio": "Photographer #Film",
        "display_name": "Ana",
        "links": ["https://a.example"],
        "follower_count": 5,
        "following_count": 6,
        "post_count": 7,
    }
    built = make(person, {**person, "is_private": True})

    (card,) = release.release(built.cards, shipped_policy).to_pylist()

    assert list(card) == CONTRACT.names
    for name in (
        *("display_name", "bio", "handle", "follower_count", "following_count", "post_count"),
        *("link_domains", "hashtags"),
    ):
        assert card[name] is None, name
    assert card["evidence"]
    assert all(item["text"] is None for item in card["evidence"])
    assert all(account["handle"] is None for account in card["accounts"])
    assert card["persona"] == "photographer"
    assert not any(word in str(card) for word in ("Ana", "Film", "a.example", "handle0"))


def test_full_keeps_the_profile_but_not_another_platforms(make) -> None:
    built = make(
        {"bio": BIO, "card_id": "card_one", "follower_count": 5},
        {"bio": BIO, "card_id": "card_two"},
        {"bio": "Chef", "card_id": "card_two", "platform": "threads"},
    )

    alone, joined = release.release(built.cards, FULL).to_pylist()

    assert alone["bio"] == BIO
    assert any(item["text"] for item in alone["evidence"])
    assert not any(item["text"] for item in joined["evidence"])
    handles = {account["platform"]: account["handle"] for account in joined["accounts"]}
    assert handles == {"x": "handle1", "threads": None}


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_no_text_that_leaves_is_a_formula_or_turns_the_line_around(make, sign) -> None:
    person = {"bio": f"{sign}cmd|' Photographer", "handle": f"{sign}ana\u202e\x07"}
    built = make(person | {"display_name": f"{sign}Ana, photographer"}, {"bio": BIO})

    rows = release.release(built.cards, FULL)
    odd, plain = rows.to_pylist()

    assert odd["bio"] == f"'{sign}cmd|' Photographer"
    assert (odd["handle"], odd["display_name"]) == (f"'{sign}ana", f"'{sign}Ana, photographer")
    texts = {"bio": odd["bio"], "display_name": odd["display_name"]}
    placed = [item for item in odd["evidence"] if item["start"] is not None]
    assert placed
    for item in placed:
        assert texts[item["field"]][item["start"] : item["end"]] == item["text"]
    assert plain["bio"] == BIO
    CONTRACT.check(rows)
    with pytest.raises(ContractBroken, match="texts_begin_as_text is broken 1 times"):
        CONTRACT.check(built.cards.select(CONTRACT.names))


def test_a_platform_that_the_policy_does_not_name_is_closed(tmp_path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\nplatforms: {x: {redistribution: full}}\n")

    read = policy.load(file)

    assert (read.is_open("x"), read.is_open("tiktok")) == (True, False)
    assert (read.is_ids_only("x"), read.is_ids_only("tiktok")) == (False, True)
    file.write_text("version: 1\nplatforms: {x: {redistribution: some}}\n")
    with pytest.raises(BadConfig, match="full or ids_only"):
        policy.load(file)
    file.write_text("nothing")
    with pytest.raises(BadConfig, match="no platform policy"):
        policy.load(file)


def test_a_card_with_an_account_of_a_closed_platform_stays(make) -> None:
    mine = {"card_id": "card_0001", "bio": "Photographer. Hiking"}
    threads = mine | {"platform": "threads", "bio": ""}
    closed = policy.Policy("test", {"x": "full"})

    [alone] = make(mine, policy=closed).cards.to_pylist()
    [joined] = make(mine | {"follower_count": 9}, threads, policy=closed).cards.to_pylist()

    assert (alone["readiness_state"], alone["platform"]) == ("ready", "x")
    assert (joined["readiness_state"], joined["platform"]) == ("withheld", "x")
    assert joined["readiness_reasons"] == ["policy"], "its id would leave among the accounts"


def test_pools_count_every_card_once(make) -> None:
    built = make(*({"bio": bio} for bio in [BIO, BIO, "Photography weekly", "Chef. Wine."]))

    table = pools.pools(built.cards, built.others)

    assert table.schema.equals(POOL.schema)
    assert pc.sum(table["card_count"]).as_py() == built.cards.num_rows == 3
    assert pc.sum(table["audience_count"]).as_py() == built.others.num_rows == 1
    (audience,) = (row for row in table.to_pylist() if row["persona"] is None)
    assert (audience["tribe"], audience["card_count"], audience["audience_count"]) == (
        "photography",
        0,
        1,
    )
    assert (audience["top_evidence"], audience["sample_card_ids"]) == ([], [])
    largest = max(table.to_pylist(), key=lambda row: row["card_count"])
    assert largest["persona"] == "photographer"
    assert "wedding photographer" in largest["top_evidence"]
    assert largest["sample_card_ids"] == ["card_0000", "card_0001"]


def test_a_pool_of_one_shows_no_words_of_that_one(make) -> None:
    built = make({"bio": "Glassblower photographer"})

    (row,) = pools.pools(built.cards, built.others).to_pylist()

    assert row["top_evidence"] == []


def test_every_card_carries_the_versions_it_was_made_with(make, shipped) -> None:
    card = one(make({"bio": BIO, "observed_at": datetime(2026, 5, 1, tzinfo=UTC)}))

    assert card["taxonomy_version"] == f"{shipped.version}+{shipped.sha256[:12]}"
    assert (card["policy_version"], card["ruleset_version"]) == ("test", "r1")
    assert card["model_version"] == "none"


def test_a_card_reads_of_a_profile_what_the_profile_states() -> None:
    """The columns by their names, types and nulls: what a reader names cannot drift unseen."""
    types = {"string": str, "int64": int, "boolean": bool, "timestamp[us, UTC]": datetime}
    stated = {
        column.name: types[column.kind] | None if column.nullable else types[column.kind]
        for column in PROFILE.columns
        if column.kind in types
    } | {column.name: list[str] for column in PROFILE.columns if column.kind == "list"}
    read = {n: kind for n, kind in reading.Account.__annotations__.items() if n != "basis"}

    assert {name: stated.get(name) for name in read} == read
