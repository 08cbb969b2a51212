"""Which payload is which, and what becomes of it.

Here: `Mappings`, which recognises and maps. Not here: the form of shape files (`shape_files`),
files and bytes (`records`), batches (`read`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest import envelope, paths
from sxe_pipeline.ingest.accounts import MAX_NESTING, accounts
from sxe_pipeline.ingest.collection import MAPPING, loaded
from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.known import KeySets
from sxe_pipeline.ingest.rows import (
    Accounts,
    Found,
    Outcomes,
    Refused,
    joined,
    with_posts,
)
from sxe_pipeline.ingest.shape_files import Form, forms_of, shipped

_SAY_OF_AN_ACCOUNT = frozenset(("suspended", "not_found", "unsupported_platform"))
"""Reasons that are outcomes of their own where a search meets them; others only explain."""


class Mappings:
    """All shapes in the order they are tried: a collection's own first."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self.forms = tuple(forms)
        self._keys = KeySets(self.forms)
        self.needs = self._keys.needs

    def over(self, records: Sequence[Any]) -> Outcomes:
        """What the records of a file become, as each alone does (`outcomes`).

        Args:
            records: Decoded JSON values or table rows, and the faults that stand in place of some.
        """
        together = accounts(records, self._keys)
        begins = {position: 0 for each in together for position in each.positions}
        alone: defaultdict[Form, list[tuple[int, Found]]] = defaultdict(list)
        others: list[tuple[int, Refused | Fault]] = []
        count = 0
        for at, record in enumerate(records):
            if at in begins:
                begins[at] = count
                count += 1
                continue
            for each in (record,) if isinstance(record, Fault) else self.outcomes(record):
                if isinstance(each, Found):
                    alone[each.form].append((count, each))
                else:
                    others.append((count, each))
                count += 1
        parts = [
            each._replace(positions=[begins[at] for at in each.positions]) for each in together
        ]
        return Outcomes(count, joined([*parts, *map(Accounts.of, alone.values())]), others)

    def outcomes(
        self, record: Any, time: Any = None, depth: int = 0, inside: str | None = None
    ) -> Iterator[Found | Refused]:
        """What a record of a file becomes: one row, or from an envelope as many as it holds.

        Args:
            record: A decoded JSON value or a table row, or any value in one.
            time: The time of observation that a wrapper gave.
            depth: How many envelopes it lies in.
            inside: The platform of the envelope that it lies in, where that is known.

        Yields:
            Accounts (`rows.filled` makes rows of them) and refusals in document order, at least
            one.
        """
        if record is paths.UNREAD:
            yield Refused(None, "malformed")
            return
        if type(record) not in (dict, list) or depth > MAX_NESTING:
            yield Refused(None, "unknown_shape")
            return
        if type(record) is list:
            yield from self._search(None, record, time, depth, set())
            return
        try:
            record = self._nested(record)
            form = self.recognised(record, inside)
        except Exception:  # noqa: BLE001 - a bad record costs a record, whatever it does to a match
            yield Refused(None, "malformed")
            return
        yield from self._outcomes_of(form, record, time, depth)

    def _outcomes_of(
        self, form: Form | None, record: dict[str, Any], time: Any, depth: int
    ) -> Iterator[Found | Refused]:
        if form is not None and form.reason is not None:
            yield Refused(form.name, form.reason)
            return
        time = envelope.time_of(record, time)
        if form is not None and form.fills is not None:
            yield with_posts(Found(form, record, time, form.gives(record)), form, record)
            return
        told: set[int] = set()
        if form is not None:
            yield from self._inside(form, record, time, depth, told)
        if form is None or form.is_search:
            yield from self._search(form, record, time, depth, told)
        elif not told:
            yield Refused(form.name, form.otherwise)

    def _inside(
        self, form: Form, record: dict[str, Any], time: Any, depth: int, told: set[int]
    ) -> Iterator[Found | Refused]:
        """What the children of an envelope become; notes them in `told`, by identity."""
        author = form.posts.author(record) if form.posts else None
        for child in _children_of(form, record):
            told.add(id(child))
            for outcome in self.outcomes(child, time, depth + 1, form.platform):
                is_authors = author is not None and child is author
                yield with_posts(outcome, form, record) if is_authors else outcome

    def _search(
        self, form: Form | None, record: Any, time: Any, depth: int, told: set[int]
    ) -> Iterator[Found | Refused]:
        """What every shape makes of every node; where none makes anything, why there is nothing.

        `told` are the nodes whose outcomes are known already, by identity.
        """
        reasons: set[str] = set()
        is_found = bool(told)

        def met(node: dict[str, Any]) -> Form | None:
            inner = self.recognised(node)
            if inner is None or not inner.is_nested:
                return None
            if inner.is_search:
                reasons.update({inner.otherwise} - {"not_found"})
                return None
            if inner.reason is None or inner.reason in _SAY_OF_AN_ACCOUNT:
                return inner
            reasons.add(inner.reason)
            return None

        try:
            for node, inner, observed in envelope.nodes(record, met, self._nested, time, told):
                is_found = True
                if inner is None:
                    yield from self.outcomes(node, observed, depth + 1)
                else:
                    yield from self._outcomes_of(inner, node, observed, depth + 1)
        except Exception:  # noqa: BLE001 - what was found before stays
            yield Refused(None, "malformed")
            return
        if not is_found:
            yield _nothing(form, record, reasons)

    def _nested(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record with its joined keys taken apart, where it has any."""
        flat = self._keys.of(tuple(record)).nest
        return record if flat is None else flat.apply(record) or record

    def recognised(self, record: dict[str, Any], inside: str | None = None) -> Form | None:
        """The first form whose `match` holds, in an envelope of the platform `inside`."""
        return self._keys.of(tuple(record)).form_of(record, inside)


def _nothing(form: Form | None, record: Any, reasons: set[str]) -> Refused:
    """Why an answer holds nobody, given the reasons that a search met in it."""
    otherwise = "unknown_shape"
    if reasons:
        otherwise = "error_body" if "error_body" in reasons else min(reasons)
    elif form is not None and (form.otherwise != "not_found" or envelope.is_empty(record)):
        otherwise = form.otherwise
    return Refused(form.name if form and otherwise != "unknown_shape" else None, otherwise)


def _children_of(form: Form, record: dict[str, Any]) -> Iterator[Any]:
    """What an envelope holds; where it cannot be taken apart any further, one unread record."""
    try:
        yield from form.children(record) if form.children else ()
    except Exception:  # noqa: BLE001 - what was found before stays
        yield paths.UNREAD


@lru_cache(maxsize=64)
def mappings(extra_yaml: bytes | None) -> Mappings:
    """The shipped shapes, and before them a collection's own.

    Args:
        extra_yaml: The bytes of a collection's `_mapping.yaml`, None where it has none.

    Returns:
        What recognises and maps records.

    Raises:
        BadInput: The collection's file is not in the form of the shipped ones, maps a column that
            does not land or reads a contact field.
    """
    if extra_yaml is None:
        return Mappings(shipped())
    document = loaded(MAPPING, extra_yaml)
    try:
        own = forms_of(document)
    except Exception as why:  # noqa: BLE001 - any form of nonsense can stand in it
        reason = str(why) if type(why) is ValueError else type(why).__name__
        raise BadInput(f"{MAPPING} cannot be used: {reason}; see docs/landing.md") from None
    return Mappings([*own, *shipped()])
