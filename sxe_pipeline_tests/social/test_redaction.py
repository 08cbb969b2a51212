"""What a landed row holds is redacted and scanned by its class, however deep it stands."""

import dataclasses
import threading
from collections import defaultdict

import pyarrow as pa
import pytest
from polars.expr.string import ExprStringNameSpace

from sxe_pipeline.redact import Redacted
from sxe_pipeline.redact.threads import PATTERNS
from sxe_pipeline.schema.columns import Column
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION
from sxe_pipeline.social import redaction
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline_tests.social.landing import DAY, sighting

ADDRESS = "ana.lopes@protonmail.com"
POST = Column(
    "element",
    "struct",
    nullable=False,
    children=(
        Column("words", "string", "text"),
        Column("link", "string", "link"),
        Column("likes", "int64", "count"),
        Column("tags", "list", children=(Column("element", "string", "text"),)),
    ),
)
POSTS = Column("posts", "list", children=(POST,))


@pytest.fixture
def posts(monkeypatch):
    """Landed rows and observations with a list of posts in them."""
    for name, table in (("LANDED_ROW", LANDED_ROW), ("OBSERVATION", OBSERVATION)):
        wider = dataclasses.replace(table, columns=(*table.columns, POSTS))
        monkeypatch.setattr(redaction, name, wider)

    def redacted(*rows, detectors=None):
        landed = [
            sighting(f"id:{n}", posts=posts)
            | {"collection": "spring", "file_sha256": "0" * 64, "row": n}
            for n, posts in enumerate(rows, 1)
        ]
        batch = pa.RecordBatch.from_pylist(landed, schema=redaction.LANDED_ROW.schema)
        seen, leaks = redaction.redact_rows(batch, DAY, detectors)
        return seen.to_pylist(), leaks.to_pylist()

    return redacted


def post(words=None, link=None, tags=None):
    return {"words": words, "link": link, "likes": 3, "tags": tags}


def test_texts_and_links_inside_of_structs_inside_of_lists_are_redacted(posts):
    seen, leaks = posts(
        [post("bread"), post(f"mail {ADDRESS}", f"mailto:{ADDRESS}", ["rye", ADDRESS])],
        None,
        [],
        [post(link="https://linktr.ee/ana"), post(link="https://bread.example")],
    )

    assert leaks == []
    assert [row["posts"] for row in seen] == [
        [post("bread"), post("mail [email]", None, ["rye", "[email]"])],
        None,
        [],
        [post(link="linktr.ee"), post(link="https://bread.example")],
    ]
    assert [row["redaction_count"] for row in seen] == [3, 0, 0, 1]
    assert seen[0]["redaction_kinds"] == ["contact_link", "email"]
    assert [row["link_hub"] for row in seen] == [None, None, None, "linktr.ee"]


@pytest.mark.parametrize("planted", [post(ADDRESS), post(tags=["rye", ADDRESS])])
def test_the_second_detector_looks_as_deep(posts, planted):
    def unredacted(texts, places=None):
        nothing = pa.array([0] * len(texts), pa.int32())
        return Redacted(texts, nothing, pa.nulls(len(texts), pa.list_(pa.string())))

    blind = Detectors(redact_array=unredacted)

    seen, leaks = posts([post("bread")], [post("bread"), planted], detectors=blind)

    assert [row["account_key"] for row in seen] == ["id:1"]
    assert [(row["row"], row["reason"]) for row in leaks] == [(2, "leak")]


def test_a_contact_in_the_kind_of_a_category_is_redacted():
    """A mapping may put any words there."""
    batch = pa.RecordBatch.from_pylist(
        [
            sighting("id:1", category_kind=ADDRESS)
            | {"collection": "spring", "file_sha256": "0" * 64, "row": 1}
        ],
        schema=LANDED_ROW.schema,
    )

    seen, _ = redaction.redact_rows(batch, DAY)

    assert seen.to_pylist()[0]["category_kind"] == "[email]"


def test_no_thread_asks_more_patterns_than_polars_keeps_compiled(monkeypatch):
    asked = defaultdict(set)
    for name in ("contains", "count_matches", "extract_all", "replace_all"):
        original = getattr(ExprStringNameSpace, name)

        def noted(self, pattern, *given, original=original, **more):
            if not more.get("literal"):
                asked[threading.current_thread().name].add(str(pattern))
            return original(self, pattern, *given, **more)

        monkeypatch.setattr(ExprStringNameSpace, name, noted)
    caption = f"#bread ありがとう http://bread.example {ADDRESS} 五五五 1234567"
    posts = [{"post_id": "1", "posted_at": None, "hashtags": ["bread"], "caption": caption}]
    rows = [
        sighting(f"id:{n}", bio=bio, links=["https://linktr.ee/ana"], own_posts=posts)
        | {"display_name": "call me at", "collection": "spring", "file_sha256": "0" * 64, "row": n}
        for n, bio in enumerate((caption, "ana at bread dot example", "+1 (415) 555-0134 @ana"))
    ]

    redaction.redact_rows(pa.RecordBatch.from_pylist(rows, schema=LANDED_ROW.schema), DAY)

    assert len(asked) == 3
    assert {name: len(found) for name, found in asked.items() if len(found) > PATTERNS} == {}


def test_the_tables_of_the_file_are_left_as_they_are():
    assert isinstance(redaction.LANDED_ROW, Table)
    assert POSTS not in redaction.LANDED_ROW.columns
