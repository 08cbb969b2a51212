"""A post is a row of its author, whatever the payload that holds it."""

import json

import pytest

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline_tests.ingest.reading import land


def x_user(rest_id, name):
    return {
        "__typename": "User",
        "rest_id": rest_id,
        "core": {"screen_name": name, "name": name.title()},
        "legacy": {"followers_count": 3},
    }


def tweet(rest_id, author, text, *tags, **more):
    legacy = {
        "full_text": text,
        "created_at": "Wed Oct 10 20:19:24 +0000 2018",
        "entities": {"hashtags": [{"text": tag} for tag in tags]},
    }
    return {
        "__typename": "Tweet",
        "rest_id": rest_id,
        "core": {"user_results": {"result": author}},
        "legacy": legacy | more.pop("legacy", {}),
    } | more


ANA, BEN = x_user("71", "ana"), x_user("72", "ben")
QUOTED = tweet("901", BEN, "rye #Bread", "Bread")
THREAD_POST = {
    "pk": "77",
    "code": "Cx",
    "taken_at": 1700000000,
    "user": {"pk": "5", "username": "ana"},
    "caption": {"text": "tea #Tea"},
    "text_post_app_info": {"share_info": {"quoted_post": None}},
}
CLIP = {
    "id": "88",
    "desc": "knead #Bread",
    "createTime": 1700000000,
    "author": {"id": "5", "uniqueId": "ana", "nickname": "Ana"},
    "authorStats": {"followerCount": 4},
    "challenges": [{"title": "bread"}],
    "textExtra": [{"hashtagName": "bread"}, {"hashtagName": ""}],
}
AWEME = {
    "aweme_id": "89",
    "desc": "knead",
    "create_time": 1700000000,
    "author": {"uid": "5", "unique_id": "ana", "nickname": "Ana"},
    "cha_list": [{"cha_name": "bread"}],
    "text_extra": [],
}


def posts(record, name="page.json", mapping=None):
    """Account -> whether its row is a post, and the posts that it holds."""
    data = record if type(record) is bytes else json.dumps(record).encode()
    rows, rejects = land(data, name, mapping)
    assert rejects == []
    return {
        row["account_key"]: (
            row["is_post"],
            [(p["post_id"], p["hashtags"], p["caption"]) for p in row["own_posts"] or []],
        )
        for row in rows
    }


@pytest.mark.parametrize(
    ("record", "found"),
    [
        pytest.param(
            tweet("900", ANA, "my bread", "bread", quoted_status_result={"result": QUOTED}),
            {
                "id:71": (True, [("900", ["bread"], "my bread")]),
                "id:72": (True, [("901", ["Bread"], "rye #Bread")]),
            },
            id="a post that quotes another gives two authors their own words",
        ),
        pytest.param(
            tweet("902", ANA, "RT", legacy={"retweeted_status_result": {"result": QUOTED}}),
            {"id:71": (True, []), "id:72": (True, [("901", ["Bread"], "rye #Bread")])},
            id="words that somebody repeats are not theirs",
        ),
        pytest.param(
            {"data": {"timeline": {"entries": [{"tweet_results": {"result": QUOTED}}]}}},
            {"id:72": (True, [("901", ["Bread"], "rye #Bread")])},
            id="posts of a timeline",
        ),
        pytest.param(
            {
                "__typename": "TweetWithVisibilityResults",
                "tweet": tweet("903", ANA, "hi", __typename=""),
            },
            {"id:71": (True, [("903", [], "hi")])},
            id="a post behind a notice",
        ),
        pytest.param(
            {
                "id_str": "904",
                "text": "short",
                "extended_tweet": {"full_text": "long #Rye"},
                "entities": {"hashtags": [{"text": "Rye"}]},
                "user": {"id_str": "71", "screen_name": "ana"},
            },
            {"id:71": (True, [("904", ["Rye"], "long #Rye")])},
            id="a post of API v1.1",
        ),
        pytest.param(
            {
                "data": [{"id": "905", "text": "tea", "author_id": "71", "entities": {}}],
                "includes": {"users": [{"id": "72", "username": "ben", "name": "Ben"}]},
            },
            {"id:71": (True, [("905", [], "tea")]), "id:72": (False, [])},
            id="a post of API v2 names its author by id",
        ),
        pytest.param(
            {"data": {"edges": [{"node": {"thread_items": [{"post": THREAD_POST}]}}]}},
            {"id:5": (True, [("77", [], "tea #Tea")])},
            id="a thread",
        ),
        pytest.param(
            {"user_pk": "5", "username": "ana", "id": "78", "text": "tea", "published_on": 1},
            {"id:5": (True, [("78", None, "tea")])},
            id="the fragment of a scraped thread",
        ),
        pytest.param(
            {"itemList": [CLIP]}, {"id:5": (True, [("88", ["bread"], "knead #Bread")])}, id="clips"
        ),
        pytest.param(
            {"data": [{"type": 1, "item": CLIP}]},
            {"id:5": (True, [("88", ["bread"], "knead #Bread")])},
            id="hits of a search",
        ),
        pytest.param(
            {"aweme_list": [AWEME]}, {"id:5": (True, [("89", ["bread"], "knead")])}, id="mobile"
        ),
        pytest.param(
            {"id": "90", "text": "knead", "authorMeta": {"id": "5", "name": "ana", "nickName": "A"}}
            | {"hashtags": [{"name": "bread"}]},
            {"id:5": (True, [("90", ["bread"], "knead")])},
            id="an item with the meta of its author",
        ),
        pytest.param(
            {
                "data": {
                    "videos": [{"id": 91, "username": "ana", "hashtag_names": ["bread", "rye"]}]
                }
            },
            {"handle:ana": (True, [("91", ["bread", "rye"], None)])},
            id="videos of the research API",
        ),
        pytest.param(
            {"author": CLIP["author"], "authorStats": {}},
            {"id:5": (False, [])},
            id="an author cut out of a search is no post",
        ),
    ],
)
def test_a_post_is_a_row_of_its_author(record, found):
    assert posts(record) == found


