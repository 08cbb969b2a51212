"""No sighting erases what it does not know, and no order of arrival changes a profile."""

import random
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.schema import duck
from sxe_pipeline.schema.tables import OBSERVATION, POST_SIGHTING, SIGHTING
from sxe_pipeline.social import merge, sightings
from sxe_pipeline_tests.social.landing import sighting

SCALARS = ("bio", "location", "follower_count", "is_minor")
COLUMNS = (*SCALARS, "links")
FULL = ["handle", "bio", "location", "links", "follower_count", "is_minor"]


def seen(key, *, file="a" * 64, row=1, day=0, **known):
    """One observation; what it does not say of redaction is that nothing was removed."""
    return (
        {
            "landed_day": date(2026, 3, 8) + timedelta(days=day),
            "collection": "spring",
            "file_sha256": file,
            "row": row,
            "redaction_count": 0,
            "redaction_kinds": [],
            "is_scan_open": False,
            "ruleset_version": "1",
        }
        | sighting(key)
        | known
    )


def at(hours):
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hours)


MADE = {"profiles": merge.merge, "posts": merge.merge_posts}


def answered(rows, name):
    """What all accounts are merged to: rows of `profiles` or `posts`."""
    with duck.over(pa.Table.from_pylist(rows, schema=OBSERVATION.schema)) as engine:
        duck.make(engine, "seen", "from rows", "view")
        for table in (SIGHTING, POST_SIGHTING):
            sightings.open_known(engine, table, None)
        merge.find_folds(engine)
        MADE[name](engine)
        return engine.sql(f"from {name}").to_arrow_table().to_pylist()


def test_folds_are_found_within_memory_however_many_handles_there_are(monkeypatch):
    monkeypatch.setenv("SXE_MEMORY_LIMIT_MB", "80")
    rows = (
        "select 'x' as platform, if(n < 3, 'handle:h' || n, 'id:' || n) as account_key, "
        "repeat('h', if(n < 6, 1, 60)) || n as handle, "
        "[]::struct(handle text)[] as handles, 1 as observation_count from range(600_000) as r (n)"
    )
    with duck.opened() as engine:
        engine.execute("set temp_directory = ''")
        duck.make(engine, "sightings", rows, "view")
        came = "select 'x' as platform, 'id:5' as account_key, 'h4' as handle"
        duck.make(engine, "moved", came)
        merge.find_folds(engine, has_moved=True)
        shown = engine.sql("select id_key, account_key from shown order by all").fetchall()

    assert shown == [("id:4", "handle:h4")]


def merged(rows):
    return {row["account_key"]: row for row in answered(rows, "profiles")}


def posts_of(rows):
    """(account, post) -> its hashtags and terms."""
    found = answered(rows, "posts")
    keys = [(row["account_key"], row["post_id"]) for row in found]
    assert len(keys) == len(set(keys)), "each post once"
    rows = [(row["hashtags"], row["terms"]) for row in found]
    return dict(zip(keys, rows, strict=True))


def post(post_id, hashtags=None, terms=None, *, posted=None):
    posted_at = None if posted is None else at(posted)
    return {"post_id": post_id, "posted_at": posted_at, "hashtags": hashtags, "terms": terms}


def folded(rows):
    """Account key -> the one it counts as: the only id that ever showed that handle."""
    shown = {}
    for row in rows:
        if row["account_key"].startswith("id:") and row["handle"]:
            shown.setdefault("handle:" + row["handle"].lower(), set()).add(row["account_key"])
    return {
        key: min(shown[key]) if len(shown.get(key, ())) == 1 else key
        for key in (row["account_key"] for row in rows)
    }


def expected(rows):
    """The rule, read out of the words: per column the newest sighting that gives it."""
    keys, accounts = folded(rows), {}
    for row in sorted(rows, key=lambda r: (r["observed_at"], r["file_sha256"], r["row"])):
        account = accounts.setdefault(keys[row["account_key"]], dict.fromkeys(SCALARS))
        account.setdefault("links", [])
        gives = row["given"]
        if gives is None:
            gives = [name for name in COLUMNS if row.get(name) not in (None, [])]
        account |= {name: row.get(name) for name in COLUMNS if name in gives}
        account["observed_at"] = row["observed_at"]
    return accounts


def shown(profiles):
    return {
        key: {name: row[name] for name in (*COLUMNS, "observed_at")}
        for key, row in profiles.items()
    }


