"""Newer redaction rules go through what is stored, where landing files cannot be read again."""

import dataclasses
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline import redact
from sxe_pipeline.ops import upkeep
from sxe_pipeline.schema.landed import Reject
from sxe_pipeline.social import newer_rules, observe, redaction
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.social.intake import DAY as MORNING
from sxe_pipeline_tests.social.intake import lines
from sxe_pipeline_tests.social.landing import DAY, File, batch, sighting

MAIL = "write to ana@bakery.example"


def blind(texts, **_places):
    """Rules of before: they see nothing."""
    rows = len(texts)
    return redact.Redacted(
        texts, pa.array([0] * rows, pa.int32()), pa.nulls(rows, pa.list_(pa.string()))
    )


def unseen(texts):
    return pa.nulls(len(texts), pa.string())


OLD = Detectors(redact_array=blind, scan_array=unseen, ruleset_version="old")
LEAKY = File(
    "leaky",
    (sighting("id:1", bio=MAIL), sighting("id:2", bio="I bake bread"), sighting("id:3")),
    (Reject(9, None, "malformed"),),
)
KEPT = dataclasses.replace(LEAKY, is_kept=True)


def test_what_older_rules_left_is_taken_out_of_the_stored_rows(tier, database):
    tier.observe({DAY: [LEAKY]}, detectors=OLD)
    assert MAIL in [row["bio"] for row in tier.rows(observe.TABLE)]

    [counts] = tier.observe({DAY: [KEPT]})

    rows = {row["account_key"]: row for row in tier.rows(observe.TABLE)}
    assert "bakery" not in rows["id:1"]["bio"]
    assert rows["id:1"]["redaction_kinds"] == ["email"]
    assert rows["id:1"]["redaction_count"] == 1
    assert rows["id:2"]["bio"] == "I bake bread"
    assert {row["ruleset_version"] for row in rows.values()} == {redact.RULESET_VERSION}
    assert (counts.input_count, counts.observation_count, counts.quarantine_count) == (4, 3, 1)
    assert tier.ask("select redacted_again_at is not null from social.day_count") == [(True,)]
    with psycopg.connect(database.dsn("postgres")) as conn:
        events = conn.execute(
            "select jsonb_path_query("
            "convert_from(payload, 'utf8')::jsonb, '$.**.found_again_count') from audit.event "
            "where kind = 'observations.written'"
        ).fetchall()
    assert sorted(events) == [(0,), (1,)]


def test_what_is_kept_of_posts_is_gone_through_word_by_word(tier):
    post = {"post_id": "1", "hashtags": ["rye", "ringana"], "caption": "I bake, ringana now"}
    other = {"post_id": "2", "hashtags": None, "caption": "bread"}
    said = {"given": ["bio"], "is_post": True, "own_posts": [post, other]}
    file = File(
        "clips", (sighting("id:1", **said), sighting("id:2"), sighting("id:3", own_posts=[]))
    )
    tier.observe({DAY: [file]}, detectors=OLD)
    before = {row["account_key"]: row for row in tier.rows(observe.TABLE)}
    assert before["id:1"]["own_posts"][0]["terms"] == ["bake", "now", "ringana"]

    def sees_more(texts):
        return pc.if_else(
            pc.match_substring(texts, "ringana"), "shape", pa.scalar(None, pa.string())
        )

    kept = dataclasses.replace(file, is_kept=True)
    [counts] = tier.observe({DAY: [kept]}, detectors=Detectors(scan_array=sees_more))

    rows = {row["account_key"]: row for row in tier.rows(observe.TABLE)}
    first, second = rows["id:1"]["own_posts"]
    assert (first["hashtags"], first["terms"]) == (["rye"], ["bake", "now"])
    assert second == before["id:1"]["own_posts"][1]
    assert (rows["id:1"]["given"], rows["id:1"]["is_post"]) == (["bio"], True)
    assert [rows[key]["own_posts"] for key in ("id:2", "id:3")] == [None, []]
    assert (counts.observation_count, counts.post_count) == (3, 1)
    assert tier.ask("select redacted_again_at is not null from social.day_count") == [(True,)]


def test_a_stored_row_in_which_the_second_detector_is_certain_becomes_a_leak(tier):
    tier.observe({DAY: [LEAKY]}, detectors=OLD)

    [counts] = tier.observe({DAY: [KEPT]}, detectors=Detectors(redact_array=blind))

    assert sorted(row["account_key"] for row in tier.rows(observe.TABLE)) == ["id:2", "id:3"]
    assert counts.reasons == {"leak": 1, "malformed": 1}
    assert tier.ask("select reasons from social.file_count") == [({"leak": 1, "malformed": 1},)]


def test_a_day_whose_files_expired_is_due_once_for_newer_rules(intake):
    intake.put("makers/2026-09-01/page.jsonl", lines("ana", "ben"))
    assert intake.build() == [MORNING]
    intake.expire("makers/2026-09-01/page.jsonl")
    assert intake.pending() == []

    as_owner(intake.conn, "update social.day_count set ruleset_version = 'old', inputs = 'old'")
    assert intake.build() == [MORNING]
    assert intake.handles() == ["ana", "ben"]
    assert intake.pending() == []

    as_owner(
        intake.conn,
        "update social.day_count set ruleset_version = 'old', inputs = 'old', "
        "observations_expired_at = now()",
    )
    assert intake.pending() == []  # nothing is stored any more


def test_numbers_of_a_quarantine_that_expired_stay(tier):
    tier.observe({DAY: [LEAKY]}, detectors=OLD)
    as_owner(tier.conn, "update social.day_count set quarantine_expired_at = now()")

    [counts] = tier.observe({DAY: [dataclasses.replace(KEPT, rejects=())]})

    assert (counts.input_count, counts.quarantine_count) == (4, 1)
    assert counts.reasons == {"malformed": 1}
    assert tier.ask("select quarantine_expired_at is not null from social.day_count") == [(True,)]
    assert tier.ask("select input_count, reasons from social.file_count") == [(4, {"malformed": 1})]


def test_versions_of_before_the_finding_have_no_grace(tier):
    tier.observe({DAY: [LEAKY]}, detectors=OLD)
    tier.observe({DAY: [KEPT]})

    kept = upkeep.keep_table(tier.conn, tier.root, observe.TABLE, actor="test", grace_s=86_400)

    assert kept.dropped_versions == 1
    stored = Path(urlsplit(tier.root).path, *observe.TABLE.split("/")).rglob("*.parquet")
    assert [file for file in stored if "bakery" in str(pq.read_table(file)["bio"])] == []


@settings(deadline=None)
@given(st.lists(st.sampled_from([MAIL, "bread", None, "+1 202 555 0143 call me"]), max_size=20))
def test_redacting_what_is_redacted_changes_nothing(bios):
    rows = batch([sighting(f"id:{n}", bio=bio) for n, bio in enumerate(bios, 1)])
    detectors = Detectors()
    once, _ = redaction.redact_rows(rows, DAY, detectors)

    newer = dataclasses.replace(detectors, ruleset_version="newer")
    twice, leaks, found = newer_rules.redact_stored(once, DAY, newer)

    same = [n for n in once.schema.names if n != "ruleset_version"]
    assert twice.select(same).equals(once.select(same))
    assert (leaks.num_rows, found) == (0, 0)
