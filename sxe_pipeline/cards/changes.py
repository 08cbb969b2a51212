"""What an edit of the taxonomy changes: lines, labels, cards.

Here: two readings of the files, or two builds of the same cards, held against each other. Not here:
building (`build`), whether an edit is right (`lint`, `idle`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from sxe_pipeline.cards import lint
from sxe_pipeline.cards.files import LABELS, Files, Row

CARD_COLUMNS = (
    *("account_type", "persona_family", "persona", "tribe"),
    *("market", "audience_pool", "readiness_state"),
)
NO_CARD = "no card"
_SAMPLE = 5
_IDENTITY: Mapping[str, tuple[str, ...]] = {
    "contexts.csv": ("phrase", "side", "scope"),
    "denied_labels.csv": ("trait", "kind", "term"),
    "places.csv": ("place", "kind"),
    "stop_words.csv": ("language", "word"),
}
"""Columns that say which line of an edited table is the same line. A line of a decision table is
all that it says."""


class Change(NamedTuple):
    """One entry: what it said and says, column by column; None where it did not or does not stand.

    `of`: what the entry is, such as a label or a phrase.
    """

    file: str
    of: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def what(self) -> str:
        """Whether it is new, gone or changed."""
        return "new" if self.before is None else "gone" if self.after is None else "changed"


class Move(NamedTuple):
    """Cards whose column says something else; some of their ids, never what they say."""

    column: str
    before: str | None
    after: str | None
    cards: int
    sample: Sequence[str]


def changes(old: Files, new: Files) -> list[Change]:
    """Every entry that two taxonomies do not share, by file and entry.

    A phrase that goes over to another label of its kind is one change; the order of a decision
    table is one more.
    """
    found = list(_content_changes(old.content, new.content))
    for name in old.tables:
        before, after = (_entries(name, each) for each in (old, new))
        found += _compared(name, before, after)
        if before.keys() == after.keys() and list(before) != list(after) and _is_ordered(name):
            found.append(Change(name, "the order of the lines", {}, {}))
    return found


def _content_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _compared(LABELS, before, after, f"{key}: ")
        elif before != after:
            yield Change(LABELS, key, {key: before}, {key: after})


def _compared(
    file: str, before: Mapping[Any, Any], after: Mapping[Any, Any], of: str = ""
) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield Change(file, f"{of}{name}", before.get(name), after.get(name))


def _is_ordered(name: str) -> bool:
    return name in ("markets.csv", "routes.csv")


def _entries(name: str, files: Files) -> dict[str, Mapping[str, str]]:
    kinds = lint.kinds(files.content)
    return {_entry(name, row, kinds): row.cells for row in files.tables[name]}


def _entry(name: str, row: Row, kinds: Mapping[str, lint.Kind]) -> str:
    cells = row.cells
    if name == "phrases.csv":
        return f"{cells['phrase']} ({cells['match']}, {kinds[cells['label']]})"
    return ", ".join(cells[column] for column in _IDENTITY.get(name, tuple(cells)))


def labels_changed(found: Sequence[Change]) -> list[dict[str, Any]]:
    """Per label: phrases that are new, gone, reweighted, and taken over from another label."""
    counts: dict[str, dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(("new", "gone", "changed", "came", "left"), 0)
    )
    for each in found:
        if each.file != "phrases.csv":
            continue
        before = (each.before or {}).get("label")
        after = (each.after or {}).get("label")
        if before and after and before != after:
            counts[before]["left"] += 1
            counts[after]["came"] += 1
        else:
            counts[after or before or ""][each.what] += 1
    return [{"label": name, **counts[name]} for name in sorted(counts)]


def moves(old: pa.Table, new: pa.Table) -> list[Move]:
    """What becomes of the same identities under another taxonomy, the largest moves first.

    Args:
        old: Table LEAD_CARD, sorted by card_id, as one taxonomy makes it.
        new: The same as the other one makes it.
    """
    names = ("card_id", *CARD_COLUMNS)
    before, after = (_by_card(table.select(names)) for table in (old, new))
    found: dict[tuple[str, str | None, str | None], list[str]] = defaultdict(list)
    nothing = (NO_CARD,) * len(CARD_COLUMNS)
    for card in sorted(before.keys() | after.keys()):
        said, says = before.get(card, nothing), after.get(card, nothing)
        for column, was, now in zip(CARD_COLUMNS, said, says, strict=True):
            if was != now:
                found[column, was, now].append(card)
    largest = sorted(found.items(), key=lambda item: (-len(item[1]), item[0][0], str(item[0][1:])))
    return [Move(*key, len(cards), cards[:_SAMPLE]) for key, cards in largest]


def _by_card(table: pa.Table) -> dict[str, tuple[str | None, ...]]:
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return {row[0]: row[1:] for row in rows}