words = st.none() | st.lists(st.sampled_from(["rye", "tea"]), unique=True).map(sorted)
posts_written = st.builds(post, st.sampled_from(["1", "2"]), words, words)


@st.composite
def histories(draw):
    rows = []
    for number in range(draw(st.integers(1, 9))):
        key = draw(st.sampled_from(["id:1", "id:2", "handle:ana", "handle:ben"]))
        gives = draw(st.none() | st.lists(st.sampled_from(COLUMNS), unique=True))
        own = key.partition(":")[2] if key.startswith("handle:") else None
        values = {
            "bio": draw(st.sampled_from([None, "baker", "cook"])),
            "location": draw(st.sampled_from([None, "Porto"])),
            "follower_count": draw(st.sampled_from([None, 0, 7])),
            "is_minor": draw(st.sampled_from([None, True])),
            "links": draw(st.sampled_from([[], ["https://bread.example"]])),
        }
        unsaid = {"links": []}
        rows.append(
            seen(
                key,
                file=draw(st.sampled_from("abc")) * 64,
                row=number,
                day=draw(st.integers(0, 2)),
                observed_at=at(draw(st.integers(0, 3))),
                handle=own or draw(st.sampled_from([None, "ana", "Ana", "ben"])),
                given=gives,
                own_posts=draw(
                    st.none()
                    | st.lists(posts_written, max_size=2, unique_by=lambda p: p["post_id"])
                ),
                **{
                    name: value if gives is None or name in gives else unsaid.get(name)
                    for name, value in values.items()
                },
            )
        )
    return rows


@settings(max_examples=60, deadline=None)
@given(histories())
def test_each_column_is_that_of_the_newest_sighting_that_gives_it(rows):
    assert shown(merged(rows)) == expected(rows)