def test_a_cell_of_a_table_may_hold_a_list_of_hashtags():
    table = (
        "id,user_posted,name,url,biography,hashtags,description,date_posted\n"
        '1,ana,Ana,https://x.com/ana/status/1,baker,"[""Rye"",""bread""]",my bread,'
        '"""2024-05-01T10:00:00.000Z"""\n'
        "2,ana,Ana,https://x.com/ana/status/2,baker,null,null,null\n"
        '3,ben,Ben,https://x.com/ben/status/3,,"#tea, #cake",,\n'
    )
    rows, rejects = land(table.encode(), "posts.csv")

    assert rejects == []
    held = [(row["handle"], row["is_post"], row["own_posts"]) for row in rows]
    assert [(h, p, o[0]["hashtags"], o[0]["caption"]) for h, p, o in held] == [
        ("ana", True, ["Rye", "bread"], "my bread"),
        ("ana", True, [], None),
        ("ben", True, ["#tea", "#cake"], ""),
    ]
    assert str(held[0][2][0]["posted_at"]) == "2024-05-01 10:00:00+00:00"


CARRYING = b"""
platform: tiktok
shapes:
  - name: own
    match: {has: [nick]}
    columns: {handle: nick}
    posts: {in: "clips[*]", id: key, hashtags: tags, caption: words}
"""


def test_a_profile_may_carry_posts_and_is_none():
    clips = [{"key": 1, "tags": "a b", "words": "tea"}, {"key": None}, "noise", {"key": "2"}]

    found = posts({"nick": "ana", "clips": clips}, mapping=CARRYING)

    own = [("1", ["a", "b"], "tea"), ("2", None, None)]
    assert found == {"handle:ana": (False, own)}


@pytest.mark.parametrize(
    "value", [None, [], {}, "a@b.example", "7 7", 1.5e300, True, "x" * 65, ["deep"] * 3]
)
def test_whatever_stands_in_a_post_costs_the_post_and_never_its_author(value):
    broken = CLIP | {"id": value, "desc": value, "challenges": value, "createTime": value}

    [(key, (is_post, own))] = posts({"itemList": [broken]}).items()

    assert key == "id:5"
    assert (is_post, own) == (False, [])


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("post: {at: when}", "needs `id`"),
        ("post: {id: key, who: x}", "needs `id`"),
        ("post: [no]", "needs `id`"),
        ("post: {id: key, in: clips}", "need `in`"),
        ("posts: {id: key}", "need `in`"),
        ("post: {id: key, caption: contact_email}", "contact field"),
        ("post: {id: key, unless: {maybe: [x]}}", "maybe"),
    ],
)
def test_a_mapping_that_says_nonsense_of_posts_is_refused(part, says):
    text = (
        f"platform: x\nshapes: [{{name: own, match: {{has: [a]}}, columns: {{handle: a}}, {part}}}]"
    )

    with pytest.raises(BadInput, match=says):
        mappings(text.encode())
