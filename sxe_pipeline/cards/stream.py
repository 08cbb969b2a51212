"""Labels for JSON Lines, so that anybody can score them on data of their own.

Here: one line in, one dict out. Not here: the command line (`cli`).
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sxe_pipeline.cards import text
from sxe_pipeline.cards.card import label_columns
from sxe_pipeline.cards.label import Voice, label
from sxe_pipeline.cards.taxonomy import Taxonomy
from sxe_pipeline.errors import BadInput


def label_lines(lines: Iterable[str], field: str, taxonomy: Taxonomy) -> Iterator[dict[str, Any]]:
    """Label the text of each JSON line.

    Args:
        lines: JSON objects, one a line; empty lines are skipped. `display_name`, `category` and
            `follower_count` are read too where they stand beside the text.
        field: Name of the text field. Missing or null: every label is null or `unknown`.
        taxonomy: The labels.

    Yields:
        The object with account_type, persona_family, persona, persona_confidence, tribe,
        tribe_confidence, tribes, evidence and language added.

    Raises:
        BadInput: A line is no JSON object.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadInput(f"line {number} is no JSON; one object a line is expected") from error
        if not isinstance(row, dict):
            raise BadInput(f"line {number} is no JSON object; one object a line is expected")
        yield {**row, **_label_row(row, field, taxonomy)}


def _label_row(row: dict[str, Any], field: str, taxonomy: Taxonomy) -> dict[str, Any]:
    followers = row.get("follower_count")
    bio = text.clean(_text(row.get(field)))
    language = text.language(text.skeleton(bio), bio)[0] if bio else None
    voice = Voice(
        bio=bio,
        language=language,
        display_name=text.clean(_text(row.get("display_name"))),
        category=_text(row.get("category")),
        follower_count=followers if isinstance(followers, int) else None,
    )
    return {**label_columns(label([voice], taxonomy)), "language": language}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
