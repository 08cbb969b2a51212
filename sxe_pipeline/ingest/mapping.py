"""Which payload is which, and what becomes of it.

Here: `Mappings`, which recognises and maps. Not here: the form of shape files (`shape_files`),
files and bytes (`records`), batches (`read`).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest import envelope, nest, paths
from sxe_pipeline.ingest.collection import MAPPING, loaded
from sxe_pipeline.ingest.match import Condition
from sxe_pipeline.ingest.rows import Found, Refused
from sxe_pipeline.ingest.shape_files import Form, forms_of, shipped

_MAX_NESTING = 6
_MAX_KNOWN_KEY_SETS = 4_096
_SAY_OF_AN_ACCOUNT = frozenset(("suspended", "not_found", "unsupported_platform"))
"""Reasons that are outcomes of their own where a search meets them; others only explain."""


class _Known(NamedTuple):
    """What is known of all records with one set of keys."""

    candidates: tuple[tuple[Form, tuple[Condition, ...]], ...]
    nest: nest.Nest | None


_FOLDED = _Known((), None)
"""Records with two keys that mean the same place."""


class Mappings:
    """All shapes in the order they are tried: a collection's own first."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self.forms = tuple(forms)
        self._known: dict[tuple[str, ...], _Known] = {}
        self._reads = frozenset(envelope.TIMES).union(*(form.reads for form in self.forms))
        self._entered = frozenset[str]().union(*(form.enters for form in self.forms))
        self._searches = frozenset[str]().union(*(form.searches for form in self.forms))

    def needs(self, names: Collection[str]) -> frozenset[str]:
        """Those columns of a table that any shape looks at; no other has to be readable."""
        if not self._searches.isdisjoint(names):
            return frozenset(names)
        return frozenset(
            name
            for name in names
            if name in self._reads or not self._reads.isdisjoint(nest.steps_of(name))
        )

    def outcomes(self, record: Any) -> Iterable[Found | Refused]:
        """What a record of a file becomes: one row, or from an envelope as many as it holds.

        Args:
            record: A decoded JSON value or a table row.

        Returns:
            Accounts (`rows.filled` makes rows of them) and refusals in document order, at least
            one.
        """
        found = self._account(record) if type(record) is dict else None
        return (found,) if found is not None else self._outcomes(record)

    def _account(self, record: dict[str, Any]) -> Found | None:
        """An account that lies open, or in wrappers around nothing else; null for all others.

        Says what `_outcomes` says, without looking for more: most records hold one account.
        """
        node: Any = record
        time = inside = None
        is_searching = False
        try:
            for _ in range(_MAX_NESTING):
                if type(node) is not dict:
                    return None
                node, form = self._known_form(node, inside)
                if is_searching and form is not None and not form.is_nested:
                    return None
                time = envelope.time_of(node, time)
                if form is not None and form.fills is not None:
                    return _with_posts(Found(form, node, time, form.gives(node)), form, node)
                node, inside = _only_child(form, node, is_searching=is_searching)
                is_searching = form is None or form.is_search
        except Exception:  # noqa: BLE001 - what is wrong with it is told elsewhere
            return None
        return None

    def _known_form(
        self, record: dict[str, Any], inside: str | None
    ) -> tuple[dict[str, Any], Form | None]:
        known = self._of_keys(record)
        if known.nest is not None and (nested := known.nest.apply(record)) is not None:
            record, known = nested, self._of_keys(nested)
        return record, _first_match(known, record, inside)

    def _outcomes(
        self, record: Any, time: Any = None, depth: int = 0, inside: str | None = None
    ) -> Iterator[Found | Refused]:
        """The same of a node of a record.

        Args:
            record: Any value.
            time: The time of observation that a wrapper gave.
            depth: How many envelopes the record lies in.
            inside: The platform of the envelope that it lies in, where that is known.
        """
        if record is paths.UNREAD:
            yield Refused(None, "malformed")
            return
        if type(record) not in (dict, list) or depth > _MAX_NESTING:
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
            yield _with_posts(Found(form, record, time, form.gives(record)), form, record)
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
            for outcome in self._outcomes(child, time, depth + 1, form.platform):
                is_authors = author is not None and child is author
                yield _with_posts(outcome, form, record) if is_authors else outcome

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
                    yield from self._outcomes(node, observed, depth + 1)
                else:
                    yield from self._outcomes_of(inner, node, observed, depth + 1)
        except Exception:  # noqa: BLE001 - what was found before stays
            yield Refused(None, "malformed")
            return
        if not is_found:
            yield _nothing(form, record, reasons)

    def _nested(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record with its joined keys taken apart, where it has any."""
        flat = self._of_keys(record).nest
        return record if flat is None else flat.apply(record) or record

    def recognised(self, record: dict[str, Any], inside: str | None = None) -> Form | None:
        """The first form whose `match` holds, in an envelope of the platform `inside`."""
        return _first_match(self._of_keys(record), record, inside)

    def _of_keys(self, record: dict[str, Any]) -> _Known:
        keys = tuple(record)
        known = self._known.get(keys)
        if known is None:
            if len(self._known) >= _MAX_KNOWN_KEY_SETS:
                self._known.clear()
            known = self._known[keys] = self._learn(record)
        if known is _FOLDED:
            raise nest.Folded
        return known

    def _learn(self, record: dict[str, Any]) -> _Known:
        try:
            found = nest.planned(record, self._reads, self._entered)
        except nest.Folded:
            return _FOLDED
        settled = ((form, form.matches.settled(record.keys())) for form in self.forms)
        return _Known(tuple((form, left) for form, left in settled if left is not None), found)


def _first_match(known: _Known, record: dict[str, Any], inside: str | None) -> Form | None:
    for form, conditions in known.candidates:
        if form.is_inner and form.platform != inside:
            continue
        for condition in conditions:
            if not condition(record):
                break
        else:
            return form
    return None


def _only_child(
    form: Form | None, record: dict[str, Any], *, is_searching: bool
) -> tuple[Any, str | None]:
    """The one object in an envelope, and the platform that says so; null if there may be more."""
    if form is not None and form.children is not None and not (is_searching and form.is_search):
        children = list(islice(form.children(record), 2))
        if not form.is_search:
            is_one = len(children) == 1 and form.posts is None
            return (children[0] if is_one else None), form.platform
        if children:
            return None, None
    if form is None or form.is_search:
        return envelope.only_object(record), None
    return None, None


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


_Outcome = TypeVar("_Outcome", Found, Found | Refused)


def _with_posts(outcome: _Outcome, form: Form, record: dict[str, Any]) -> _Outcome:
    """The row of an account with the posts that the payload holds of it."""
    if form.posts is None or isinstance(outcome, Refused):
        return outcome
    found = form.posts.read(record)
    return outcome._replace(posts=found or None, is_post=form.posts.is_row(record))


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
