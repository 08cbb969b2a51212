"""Which columns a payload gives: an empty value counts where it does, and says nothing elsewhere.

Here: telling it from the shape's columns and the top-level keys of a record, and writing it down
for a batch. A shape gives a column where the payload has one of the keys that its paths begin with,
or the column is a constant: an answer whose caller did not ask for the bio says nothing of it. Not
here: what the values are (`columns`), which sighting wins (the social tier).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.ingest import columns, nest, paths
from sxe_pipeline.schema.tables import LANDED_ROW

Gives = Callable[[Mapping[str, Any]], frozenset[str]]
"""The columns that a record gives."""

_NAMES = tuple(name for name in columns.MAPPABLE if name != "observed_at")
_TYPE = LANDED_ROW.schema.field("given").type
_MAX_KNOWN_KEY_SETS = 1_024


def compiled(entries: Mapping[str, Any]) -> Gives:
    """Turn the `columns:` of a shape into the function that says which of them a record gives.

    Args:
        entries: Column -> its entry, as in `columns.compiled`.

    Example:
        >>> gives = compiled({"bio": ["about.text", "bio"], "handle": "name"})
        >>> sorted(gives({"name": "ana"})), sorted(gives({"name": "ana", "about": None}))
        (['handle'], ['bio', 'handle'])
    """
    heads = {name: frozenset(_heads(entry)) for name, entry in entries.items()}
    known: dict[tuple[str, ...], frozenset[str]] = {}

    def gives(record: Mapping[str, Any]) -> frozenset[str]:
        keys = tuple(record)
        if (found := known.get(keys)) is None:
            if len(known) >= _MAX_KNOWN_KEY_SETS:
                known.clear()
            # A flat table writes a nested key as 'user.bio', 'user/bio' or 'user[0].bio'.
            here = {*keys, *(nest.steps_of(key)[0] for key in keys)}
            found = frozenset(n for n, first in heads.items() if not first or first & here)
            known[keys] = found
        return found

    return gives


def _heads(entry: Any) -> Iterator[str]:
    """The first key of every path of an entry; none for a constant."""
    if isinstance(entry, str):
        yield str(paths.parse(entry)[0])
    elif isinstance(entry, list):
        for part in entry:
            yield from _heads(part)
    elif isinstance(entry, Mapping):
        for part in (entry.get("path"), entry.get("any"), entry.get("first")):
            yield from _heads(part)


def written(given: Sequence[frozenset[str]], values: Mapping[str, pa.Array]) -> pa.Array:
    """The column `given` of a batch.

    Args:
        given: What each row's payload gives.
        values: Column -> its values in these rows; one that holds a value is given as well.

    Returns:
        Lists of column names, in the order of a landed row.
    """
    codes: dict[frozenset[str], int] = {}
    rows = [codes.setdefault(names, len(codes)) for names in given]
    known = np.array([[name in names for name in _NAMES] for names in codes], dtype=bool).T
    is_given = known[:, rows]
    for at, name in enumerate(_NAMES):
        held = values[name]
        if pa.types.is_list(held.type):
            held = pc.greater(pc.list_value_length(held), 0)
        else:
            held = pc.is_valid(held)
        is_given[at] |= held.to_numpy(zero_copy_only=False)
    ends = np.cumsum(is_given.sum(axis=0))
    offsets = pa.array(np.concatenate(([0], ends)), pa.int32())
    items = pa.array(_NAMES).take(pa.array(np.nonzero(is_given.T)[1]))
    return pa.ListArray.from_arrays(offsets, items, type=_TYPE)
