"""What the keys of a record decide alone: decided once for all records with the same keys.

Here: which shapes they may be of, what is left to ask, how joined keys are taken apart. Not here:
looking into a record (`mapping`, `accounts`).
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sxe_pipeline.ingest import envelope, nest
from sxe_pipeline.ingest.match import Condition
from sxe_pipeline.ingest.shape_files import Form

_MAX_KEY_SETS = 4_096


class Known(NamedTuple):
    """What is known of all records with one set of keys.

    `candidates` are the shapes in the order they are tried, each with what is left to ask.
    """

    candidates: tuple[tuple[Form, tuple[Condition, ...]], ...]
    nest: nest.Nest | None

    def form_of(self, record: dict[str, Any], inside: str | None) -> Form | None:
        """The first shape whose `match` holds, in an envelope of the platform `inside`."""
        for form, conditions in self.candidates:
            if form.is_inner and form.platform != inside:
                continue
            for condition in conditions:
                if not condition.of_one(record):
                    break
            else:
                return form
        return None


_FOLDED = Known((), None)
"""Records with two keys that mean the same place."""


class KeySets:
    """What is known by sets of keys, given the shapes in the order they are tried."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self._forms = tuple(forms)
        self._known: dict[tuple[str, ...], Known] = {}
        self._reads = frozenset(envelope.TIMES).union(*(form.reads for form in forms))
        self._entered = frozenset[str]().union(*(form.enters for form in forms))
        self._searches = frozenset[str]().union(*(form.searches for form in forms))

    def needs(self, names: Collection[str]) -> frozenset[str]:
        """Those columns of a table that any shape looks at; no other has to be readable."""
        if not self._searches.isdisjoint(names):
            return frozenset(names)
        return frozenset(
            name
            for name in names
            if name in self._reads or not self._reads.isdisjoint(nest.steps_of(name))
        )

    def of(self, keys: tuple[str, ...]) -> Known:
        """What is known of records with these keys.

        Raises:
            Folded: Two of the keys mean the same place.
        """
        known = self._known.get(keys)
        if known is None:
            if len(self._known) >= _MAX_KEY_SETS:
                self._known.clear()
            known = self._known[keys] = self._learn(keys)
        if known is _FOLDED:
            raise nest.Folded
        return known

    def _learn(self, keys: tuple[str, ...]) -> Known:
        try:
            found = nest.planned(keys, self._reads, self._entered)
        except nest.Folded:
            return _FOLDED
        names = frozenset(keys)
        settled = ((form, form.matches.settled(names)) for form in self._forms)
        return Known(tuple((form, left) for form, left in settled if left is not None), found)
