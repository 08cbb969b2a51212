"""Looking into a landed file for whoever has to mend it: what no shape knows, what is broken.

Here: the names of columns and how often they are filled, and what to do about each fault. Never a
value. Not here: what the file brought (`inventory`), the text of a proposal (`propose`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats.records import records
from sxe_pipeline.ingest.mapping import Mappings
from sxe_pipeline.ingest.propose import ColumnSeen, proposed
from sxe_pipeline.ingest.rows import Refused

LOOKED_AT = 5_000
"""Records of a file that are looked at."""
_DEEPEST = 4
_MOST_NAMES = 2_000
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Look:
    """What stands in the way of a file.

    `unknown` of the records looked at are of no known shape; `columns` are theirs. `hidden` names
    were left out: they look like contact data, or are too long to be names. `proposal` is the text
    of a mapping, null where nothing is unknown. `advice` says per fault how often it was met.
    """

    records: int
    unknown: int
    columns: list[ColumnSeen]
    hidden: int
    proposal: str | None
    advice: Mapping[str, int]


def look(stream: BinaryIO, name: str, collection: str, mappings: Mappings) -> Look:
    """Look at the first records of a file.

    Args:
        stream: The file as it landed.
        name: Its path or name.
        collection: Where it lies.
        mappings: The shapes that it is read by.

    Raises:
        StoreUnavailable: The landing store failed.
    """
    count = unknown = 0
    seen: Counter[str] = Counter()
    hidden: set[str] = set()
    advice: Counter[str] = Counter()
    for record in records(stream, name, header=mappings.needs):
        count += 1
        if isinstance(record, Fault):
            advice[record.advice] += 1
        elif type(record) is dict and _is_unknown(record, mappings):
            unknown += 1
            for path in _paths(record, (), hidden):
                if path in seen or len(seen) < _MOST_NAMES:
                    seen[path] += 1
        if count >= LOOKED_AT:
            break
    columns = [ColumnSeen(path, filled) for path, filled in seen.items()]
    text = proposed(columns, unknown, collection) if columns else None
    return Look(count, unknown, columns, len(hidden), text, dict(advice))


def _is_unknown(record: dict[str, Any], mappings: Mappings) -> bool:
    return all(
        isinstance(outcome, Refused) and outcome.reason == "unknown_shape"
        for outcome in mappings.outcomes(record)
    )


def _paths(record: dict[str, Any], above: tuple[str, ...], hidden: set[str]) -> Iterator[str]:
    """The paths of a record that hold something, as a mapping writes them."""
    for key, value in record.items():
        if value is None or value in ("", [], {}):
            continue
        if not _is_name(key):
            hidden.add(key)
        elif type(value) is dict and len(above) < _DEEPEST:
            yield from _paths(value, (*above, key), hidden)
        else:
            yield ".".join(map(_step, (*above, key)))


def _is_name(key: str) -> bool:
    from sxe_pipeline import logs

    is_plain = key.isprintable() and '"' not in key and key.strip() == key and key not in ("", "*")
    return is_plain and len(key) <= _LONGEST_NAME and logs.scrub(key) == key


def _step(key: str) -> str:
    return f'"{key}"' if any(c in key for c in ".[]") else key
