"""One row per account, the newest sighting wins, ids are strings, handle history is kept."""

import csv
import json
import os
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import pytest

from sxe_pipeline.errors import NotFound
from sxe_pipeline.social import profiles
from sxe_pipeline.store import tables
from sxe_pipeline_tests.social import intake as landed
from sxe_pipeline_tests.social.landing import DAY, NEXT_DAY, File, sighting


def test_the_newest_sighting_wins_whatever_lands_first(tier):
    newer = File("newer", (sighting("id:1", hours=9, bio="baker", follower_count=2),))
    older = File("older", (sighting("id:1", hours=1, bio="cook", follower_count=1),))
    tier.observe({DAY: [newer]})
    tier.profiles()
    tier.observe({NEXT_DAY: [older]})

    row = tier.profiles()["x", "id:1"]

    assert (row["bio"], row["follower_count"], row["landed_day"]) == ("baker", 2, DAY)
    assert row["observation_count"] == 2
    assert row["first_seen_at"] == datetime(2026, 3, 1, 1, tzinfo=UTC)


def test_a_tie_is_decided_by_file_hash_and_then_by_row(tier):
    files = [
        File(name, (sighting("id:1", bio=f"{name} 1"), sighting("id:1", bio=f"{name} 2")))
        for name in ("left", "right")
    ]
    tier.observe({DAY: files})

    last = max(files, key=lambda file: file.file_sha256)

    assert tier.profiles()["x", "id:1"]["bio"] == f"{last.name} 2"


def test_ids_beyond_2_53_stay_apart(tier):
    near = ("id:9007199254740993", "id:9007199254740992", "id:09007199254740993")
    tier.observe({DAY: [File("big", tuple(sighting(key) for key in near))]})

    rows = tier.profiles()

    assert {key for _, key in rows} == set(near)
    assert {row["platform_id"] for row in rows.values()} == {key[3:] for key in near}


def test_handle_history_is_oldest_first_and_holds_each_spelling_once(tier):
    handles = ["TwitterEng", "XEng", "TwitterEng", None, "xeng"]
    rows = [sighting("id:1", hours=hour, handle=handle) for hour, handle in enumerate(handles)]
    tier.observe({DAY: [File("renames", tuple(reversed(rows)))]})

    row = tier.profiles()["x", "id:1"]

    assert row["handles"] == ["TwitterEng", "XEng", "xeng"]
    assert row["handle"] == "xeng"


def test_an_id_without_a_handle_is_accepted_and_keeps_the_handle_once_seen(tier):
    tier.observe({DAY: [File("one", (sighting("id:1"), sighting("id:2", handle="ana")))]})
    assert tier.profiles()["x", "id:1"]["handle"] is None

    tier.observe({NEXT_DAY: [File("two", (sighting("id:2", hours=5),))]})

    assert tier.profiles()["x", "id:2"]["handle"] == "ana"


def test_a_handle_key_folds_into_the_only_id_that_showed_the_handle(tier):
    known = sighting("id:1", handle="Ana", bio="cook")
    unknown = sighting("handle:ana", hours=5, handle="ana", bio="baker")
    tier.observe({DAY: [File("id", (known,)), File("handle", (unknown,))]})

    rows = tier.profiles()

    assert list(rows) == [("x", "id:1")]
    row = rows["x", "id:1"]
    assert (row["platform_id"], row["bio"], row["observation_count"]) == ("1", "baker", 2)
    assert row["handles"] == ["Ana", "ana"]


def test_a_second_id_with_the_handle_undoes_the_fold(tier):
    tier.observe({DAY: [File("a", (sighting("id:1", handle="ana"), sighting("handle:ana")))]})
    assert len(tier.profiles()) == 1

    tier.observe({NEXT_DAY: [File("b", (sighting("id:2", handle="ANA"),))]})

    assert {key for _, key in tier.profiles()} == {"id:1", "id:2", "handle:ana"}


THREADS_USER = {"pk": "7", "username": "ana", "full_name": "Ana", "biography": "baker"} | {
    "follower_count": 9,
    "bio_links": [{"url": "https://bread.example"}],
    "fetched_at": "2026-08-01",
}
POST_AUTHOR = {"user_pk": "7", "username": "ana", "fetched_at": "2026-08-30"}


