"""Every file of the real data meets the committed table: outcome, id, handle, bio as in the source.

The expected values are taken from the source by a second reading that knows nothing of the shapes:
it looks for the well-known key names anywhere in a record.
"""

import base64
import csv
import json
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from sxe_pipeline_tests.ingest.reading import land

CASES = list(
    csv.DictReader(
        (Path(__file__).parent / "cases" / "expected_shapes.csv").read_text().splitlines()
    )
)
DATA = os.environ.get("SXE_TEST_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="SXE_TEST_DATA is not set: no real data here")

_BIO_KEYS = ("description", "signature", "biography", "bio", "threads_biography")
_HANDLE_KEYS = ("screen_name", "uniqueId", "username", "channelId")


def _data_files() -> list[str]:
    if not DATA:
        return []
    root = Path(DATA)
    found = [*root.glob("payloads/*/*"), *root.glob("tables/*")]
    return sorted(str(path.relative_to(root)) for path in found)


@needs_data
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["pattern"])
def test_every_file_of_a_shape_has_the_outcome_of_the_table(case):
    files = [name for name in _data_files() if fnmatch(name, case["pattern"])]

    assert files, "a line of the table that no file meets says nothing"
    for name in files:
        rows, rejects = land((Path(DATA or "") / name).read_bytes(), name)
        outcome = {
            "accepted": len(rows),
            "quarantined": len(rejects),
            "platforms": {row["platform"] for row in rows} <= {case["platform"]},
            "shapes": {row["shape"] for row in rows} | {r.shape for r in rejects if r.shape},
            "reasons": {reject.reason for reject in rejects},
        }
        allowed = set(filter(None, case["shapes"].split("|")))
        assert outcome["accepted"] == int(case["accepted"]), name
        assert outcome["quarantined"] == int(case["quarantined"]), name
        assert outcome["platforms"], name
        assert outcome["shapes"] <= allowed, f"{name} was taken for another shape"
        assert outcome["reasons"] == set(filter(None, case["reasons"].split("|"))), name


@needs_data
def test_no_file_of_the_real_data_is_missing_from_the_table():
    unlisted = [
        name for name in _data_files() if not any(fnmatch(name, case["pattern"]) for case in CASES)
    ]

    assert unlisted == []


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)


def _ids(record: dict[str, Any]) -> set[str]:
    found = set()
    for node in _nodes(record):
        for key in ("rest_id", "id", "id_str", "pk", "user_pk"):
            value = node.get(key)
            if isinstance(value, int | str):
                found.add(str(value))
                if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9+/=]{8,64}", value):
                    try:
                        found.add(base64.b64decode(value).decode("latin-1").removeprefix("User:"))
                    except ValueError:
                        continue
    return found


def _texts(record: dict[str, Any], keys: tuple[str, ...]) -> set[str]:
    return {node[key] for node in _nodes(record) for key in keys if isinstance(node.get(key), str)}


@needs_data
@pytest.mark.parametrize("folder", ["x", "threads", "tiktok"])
def test_ids_handles_and_bios_of_payloads_are_those_of_the_source(folder):
    for path in sorted((Path(DATA or "") / "payloads" / folder).glob("*.json")):
        source = json.loads(path.read_bytes())
        rows, _ = land(path.read_bytes(), path.name)
        for row in rows:
            _check(row, source, path.name)
        if _own_bio(source) and len(rows) == 1:
            assert rows[0]["bio"] is not None, f"{path.name}: the bio of the source is lost"


def _own_bio(source: dict[str, Any]) -> bool:
    holders = [source, *(source.get(key) for key in ("legacy", "profile_bio", "user", "author"))]
    return any(
        isinstance(holder, dict) and isinstance(holder.get(key), str)
        for holder in holders
        for key in _BIO_KEYS
    )


def _check(row: dict[str, Any], source: dict[str, Any], name: str) -> None:
    if row["platform_id"] is not None:
        assert row["platform_id"] in _ids(source), name
    if row["handle"] is not None:
        handles = _texts(source, (*_HANDLE_KEYS, "name", "url"))
        assert any(row["handle"] in text for text in handles), name
    if row["bio"] is not None:
        assert row["bio"] in _texts(source, _BIO_KEYS), f"{name}: the bio is not as in the source"


@needs_data
def test_the_x_table_keeps_every_id_handle_and_bio_to_the_byte():
    path = Path(DATA or "") / "tables" / "x_graphql_users.jsonl"
    sources = [json.loads(line) for line in path.read_text().splitlines()]

    rows, _ = land(path.read_bytes(), path.name)

    for source, row in zip(sources, rows, strict=True):
        user = source["user"]
        core, legacy = user.get("core") or {}, user.get("legacy") or {}
        bio = (user.get("profile_bio") or {}).get("description", legacy.get("description"))
        assert row["account_key"] == f"id:{user['rest_id']}"
        assert row["handle"] == (core.get("screen_name") or legacy.get("screen_name"))
        assert row["bio"] == bio
        assert row["observed_at"].isoformat()[:4] == source["commit_date"][:4]


@needs_data
@pytest.mark.parametrize(
    ("table", "key", "handle", "bio"),
    [
        ("x_crowdflower_profiles.csv", None, "name", "description"),
        ("x_bot_human_profiles.csv", "id", "screen_name", "description"),
        ("x_brightdata_post_authors.csv", None, "url", "biography"),
        ("tiktok_brightdata_profiles.csv", "id", "url", "biography"),
    ],
)
def test_the_csv_tables_keep_every_id_handle_and_bio(table, key, handle, bio):
    path = Path(DATA or "") / "tables" / table
    with path.open(newline="") as file:
        sources = list(csv.DictReader(file))

    rows, _ = land(path.read_bytes(), table)

    for source, row in zip(sources, rows, strict=True):
        assert row["platform_id"] == (source[key] if key else None)
        found = re.search(r"\.com/@?([^/]+)", source["url"]) if handle == "url" else None
        assert row["handle"] == (found[1] if found else source[handle])
        if source[bio] in ("null", "No bio yet"):
            assert row["bio"] is None
        else:
            assert row["bio"] == source[bio]


@needs_data
@pytest.mark.parametrize(
    ("table", "inner", "handle"),
    [
        ("tiktok_authormeta_2020.jsonl", None, "name"),
        ("tiktok_web_authors.jsonl", "author", "uniqueId"),
    ],
)
def test_the_tiktok_tables_keep_every_id_handle_and_bio(table, inner, handle):
    path = Path(DATA or "") / "tables" / table
    sources = [json.loads(line) for line in path.read_text().splitlines() if line]

    rows, _ = land(path.read_bytes(), table)

    for source, row in zip(sources, rows, strict=True):
        author = source[inner] if inner else source
        assert row["platform_id"] == author["id"]
        assert row["handle"] == author[handle]
        assert row["bio"] == (None if author["signature"] == "No bio yet" else author["signature"])
