"""Labels for JSON Lines, so that anybody can score them on data of their own.

Here: lines in, dicts out, some at a time. Not here: the command line (`cli`).
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sxe_pipeline.cards import text
from sxe_pipeline.cards.card import label_columns
from sxe_pipeline.cards.labeler.evidence import Voice
from sxe_pipeline.cards.labeler.learned import Said, label_all
from sxe_pipeline.cards.labeler.weights import Weights
from sxe_pipeline.cards.taxonomy import Taxonomy
from sxe_pipeline.redact.stream import objects

_BATCH = 512


def label_lines(
    lines: Iterable[str], field: str, taxonomy: Taxonomy, weights: Weights | None = None
) -> Iterator[dict[str, Any]]:
    """Label the text of each JSON line.

    Args:
        lines: JSON objects, one a line; empty lines are skipped. Beside the text are read, where
            they stand there: platform, handle, display_name, links, category, category_kind,
            follower_count, is_business, is_verified, is_parody, interests, post_hashtags,
            post_terms, audience_tribes; or
            `accounts`, a list of such objects, the primary one first. A value of another type is
            as good as none.
        field: Name of the text field. Missing or null: every label is null or `unknown`.
        taxonomy: The labels.
        weights: The trained weights; None labels by rules alone.

    Yields:
        The object with account_type and its confidence, persona_family, persona,
        persona_confidence, tribe, tribe_confidence, tribes, evidence and language added.

    Raises:
        BadInput: A line is no JSON object.
    """
    rows = (row for _, row in objects(lines))
    languages = text.Languages()
    while batch := list(islice(rows, _BATCH)):
        said = [_said(row, field, languages) for row in batch]
        labeled = label_all(said, taxonomy, weights)
        for row, card, labels in zip(batch, said, labeled, strict=True):
            bios = (voice.bio for voice in card.voices if voice.bio)
            language = next((languages[bio][0] for bio in bios), None)
            sure = {"account_type_confidence": labels.account_type_confidence}
            yield {**row, **label_columns(labels), **sure, "language": language}


def _said(row: dict[str, Any], field: str, languages: text.Languages) -> Said:
    listed = row.get("accounts")
    listed = listed if isinstance(listed, list) else []
    accounts = [each for each in listed if isinstance(each, dict)]
    voices = [_voice(each, field, languages) for each in accounts or [row]]
    return Said(voices, _texts(row.get("audience_tribes")))


def _voice(row: dict[str, Any], field: str, languages: text.Languages) -> Voice:
    bio = text.clean(_text(row.get(field)))
    followers = row.get("follower_count")
    return Voice(
        bio=bio,
        language=languages.of(bio),
        display_name=text.clean(_text(row.get("display_name"))),
        link_domains=text.domains(_texts(row.get("links"))),
        interests=_texts(row.get("interests")),
        category=_text(row.get("category")),
        category_kind=_text(row.get("category_kind")),
        follower_count=followers if isinstance(followers, int) else None,
        is_business=row.get("is_business") is True,
        is_parody=row.get("is_parody") is True,
        is_verified=row.get("is_verified") is True,
        platform=_text(row.get("platform")),
        handle=_text(row.get("handle")),
        post_hashtags=_texts(row.get("post_hashtags")),
        post_terms=_texts(row.get("post_terms")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
