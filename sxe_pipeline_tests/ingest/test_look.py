"""A file that nobody mapped is shown by the names of its columns, with a mapping to start from."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.ingest.look import look
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.propose import ColumnSeen, proposed
from sxe_pipeline_tests.ingest.reading import land

MANY = settings.default.max_examples

VENDOR = (
    "creator_id,creator,about,fans,shop,country,contact_email,score\n"
    '7000000000000000001,@kiln.days,"Potter, Oaxaca",12.4K,kiln.example/shop,MX,a@example.com,3\n'
    "7000000000000000002,@loom.days,Weaver,,loom.example,,,4\n"
)


def seen(data: bytes, name: str):
    return look(io.BytesIO(data), name, "acme", mappings(None))


def test_the_proposal_for_an_unknown_file_lands_it():
    found = seen(VENDOR.encode(), "creators.csv")

    rows, rejects = land(VENDOR.encode(), "creators.csv", found.proposal.encode())

    assert (found.records, found.unknown) == (2, 2)
    assert not rejects
    assert [(r["handle"], r["platform_id"], r["bio"]) for r in rows] == [
        ("kiln.days", "7000000000000000001", "Potter, Oaxaca"),
        ("loom.days", "7000000000000000002", "Weaver"),
    ]
    assert [r["follower_count"] for r in rows] == [12_400, None]


def test_a_proposal_names_columns_and_how_full_they_are_and_never_a_value():
    text = seen(VENDOR.encode(), "creators.csv").proposal

    assert "follower_count: fans   # 0.50 filled" in text
    assert "# contact_email   0.50 filled; contact data is never mapped" in text
    assert "# score   1.00 filled" in text
    for value in ("kiln", "Potter", "7000000000000000001", "12.4K", "example", "MX"):
        assert value not in text


def test_nested_records_are_shown_by_their_paths():
    record = {"profile_data": {"userHandle": "a.made", "counts": {"fans": 5}}, "tags": []}

    found = seen(json.dumps(record).encode(), "f.jsonl")
    rows, rejects = land(json.dumps(record).encode(), "f.jsonl", found.proposal.encode())

    assert [each.path for each in found.columns] == [
        "profile_data.userHandle",
        "profile_data.counts.fans",
    ]
    assert not rejects
    assert (rows[0]["handle"], rows[0]["follower_count"]) == ("a.made", 5)


def test_a_name_that_is_a_contact_or_no_name_at_all_is_not_repeated():
    record = {"someone@example.com": 1, "a\u202eb": 2, "x" * 500: 3, 'q"q': 4, "handleish": "h"}

    found = seen(json.dumps(record).encode(), "f.jsonl")

    assert [each.path for each in found.columns] == ["handleish"]
    assert found.hidden == 4


def test_known_records_need_no_proposal():
    found = seen(b'{"id": "1", "username": "a", "name": "A"}\n', "f.jsonl")

    assert (found.unknown, found.proposal, dict(found.advice)) == (0, None, {})


@pytest.mark.parametrize(
    ("data", "name", "word"),
    [
        (b"id,username,name,name\n1,a,A,B\n", "f.csv", "rename"),
        (b"id,username,name\n1,a,A,B\n", "f.csv", "quote the cells"),
        (b'{"id": "1"', "f.json", "whole file"),
        (b"<html></html>", "f.json", "export the data"),
        (b"\x89PNG", "f.png", "convert"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "f.xlsx", "password"),
        (b'{"id": "\xff"}', "f.jsonl", "UTF-8"),
        (b'{"a": 1, "a": 2}', "f.jsonl", "one key"),
    ],
)
def test_each_refusal_says_what_to_do_about_that_file(data, name, word):
    advice = seen(data, name).advice

    assert len(advice) == 1
    assert word in next(iter(advice))


@pytest.mark.parametrize("name", ["no", "null", "true", "on", "2026"])
def test_a_proposal_quotes_names_that_yaml_would_read_as_something_else(name):
    text = proposed([ColumnSeen(name, 1), ColumnSeen("handle", 1)], 1, name)

    rows, rejects = land(b'{"handle": "ana", "%s": "x"}' % name.encode(), "f.jsonl", text.encode())

    assert ([(row["shape"], row["handle"]) for row in rows], rejects) == ([(name, "ana")], [])


@settings(max_examples=MANY, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=5)), max_size=6)
)
def test_any_proposal_can_be_used_as_it_is(records):
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)

    found = seen(data, "f.jsonl")

    if found.proposal:
        mappings(found.proposal.encode())


def test_a_proposal_for_columns_of_which_none_is_a_key_says_so_and_takes_none_for_it():
    text = proposed([ColumnSeen("alpha", 1), ColumnSeen("beta", 1)], 1, "Ünï cøde")

    rows, rejects = land(b'{"alpha": "x", "beta": "y"}', "f.jsonl", text.encode())

    assert 'handle: "?"' in text
    assert not rows
    assert [(r.shape, r.reason) for r in rejects] == [("n_c_de", "no_account")]
