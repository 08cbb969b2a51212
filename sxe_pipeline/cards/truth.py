"""Accounts whose labels people read, and which of them nobody may learn from.

Here: reading a folder shaped as `docs/label_model.md` says: profile tables, and truth that names
their accounts. Not here: scoring (`measure`), training (`bench/labels_train.py`).
"""

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from sxe_pipeline.cards import text
from sxe_pipeline.cards.labeler.evidence import Voice
from sxe_pipeline.errors import BadInput

Key = tuple[str, str]
"""The source of an account, and its key there."""
Observed = Callable[[Path], Iterable[pa.RecordBatch]]
"""What reads a table into redacted rows, as the social tier stores them."""
Redact = Callable[[pa.Array], pa.Array]

READ = "persona_tribe_read.csv"
OCCUPATIONS = "persona_es_occupation.csv"
DEVELOPERS = "biodrop_profiles.jsonl"
BRANDS = "x_crowdflower_profiles.csv"
SOURCES = {
    "x_graphql_users.jsonl": "x_graphql",
    BRANDS: "x_crowd",
    "x_brightdata_post_authors.csv": "x_vendor",
    "x_bot_human_profiles.csv": "x_bothuman",
    "tiktok_brightdata_profiles.csv": "tt_vendor",
    "tiktok_authormeta_2020.jsonl": "tt_2020",
    "tiktok_web_authors.jsonl": "tt_web",
}
_PARTS = 5


class Truth(NamedTuple):
    """What a reader says of an account; several labels may be right."""

    key: Key
    language: str
    reader: str
    account_type: str
    persona: str
    family: str
    tribe: str
    personas: frozenset[str]
    tribes: frozenset[str]


def is_held_back(key: Key) -> bool:
    """Whether an account is never trained on, not even for a threshold.

    Example:
        >>> [is_held_back(("x_graphql", f"id:{n}")) for n in range(6)].count(True)
        2
    """
    digest = hashlib.sha256(f"train:{key[0]}{key[1]}".encode()).hexdigest()
    return int(digest, 16) % _PARTS == 0


def read_truth(folder: Path) -> list[Truth]:
    """The rows of `truth/persona_tribe_read.csv`; none where there is no such file.

    Raises:
        BadInput: The file lacks a column.
    """
    try:
        return [_truth(row) for row in _csv(folder / "truth" / READ)]
    except KeyError as column:
        raise BadInput(f"{READ} lacks the column {column}; see docs/label_model.md") from None


def _truth(row: Mapping[str, str]) -> Truth:
    return Truth(
        (row["source"], row["key"]),
        row["language"],
        row["reader"],
        row["account_type"] or "unknown",
        row["persona"],
        row["persona_family"],
        row["tribe_primary"],
        _several(row["persona"], row["persona_also"]),
        _several(row["tribe_primary"], row["tribe_second"], row["tribes_also"]),
    )


def _several(*cells: str) -> frozenset[str]:
    return frozenset(label for cell in cells for label in cell.split("|") if label)


def read_occupations(folder: Path) -> dict[Key, str]:
    """Spanish accounts and the class of their occupation; A: none, B: an organisation."""
    rows = _csv(folder / "truth" / OCCUPATIONS)
    return {_spanish(r): r["isco_major"] for r in rows if r["label_state"] == "ok"}


def read_brands(folder: Path) -> dict[Key, bool]:
    """Accounts that three people called a brand, or a man or a woman."""
    said = {
        ("x_crowd", f"handle:{row['name'].casefold()}"): row["gender"]
        for row in _csv(folder / "tables" / BRANDS)
    }
    return {k: s == "brand" for k, s in said.items() if s in ("brand", "male", "female")}


def accounts(folder: Path, observed: Observed, redact: Redact) -> dict[Key, Voice]:
    """Every account of the folder as it was observed last, its texts redacted.

    Args:
        folder: Holds `tables` and `truth`; a file that is not there has no accounts.
        observed: Reads one table.
        redact: Redacts texts that stand in no table.
    """
    found: dict[Key, Voice] = {}
    posts: dict[Key, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for file, source in SOURCES.items():
        path = folder / "tables" / file
        rows = (
            (row for batch in observed(path) for row in batch.to_pylist()) if path.is_file() else ()
        )
        for row in sorted(rows, key=lambda row: row["observed_at"]):
            key = source, row["account_key"]
            posts[key] |= {post["post_id"]: post for post in row.get("own_posts") or ()}
            found[key] = voice_of(row | _words_of(posts[key].values()))
    others = dict(_others(folder))
    for name in ("bio", "display_name"):
        texts = redact(pa.array([row.get(name) for row in others.values()], pa.string()))
        for row, redacted in zip(others.values(), texts.to_pylist(), strict=True):
            row[name] = redacted
    return found | {key: voice_of(row) for key, row in others.items()}


def voice_of(row: Mapping[str, Any]) -> Voice:
    """What an account says, of a row in the columns of a profile; columns may be missing."""
    return Voice(
        bio=text.clean(row.get("bio")),
        display_name=text.clean(row.get("display_name")),
        link_domains=text.domains(row.get("links") or ()),
        interests=row.get("interests") or (),
        category=row.get("category"),
        category_kind=row.get("category_kind"),
        follower_count=row.get("follower_count"),
        is_business=row.get("is_business"),
        is_parody=row.get("is_parody"),
        is_verified=row.get("is_verified"),
        platform=row.get("platform"),
        handle=row.get("handle"),
        post_hashtags=row.get("post_hashtags") or (),
        post_terms=row.get("post_terms") or (),
    )


def _words_of(posts: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Hashtags and terms, those of most posts first, as a profile has them."""
    found = {}
    for name in ("hashtags", "terms"):
        used = Counter(word for post in posts for word in post[name] or ())
        found[f"post_{name}"] = sorted(used, key=lambda word: (-used[word], word))
    return found


def _others(folder: Path) -> Iterator[tuple[Key, dict[str, Any]]]:
    for row in _csv(folder / "truth" / OCCUPATIONS):
        yield _spanish(row), {"platform": "x", "bio": row["description"]}
    path = folder / "truth" / DEVELOPERS
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        row = json.loads(line)
        yield (
            ("biodrop", row["slug"]),
            {"platform": "x", "bio": row.get("bio"), "display_name": row.get("name")},
        )


def _spanish(row: Mapping[str, str]) -> Key:
    return "es", f"id:{row['x_id']}"


def _csv(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
