import hashlib
import io
import json
import re
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from sxe_pipeline.ingest.collection import declared
from sxe_pipeline.ingest.stream import to_jsonl
from sxe_pipeline.privacy import policy
from sxe_pipeline.sandbox import POLICY, bios, landing, plants

DAYS = (date(2026, 9, 1), date(2026, 9, 2))
NOW = datetime(2026, 9, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    root = tmp_path_factory.mktemp("landing")
    world = landing.write_landing(root, seed=7, days=DAYS, accounts=600)
    rows, refused = io.BytesIO(), io.BytesIO()
    to_jsonl([root], out=rows, quarantine=refused, now=NOW)
    return (
        root,
        world,
        [json.loads(line) for line in rows.getvalue().splitlines()],
        [json.loads(line) for line in refused.getvalue().splitlines()],
    )


def digests(root):
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def test_ingest_makes_of_it_exactly_what_its_maker_expects(landed):
    _, world, rows, refused = landed
    reasons = Counter(one["reason"] for one in refused)
    wanted = dict(world.expected)
    assert len(rows) == wanted.pop("rows")
    keys = {(row["platform"], row["account_key"]) for row in rows}
    assert len(keys) == wanted.pop("accounts") + wanted.pop("folds")
    assert reasons == wanted


def test_a_file_of_profiles_refuses_only_what_was_put_there_to_be_refused(landed):
    _, _, _, refused = landed
    shapes_of_unknown = [one["shape"] for one in refused if one["reason"] == "unknown_shape"]
    assert set(shapes_of_unknown) == {None}


def test_nobody_says_what_was_never_filled_in(landed):
    _, _, rows, _ = landed
    assert not [row for row in rows if re.search(r"\{\w+\}", row["bio"] or "")]


def test_every_sighting_is_read_as_the_shape_it_was_written_in(landed):
    _, world, rows, _ = landed
    seen = Counter(row["shape"] for row in rows if "broken_off" not in row["file"])
    assert seen == world.shapes
    assert len(world.shapes) == len(landing.SHAPES)


def test_handle_keyed_accounts_come_back_under_their_handle_with_an_id(landed):
    _, world, rows, _ = landed
    by_handle = {
        (row["platform"], row["handle"].casefold()) for row in rows if row["platform_id"] is None
    }
    with_id = {(row["platform"], row["handle"].casefold()) for row in rows if row["platform_id"]}
    assert world.expected["folds"] > 0
    assert len(by_handle & with_id) == world.expected["folds"]


def test_every_kind_is_planted_and_every_format_is_written(landed):
    root, world, _, _ = landed
    assert set(world.kinds) == set(plants.KINDS)
    assert sum(world.kinds.values()) == len(world.plants)
    names = [file.name for file in root.rglob("*") if file.is_file()]
    for suffix in (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".csv", ".parquet"):
        assert any(name.endswith(suffix) for name in names)


def test_planted_texts_reach_the_rows_and_vendor_contacts_do_not(landed):
    _, world, rows, _ = landed
    read = json.dumps(rows, ensure_ascii=False).lower()
    digits = re.sub(r"[^0-9a-z\n]", "", read)
    for plant in world.plants:
        needles = [needle.decode() for needle in plant.needles]
        is_there = any(
            needle in (digits if needle.isascii() and needle.isdigit() else read)
            for needle in needles
        )
        assert is_there is (plant.kind not in ("mail_vendor", "phone_vendor")), plant.kind


def test_ids_keep_every_digit(landed):
    _, _, rows, _ = landed
    long = [row["platform_id"] for row in rows if row["platform"] != "threads"]
    known = [one for one in long if one is not None]
    assert known
    assert all(re.fullmatch(r"[0-9]{19}", one) for one in known)
    assert any(int(one) % 1_000 for one in known)


def test_the_second_day_renames_counts_and_repeats(landed):
    _, _, rows, _ = landed
    first, second = ({} for _ in DAYS)
    for row in rows:
        day = first if DAYS[0].isoformat() in row["file"] else second
        day[row["platform"], row["account_key"]] = row
    again = first.keys() & second.keys()
    assert again
    assert second.keys() - first.keys()
    assert any(first[key]["handle"] != second[key]["handle"] for key in again)
    assert any(first[key]["follower_count"] != second[key]["follower_count"] for key in again)


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        landing.write_landing(tmp_path / name, seed=seed, days=DAYS, accounts=200)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a") != digests(tmp_path / "c")


def test_three_collections_declare_themselves_and_one_brings_a_mapping(landed):
    root, _, _, _ = landed
    found = [declared(file.read_bytes()) for file in sorted(root.glob("*/_collection.yaml"))]
    assert len(found) == 3
    assert all(one.tribes for one in found)
    assert [file.parent.name for file in root.glob("*/_mapping.yaml")] == ["acme_creators"]


def test_the_sandbox_policy_opens_every_platform_in_full():
    given = policy.load(POLICY)
    assert given.version.startswith("sandbox-2+")
    assert not any(given.is_ids_only(platform) for platform in ("x", "tiktok", "threads"))


def test_a_fifth_of_the_texts_say_nothing_in_many_languages(landed):
    _, _, rows, _ = landed
    nothing = {text for voice in bios.voices() for text in voice.fragments["nothing"]}
    with_bio = [row for row in rows if row["shape"] != "threads_post_author"]
    silent = [row for row in with_bio if not row["bio"] or row["bio"] in nothing]
    assert len(silent) / len(with_bio) >= 0.2
    assert len(bios.voices()) >= 7


def test_a_landing_tree_without_a_day_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one day"):
        landing.write_landing(tmp_path, seed=1, days=(), accounts=10)
