"""What the card tests share: the shipped taxonomy and tables made of invented people."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import build, taxonomy
from sxe_pipeline.privacy import policy
from sxe_pipeline.schema.tables import IDENTITY, PROFILE

SEEN = datetime(2026, 6, 1, tzinfo=UTC)
NEWEST = date(2026, 6, 2)
FULL = policy.Policy("test", {"x": "full", "tiktok": "full", "threads": "ids_only"})

_LISTS = {
    "handles": [],
    "collections": ["pool"],
    "links": [],
    "interests": [],
    "post_hashtags": [],
    "post_terms": [],
}
_FIXED = {
    "read_post_count": 0,
    "redaction_count": 0,
    "redaction_kinds": [],
    "is_scan_open": False,
    "ruleset_version": "r1",
    "observation_count": 1,
    "first_seen_at": SEEN,
    "observed_at": SEEN,
    "landed_day": SEEN.date(),
}

Build = Callable[..., build.Built]


def tables(*people: dict[str, Any]) -> tuple[pa.Table, pa.Table]:
    """Profiles and identities of these accounts; `card_id` defaults to one card an account."""
    profiles, identities = [], []
    for number, person in enumerate(people):
        key = person.get("account_key", f"id:{number}")
        platform = person.get("platform", "x")
        row = {field.name: None for field in PROFILE.schema} | _LISTS | _FIXED
        row |= {"platform": platform, "account_key": key, "handle": f"handle{number}"}
        row |= {k: v for k, v in person.items() if k not in ("card_id", "basis")}
        profiles.append(row)
        identities.append(
            {
                "card_id": person.get("card_id", f"card_{number:04}"),
                "platform": platform,
                "account_key": key,
                "platform_id": None,
                "handle": None,
                "basis": person.get("basis", "self"),
                "evidence": None,
                "generation": 0,
                "first_seen_at": SEEN,
            }
        )
    return (
        pa.Table.from_pylist(profiles, schema=PROFILE.schema),
        pa.Table.from_pylist(identities, schema=IDENTITY.schema),
    )


@pytest.fixture(scope="session")
def shipped() -> taxonomy.Taxonomy:
    return taxonomy.load(contracts_root() / "taxonomy")


@pytest.fixture
def shipped_folder() -> Path:
    return contracts_root() / "taxonomy"


@pytest.fixture
def folder(tmp_path: Path, shipped_folder: Path) -> Path:
    return Path(shutil.copytree(shipped_folder, tmp_path / "taxonomy"))


@pytest.fixture
def make(shipped: taxonomy.Taxonomy) -> Build:
    def run(*people: dict[str, Any], **options: Any) -> build.Built:
        profiles, identities = tables(*people)
        settings = {"collections": {}, "newest_day": NEWEST, "policy": FULL} | options
        return build.build(profiles, identities, build.InForce(taxonomy=shipped, **settings))

    return run
