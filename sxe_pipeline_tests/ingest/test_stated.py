"""A row says which columns its payload gives: an empty one counts, a missing one does not."""

import json

import pytest

from sxe_pipeline_tests.ingest.reading import land

FULL_SEARCH = {"pk": "7", "username": "ana", "has_onboarded_to_text_post_app": True}


def given(record, name="page.json", mapping=None):
    """What the only row of a payload gives, of the columns that these tests speak of."""
    data = record if type(record) is bytes else json.dumps(record).encode()
    [row], rejects = land(data, name, mapping)
    assert rejects == []
    wanted = {"bio", "display_name", "follower_count", "links", "is_private", "location"}
    return wanted & set(row["given"])


@pytest.mark.parametrize(
    ("record", "gives"),
    [
        pytest.param(
            FULL_SEARCH | {"full_name": None},
            {"display_name"},
            id="a search hit says nothing of the bio",
        ),
        pytest.param(
            FULL_SEARCH | {"full_name": "Ana", "biography": "", "bio_links": []},
            {"display_name", "bio", "links"},
            id="an empty bio is a statement",
        ),
        pytest.param(
            {"user_pk": "7", "username": "ana"}, set(), id="a post author gives id and handle alone"
        ),
        pytest.param(
            {"id": "7", "username": "ana", "name": "Ana"},
            {"display_name"},
            id="fields that were not asked for are not given",
        ),
        pytest.param(
            {"id": "7", "username": "ana", "name": "Ana", "description": None, "location": ""},
            {"display_name", "bio", "location"},
            id="fields that were asked for and are empty are given",
        ),
        pytest.param(
            {"user": {"id": "7", "uniqueId": "ana", "signature": ""}, "stats": {}},
            {"display_name", "bio", "links", "follower_count", "is_private"},
            id="a shape that nests its columns gives what its nodes would hold",
        ),
        pytest.param(
            {"rest_id": "7", "legacy": {"screen_name": "ana", "followers_count": 1}},
            {"display_name", "bio", "follower_count", "links", "location", "is_private"},
            id="a constant is given",
        ),
    ],
)
def test_a_column_is_given_where_the_payload_speaks_of_it(record, gives):
    assert given(record) == gives


def test_the_columns_of_a_table_are_given_in_each_of_its_rows():
    table = b"id,screen_name,name,description,location\n7,ana,,,\n"

    assert given(table, "users.csv") == {"display_name", "bio", "location"}


def test_a_value_that_cannot_be_read_is_not_given():
    record = {"id": "7", "username": "ana", "name": "Ana", "public_metrics": {}}

    bad = record | {"public_metrics": {"followers_count": "many"}}

    assert "follower_count" in given(record)
    assert "follower_count" not in given(bad)


@pytest.mark.parametrize("key", ["user.bio", "user/bio", "user"])
def test_a_key_that_a_table_wrote_flat_gives_what_it_nests(key):
    mapping = b"""
platform: x
shapes:
  - name: own
    match: {has: [nick]}
    columns: {handle: nick, bio: user.bio}
"""

    assert given({"nick": "ana", key: None}, mapping=mapping) == {"bio"}


def test_a_collections_own_shape_gives_the_columns_that_it_maps():
    mapping = b"""
platform: tiktok
shapes:
  - name: own
    match: {has: [nick]}
    columns: {handle: nick, bio: [about, more], is_private: {value: false}}
"""

    assert given({"nick": "ana"}, mapping=mapping) == {"is_private"}
    assert given({"nick": "ana", "more": ""}, mapping=mapping) == {"bio", "is_private"}
