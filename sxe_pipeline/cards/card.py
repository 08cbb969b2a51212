"""What is read off the counts, flags and labels of a card alone.

Here: follower bands, staleness, readiness, labels in the columns of the contract. Not here: which
columns a card has (`sxe_pipeline.schema.lead_card`).
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sxe_pipeline.cards.labeler.evidence import Evidence
from sxe_pipeline.cards.labeler.label import Labels

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
INCOMPLETE = ("no_tribe", "low_confidence", "no_market")

BANDS = ("unknown", "under_1k", "1k_10k", "10k_100k", "100k_1m", "over_1m")
_FLOORS = ((1_000_000, "over_1m"), (100_000, "100k_1m"), (10_000, "10k_100k"), (1_000, "1k_10k"))


def follower_band(count: int | None) -> str:
    """Band of a follower count, lower bound inclusive; `unknown` for null."""
    if count is None:
        return "unknown"
    return next((band for floor, band in _FLOORS if count >= floor), "under_1k")


def band_floor(count: int | None) -> int | None:
    """The lower bound of the band of a follower count; null for null.

    Example:
        >>> band_floor(12_345), band_floor(7), band_floor(None)
        (10000, 0, None)
    """
    if count is None:
        return None
    return next((floor for floor, _ in _FLOORS if count >= floor), 0)


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
    """The labels in the columns of the `lead_card` contract.

    Places are those in the texts of the primary account: the card shows no others.
    """
    return {
        "account_type": labels.account_type,
        "persona_family": labels.persona_family,
        "persona": labels.persona,
        "persona_confidence": labels.persona_confidence,
        "tribe": labels.tribe,
        "tribe_confidence": labels.tribe_confidence,
        "tribes": labels.tribes,
        "evidence": [_evidence(each) for each in labels.evidence],
    }


def _evidence(each: Evidence) -> dict[str, Any]:
    start, end = each.bounds if each.account == 0 else (None, None)
    return {
        "label": each.label,
        "source": each.source,
        "text": each.text,
        "weight": each.weight,
        "field": each.field,
        "start": start,
        "end": end,
    }