def test_a_post_author_who_lands_later_erases_nothing_and_may_be_withdrawn(intake):
    full, fragment = f"net/{landed.DAY}/full.jsonl", f"net/{landed.NEXT_DAY}/posts.jsonl"
    intake.put(full, json.dumps(THREADS_USER))
    intake.put(fragment, json.dumps(POST_AUTHOR | {"username": "ana.bakes"}))

    def profile():
        intake.build()
        profiles.rebuild(intake.conn, intake.tier1, actor="test", now=datetime.now(UTC))
        with intake.conn.transaction():
            stored = tables.snapshot(intake.conn, intake.tier1, profiles.TABLE)
        [row] = stored.to_table().to_pylist()
        return row["handle"], row["bio"], row["follower_count"], row["links"]

    links = ["https://bread.example"]
    assert profile() == ("ana.bakes", "baker", 9, links)

    intake.withdraw(fragment)
    assert profile() == ("ana", "baker", 9, links)

    intake.put(f"net/{landed.NEXT_DAY}/again.jsonl", json.dumps(POST_AUTHOR))
    intake.withdraw(full)
    assert profile() == ("ana", None, None, [])


def test_handles_fold_within_their_platform_only(tier):
    rows = (sighting("id:1", handle="ana"), sighting("handle:ana", platform="tiktok"))
    tier.observe({DAY: [File("a", rows)]})

    assert set(tier.profiles()) == {("x", "id:1"), ("tiktok", "handle:ana")}


def test_look_alike_handles_do_not_fold(tier):
    keys = ("handle:ana_", "handle:anа", "handle:an.a")
    rows = tuple(sighting(key) for key in keys)
    tier.observe({DAY: [File("a", (sighting("id:1", handle="ana"), *rows))]})

    assert len(tier.profiles()) == 4


def test_without_observations_the_build_says_what_to_do(tier):
    with pytest.raises(NotFound, match="ingest a landing file first"):
        profiles.rebuild(tier.conn, tier.root, actor="test", now=datetime.now(UTC))


def test_no_observation_at_all_gives_an_empty_table(tier):
    tier.observe({DAY: []})

    assert tier.profiles() == {}


def test_d12_the_build_spills_under_a_small_memory_limit(tier, tmp_path, monkeypatch):
    monkeypatch.setenv("SXE_MEMORY_LIMIT_MB", "200")
    monkeypatch.setenv("SXE_SPILL_DIR", str(tmp_path))
    many = tuple(sighting(f"id:{n % 700}", hours=n, bio=f"bio {n}") for n in range(2000))
    tier.observe({DAY: [File("many", many)]})

    built = profiles.rebuild(tier.conn, tier.root, actor="t", now=datetime.now(UTC))

    assert built.profile_count == 700


@pytest.mark.skipif("SXE_TEST_DATA" not in os.environ, reason="SXE_TEST_DATA is not set")
def test_real_renames_keep_one_account_and_its_handles_in_order(tier):
    data = Path(os.environ["SXE_TEST_DATA"])
    with (data / "truth/x_handle_renames.csv").open() as lines:
        truth = {r["x_id"]: r["handles_in_time_order"].split(" -> ") for r in csv.DictReader(lines)}
    rows = []
    with (data / "tables/x_graphql_users.jsonl").open() as lines:
        for record in map(json.loads, lines):
            user = record["user"]
            if user.get("rest_id") in truth:
                legacy, core = user.get("legacy") or {}, user.get("core") or {}
                seen_at = datetime.fromisoformat(record["commit_date"]).astimezone(UTC)
                handle = core.get("screen_name") or legacy.get("screen_name")
                key = f"id:{user['rest_id']}"
                rows.append(sighting(key, handle=handle, observed_at=seen_at))
    tier.observe({DAY: [File("real", tuple(reversed(rows)))]})

    built = tier.profiles()

    assert len(built) == len(truth) > 0
    for x_id, handles in truth.items():
        known = [handle for handle, _ in groupby(handles)]
        assert built["x", f"id:{x_id}"]["handles"] == list(dict.fromkeys(known)), x_id