@settings(max_examples=20, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_in_whatever_order_sightings_arrive_the_profile_is_the_same(rows, chance: random.Random):
    again = [row | {"landed_day": date(2026, 3, 8)} for row in chance.sample(rows, len(rows))]

    first, second = merged(rows), merged(again)

    days = {"landed_day": None}
    assert {k: r | days for k, r in first.items()} == {k: r | days for k, r in second.items()}


def written(rows):
    """The rule of posts: of each the newest sighting that knows its hashtags, or its terms."""
    keys, known = folded(rows), {}
    for row in sorted(rows, key=lambda r: (r["observed_at"], r["file_sha256"], r["row"])):
        for each in row["own_posts"] or []:
            of_post = known.setdefault(
                (keys[row["account_key"]], each["post_id"]), {"hashtags": None, "terms": None}
            )
            of_post |= {name: each[name] for name in of_post if each[name] is not None}
    return {key: (said["hashtags"] or [], said["terms"] or []) for key, said in known.items()}


@settings(max_examples=60, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_each_post_is_there_once_whatever_arrives_first(rows, chance):
    assert posts_of(rows) == posts_of(chance.sample(rows, len(rows))) == written(rows)


def test_the_newest_hundred_posts_speak_for_their_author_over_all_days():
    rows = [
        seen("id:1", row=n, day=n % 3, observed_at=at(200))
        | {"own_posts": [post(str(n), [f"t{n}"], ["all"], posted=n)]}
        for n in range(130)
    ]
    rows.append(seen("id:1", row=200, own_posts=[post("old", ["old"], [], posted=-5)]))
    # A post that says it is of next year is no newer than the sighting that shows it.
    rows.append(seen("id:1", row=201, observed_at=at(-9), own_posts=[post("x", ["x"], posted=9e3)]))

    row = merged(rows)["id:1"]

    assert row["read_post_count"] == merge.NEWEST_POSTS
    assert row["post_terms"] == ["all"]
    assert set(row["post_hashtags"]) == {f"t{n}" for n in range(30, 130)}


def test_what_more_posts_use_comes_first():
    own = [post("1", ["b", "a"], []), post("2", ["b", "c"], []), post("3", None, None)]

    row = merged([seen("id:1", own_posts=own)])["id:1"]

    assert (row["post_hashtags"], row["post_terms"], row["read_post_count"]) == (
        ["b", "a", "c"],
        [],
        3,
    )


def test_a_folded_account_brings_its_posts():
    rows = [
        seen("id:1", handle="ana"),
        seen("handle:ana", row=2, own_posts=[post("1", ["rye"], [])]),
    ]

    assert posts_of(rows) == {("id:1", "1"): (["rye"], [])}
    other = seen("id:2", row=3, handle="ana")
    assert posts_of([*rows, other]) == {("handle:ana", "1"): (["rye"], [])}


@settings(max_examples=20, deadline=None)
@given(histories(), st.sampled_from("abc"))
def test_a_file_that_is_withdrawn_leaves_what_there_would_be_without_it(rows, file):
    left = [row for row in rows if row["file_sha256"] != file * 64]

    assert shown(merged(left)) == expected(left)
    assert posts_of(left) == written(left)


def test_a_search_hit_erases_neither_bio_nor_counts_nor_name():
    full = seen("id:1", given=FULL, bio="baker", location="Porto", follower_count=7)
    hit = seen("id:1", row=2, observed_at=at(9), given=["handle", "is_minor"], handle="ana")

    row = merged([full, hit])["id:1"]

    assert (row["bio"], row["location"], row["follower_count"]) == ("baker", "Porto", 7)
    assert (row["handle"], row["observed_at"], row["observation_count"]) == ("ana", at(9), 2)


def test_an_empty_value_counts_where_the_shape_gives_the_column():
    full = seen("id:1", given=FULL, bio="baker", links=["https://bread.example"])
    emptied = seen("id:1", row=2, observed_at=at(9), given=FULL)

    row = merged([emptied, full])["id:1"]

    assert (row["bio"], row["links"]) == (None, [])


def test_the_hub_of_the_links_goes_and_stays_with_the_links():
    full = seen("id:1", given=FULL, links=["https://linktr.ee"], link_hub="linktr.ee")
    hit = seen("id:1", row=2, observed_at=at(9), given=["handle"])
    emptied = seen("id:1", row=3, observed_at=at(10), given=["handle", "links"])

    assert merged([full, hit])["id:1"]["link_hub"] == "linktr.ee"
    assert merged([full, hit, emptied])["id:1"]["link_hub"] is None


def test_what_was_removed_is_said_of_all_sightings_that_a_profile_is_made_of():
    mailed = {"redaction_count": 2, "redaction_kinds": ["email"], "is_scan_open": True}
    gone = seen("id:1", given=["bio"], bio="[phone]", redaction_count=5, redaction_kinds=["phone"])
    full = seen("id:1", row=2, observed_at=at(1), given=FULL, bio="[email]", **mailed)
    hit = seen("id:1", row=3, observed_at=at(2), given=["handle"], ruleset_version="2")

    row = merged([gone, full, hit])["id:1"]

    assert {name: row[name] for name in mailed} == mailed, "nothing of the first is left"
    assert row["ruleset_version"] == "2"


def test_sightings_stored_before_columns_were_noted_give_what_they_hold():
    full = seen("id:1", given=None, bio="baker", follower_count=7)
    hit = seen("id:1", row=2, observed_at=at(9), given=None, display_name="Ana")

    row = merged([full, hit])["id:1"]

    assert (row["bio"], row["follower_count"], row["display_name"]) == ("baker", 7, "Ana")


def test_an_account_that_was_seen_in_two_thousand_ways_is_one_row():
    """Whoever writes payloads chooses their keys: what that costs must not grow with its square."""
    chance = random.Random(7)
    rows = []
    for number in range(2_000):
        gives = [name for name in (*COLUMNS, "region", "category") if chance.random() < 0.5]
        noise = [f"column_{number}", *gives]
        said = {name: f"{name} {number}" for name in ("bio", "location") if name in gives}
        rows.append(seen("id:1", row=number, observed_at=at(number), given=noise, **said))

    assert shown(merged(rows)) == expected(rows)


@pytest.mark.parametrize("second", ["id:1", "id:2"])
def test_a_fold_gives_its_columns_and_takes_them_back_when_it_is_undone(second):
    rows = [
        seen("id:1", given=["handle"], handle="ana"),
        seen("handle:ana", row=2, observed_at=at(-1), given=FULL, bio="baker"),
        seen(second, row=3, observed_at=at(1), given=["handle"], handle="ana"),
    ]

    found = merged(rows)

    if second == "id:1":
        assert {key: row["bio"] for key, row in found.items()} == {"id:1": "baker"}
    else:
        bios = {"id:1": None, "id:2": None, "handle:ana": "baker"}
        assert {key: row["bio"] for key, row in found.items()} == bios
