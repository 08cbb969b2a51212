"""The lead card as a table: its columns, and what is read off counts and flags alone.

Here: the Arrow schema of `cards/lead_cards`, follower bands, readiness. The columns up to
`policy_version` are the contract `lead_card`; the ones after it stay inside Tier 1.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from sxe_pipeline.cards.label import Labels
from sxe_pipeline.schema.tables import UTC, WORDS

STALE_AFTER = timedelta(days=730)
WITHHELD = (
    "minor",
    "protected",
    "private",
    "suspended",
    "parody",
    "suppressed",
    "stale",
    "policy",
)
INCOMPLETE = ("no_persona", "no_tribe", "low_confidence", "no_market")

_BANDS = ((1_000_000, "over_1m"), (100_000, "100k_1m"), (10_000, "10k_100k"), (1_000, "1k_10k"))


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


def _list(kind: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", kind, nullable=False))


EVIDENCE = pa.struct(
    [
        _required("label", pa.string()),
        _required("source", pa.string()),
        pa.field("text", pa.string()),
        _required("weight", pa.float64()),
    ]
)
ACCOUNT = pa.struct(
    [
        _required("platform", pa.string()),
        pa.field("platform_id", pa.string()),
        pa.field("handle", pa.string()),
        _required("basis", pa.string()),
    ]
)

_CONTRACT = [
    _required("card_id", pa.string()),
    _required("market", pa.string()),
    _required("platform", pa.string()),
    pa.field("platform_id", pa.string()),
    pa.field("handle", pa.string()),
    pa.field("display_name", pa.string()),
    pa.field("bio", pa.string()),
    pa.field("language", pa.string()),
    pa.field("language_score", pa.float64()),
    pa.field("country", pa.string()),
    pa.field("region", pa.string()),
    pa.field("link_domains", WORDS),
    pa.field("hashtags", WORDS),
    pa.field("link_hub", pa.string()),
    pa.field("follower_count", pa.int64()),
    pa.field("following_count", pa.int64()),
    pa.field("post_count", pa.int64()),
    _required("follower_band", pa.string()),
    pa.field("is_verified", pa.bool_()),
    pa.field("is_business", pa.bool_()),
    _required("account_type", pa.string()),
    pa.field("persona_family", pa.string()),
    pa.field("persona", pa.string()),
    pa.field("persona_confidence", pa.float64()),
    pa.field("tribe", pa.string()),
    pa.field("tribe_confidence", pa.float64()),
    _required("tribes", WORDS),
    pa.field("audience_pool", pa.string()),
    _required("execution_label", pa.string()),
    _required("evidence", _list(EVIDENCE)),
    _required("readiness_state", pa.string()),
    _required("readiness_reasons", WORDS),
    _required("accounts", _list(ACCOUNT)),
    _required("first_seen_at", UTC),
    _required("observed_at", UTC),
    _required("taxonomy_version", pa.string()),
    _required("ruleset_version", pa.string()),
    _required("model_version", pa.string()),
    _required("policy_version", pa.string()),
]
_INTERNAL = [
    _required("is_eligible", pa.bool_()),
    _required("informative_token_count", pa.int64()),
    _required("is_tagged", pa.bool_()),
    _required("is_own_words_tagged", pa.bool_()),
    _required("says_two_things", pa.bool_()),
]

CONTRACT_COLUMNS = tuple(column.name for column in _CONTRACT)
CARD = pa.schema([*_CONTRACT, *_INTERNAL])
"""`cards/lead_cards`, sorted by card_id. Null means: the profile does not say, or nothing was sure
enough. `is_eligible`: at least three informative tokens or a platform category. `is_tagged`:
persona and primary tribe from any source; `is_own_words_tagged`: specific persona and tribe, both
from text or platform; `says_two_things`: besides, some words speak of the tribe alone."""


def follower_band(count: int | None) -> str:
    """Band of a follower count, lower bound inclusive; `unknown` for null."""
    if count is None:
        return "unknown"
    return next((band for floor, band in _BANDS if count >= floor), "under_1k")


def is_stale(observed_at: datetime, newest_day: date) -> bool:
    """Whether the account was last seen more than 730 days before the newest landed day."""
    return newest_day - observed_at.date() > STALE_AFTER


def readiness(reasons: Sequence[str]) -> tuple[str, list[str]]:
    """State and reasons of a card: `withheld` beats `incomplete`, every reason is kept.

    Args:
        reasons: Reasons that hold, in any order.

    Returns:
        `ready`, `incomplete` or `withheld`, and the reasons in a fixed order.
    """
    kept = [reason for reason in (*WITHHELD, *INCOMPLETE) if reason in reasons]
    if any(reason in WITHHELD for reason in kept):
        return "withheld", kept
    return ("incomplete" if kept else "ready"), kept


def label_columns(labels: Labels) -> dict[str, Any]:
    """The labels in the columns of the `lead_card` contract; evidence without its place."""
    return {
        "account_type": labels.account_type,
        "persona_family": labels.persona_family,
        "persona": labels.persona,
        "persona_confidence": labels.persona_confidence,
        "tribe": labels.tribe,
        "tribe_confidence": labels.tribe_confidence,
        "tribes": labels.tribes,
        "evidence": [
            {"label": e.label, "source": e.source, "text": e.text, "weight": e.weight}
            for e in labels.evidence
        ],
    }
