"""A collection's own `_mapping.yaml`: goes first, lands only what may land, never a contact."""

import json
import re
from pathlib import Path

import pytest

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline_tests.ingest.reading import land

OWN = b"""
platform: tiktok
shapes:
  - name: acme_creators
    match: {has: [creator_id, creator]}
    null_words: [n/a]
    columns:
      platform_id: creator_id
      handle: creator
      bio: about
      follower_count: fans
      links: [shop, site]
"""


def one(entry: str) -> bytes:
    return (
        "platform: x\nshapes:\n  - name: s\n    match: {has: [a]}\n    columns: {" + entry + "}\n"
    ).encode()


def test_a_vendor_file_lands_through_the_collections_own_mapping():
    record = {
        "creator_id": 7000000000000000001,
        "creator": "@Acme.One",
        "about": "n/a",
        "fans": "1.2M",
        "shop": "acme.example/shop",
        "site": "https://acme.example",
        "email": "someone@example.com",
    }

    rows, rejects = land(json.dumps(record).encode(), "f.jsonl", OWN)

    assert not rejects
    row = rows[0]
    assert row["shape"] == "acme_creators"
    assert row["account_key"] == "id:7000000000000000001"
    assert (row["handle"], row["bio"], row["follower_count"]) == ("Acme.One", None, 1_200_000)
    assert row["links"] == ["https://acme.example/shop", "https://acme.example"]
    assert "someone@example.com" not in str(row), "vendor contact columns never land"


def test_a_collections_own_mapping_goes_before_the_shipped_ones():
    own = OWN.replace(b"has: [creator_id, creator]", b"has: [id, username, name]")

    assert (
        mappings(own).recognised({"id": "1", "username": "a", "name": "A"}).name == "acme_creators"
    )
    assert mappings(None).recognised({"id": "1", "username": "a", "name": "A"}).name == "x_api_v2"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        pytest.param(one("email: mail"), "does not land", id="a column that does not land"),
        pytest.param(one("row: a"), "does not land", id="a column that is computed"),
        pytest.param(one("bio: email"), "contact field", id="an e-mail as a bio"),
        pytest.param(one("bio: confirmed_email"), "contact field", id="a confirmed e-mail"),
        pytest.param(one("location: user.publicEmail"), "contact field", id="camel case"),
        pytest.param(one("links: [whatsapp_number]"), "contact field", id="a messenger"),
        pytest.param(one("links: [{first: [contactPhoneNumber]}]"), "contact field", id="nested"),
        pytest.param(one("bio: {path: a, as: shout}"), "shout", id="an unknown transform"),
        pytest.param(one("bio: a..b"), "cannot be read", id="a bad path"),
        pytest.param(b"shapes: 1", "shapes", id="no list"),
        pytest.param(b"- [", "ParserError", id="no YAML"),
        pytest.param(OWN.replace(b"tiktok", b"instagram"), "platform", id="another network"),
        pytest.param(OWN.replace(b"has:", b"have:"), "have", id="an unknown condition"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_with_the_reason(own, said):
    with pytest.raises(BadInput, match=said):
        mappings(own)


def test_the_example_of_the_landing_page_works_as_it_is_printed():
    page = (Path(__file__).parents[2] / "docs" / "landing.md").read_text()
    example = re.search(r"```yaml\n(platform: tiktok.*?)```", page, re.DOTALL)
    table = re.search(r"```\n(creator_id,.*?)```", page, re.DOTALL)
    assert example, "the page shows a mapping"
    assert table, "the page shows the file that it maps"

    rows, rejects = land(table[1].encode(), "creators.csv", example[1].encode())

    assert not rejects
    assert (rows[0]["handle"], rows[0]["follower_count"]) == ("kiln.days", 12_400)
    assert "someone@example.com" not in str(rows[0])
