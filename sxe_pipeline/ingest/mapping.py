"""Which payload is which, and what becomes of it.

Here: `Mappings`, which recognises and maps. Not here: the form of shape files (`shape_files`),
files and bytes (`records`), batches (`read`).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest import columns, envelope, nest, paths
from sxe_pipeline.ingest.collection import MAPPING, loaded
from sxe_pipeline.ingest.match import Condition
from sxe_pipeline.ingest.plain import LostDigits
from sxe_pipeline.ingest.posts import Post
from sxe_pipeline.ingest.shape_files import Form, forms_of, shipped

_MAX_NESTING = 6
_MAX_KNOWN_KEY_SETS = 4_096
_SAY_OF_AN_ACCOUNT = frozenset(("suspended", "not_found", "unsupported_platform"))
"""Reasons that are outcomes of their own where a search meets them; others only explain."""
_OBSERVED = columns.MAPPABLE.index("observed_at")
_ID = columns.MAPPABLE.index("platform_id")
_HANDLE = columns.MAPPABLE.index("handle")
_LISTS = frozenset(columns.MAPPABLE.index(name) for name in columns.LISTS)


@dataclass(frozen=True, slots=True)
class Mapped:
    """One record's row: values in the order of `columns.MAPPABLE`, the time still as written.

    `unread` names the columns whose value was there and could not be read: they are null. `given`
    are the columns of which the payload says something, be it that there is nothing. `posts` are
    posts of the account, null where it is no matter of posts; `is_post`: the record was one itself.
    """

    form: Form
    values: list[Any]
    time: Any
    unread: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    posts: Sequence[Post] | None = None
    is_post: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """One record that is no row. `shape` is null where the record was not recognised.

    `column` is the one whose value cost the row.
    """

    shape: str | None
    reason: str
    column: str | None = None


class _Known(NamedTuple):
    """What is known of all records with one set of keys."""

    candidates: tuple[tuple[Form, tuple[Condition, ...]], ...]
    nest: nest.Nest | None


class Mappings:
    """All shapes in the order they are tried: a collection's own first."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self.forms = tuple(forms)
        self._known: dict[tuple[str, ...], _Known | None] = {}
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

    def outcomes(
        self, record: Any, time: Any = None, depth: int = 0, inside: str | None = None
    ) -> Iterator[Mapped | Refused]:
        """What one record of a file becomes: usually one row; from an envelope as many as it holds.

        Args:
            record: A decoded JSON value or a table row.
            time: The time of observation that a wrapper gave.
            depth: How many envelopes the record lies in.
            inside: The platform of the envelope that it lies in, where that is known.

        Yields:
            Rows and refusals in document order, at least one.
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
    ) -> Iterator[Mapped | Refused]:
        if form is not None and form.reason is not None:
            yield Refused(form.name, form.reason)
            return
        time = envelope.time_of(record, time)
        if form is not None and form.fills is not None:
            yield _with_posts(_row(form, record, time), form, record)
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
    ) -> Iterator[Mapped | Refused]:
        """What the children of an envelope become; notes them in `told`, by identity."""
        author = form.posts.author(record) if form.posts else None
        for child in _children_of(form, record):
            told.add(id(child))
            for outcome in self.outcomes(child, time, depth + 1, form.platform):
                is_authors = author is not None and child is author
                yield _with_posts(outcome, form, record) if is_authors else outcome

    def _search(
        self, form: Form | None, record: Any, time: Any, depth: int, told: set[int]
    ) -> Iterator[Mapped | Refused]:
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
        flat = self._of_keys(record).nest
        return record if flat is None else flat.apply(record) or record

    def recognised(self, record: dict[str, Any], inside: str | None = None) -> Form | None:
        """The first form whose `match` holds, in an envelope of the platform `inside`."""
        for form, conditions in self._of_keys(record).candidates:
            if form.is_inner and form.platform != inside:
                continue
            for condition in conditions:
                if not condition(record):
                    break
            else:
                return form
        return None

    def _of_keys(self, record: dict[str, Any]) -> _Known:
        keys = tuple(record)
        if keys in self._known:
            known = self._known[keys]
        else:
            if len(self._known) >= _MAX_KNOWN_KEY_SETS:
                self._known.clear()
            known = self._known[keys] = self._learn(record)
        if known is None:
            raise nest.Folded
        return known

    def _learn(self, record: dict[str, Any]) -> _Known | None:
        try:
            found = nest.planned(record, self._reads, self._entered)
        except nest.Folded:
            return None
        settled = ((form, form.matches.settled(record.keys())) for form in self.forms)
        return _Known(tuple((form, left) for form, left in settled if left is not None), found)


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


def _with_posts(outcome: Mapped | Refused, form: Form, record: dict[str, Any]) -> Mapped | Refused:
    """The row of an account with the posts that the payload holds of it."""
    if form.posts is None or isinstance(outcome, Refused):
        return outcome
    found = form.posts.read(record)
    return replace(outcome, posts=found or None, is_post=form.posts.is_row(record))


def _row(form: Form, record: dict[str, Any], time: Any) -> Mapped | Refused:
    found: list[Any] = [None] * len(columns.MAPPABLE)
    unread: tuple[int, ...] = ()
    is_id_lost = False
    for at, fill in form.fills or ():
        if at == _OBSERVED and time is not None:
            continue
        try:
            found[at] = fill(record)
        except Exception as why:  # noqa: BLE001 - BadValue, or whatever a value does to its transform
            found[at] = [] if at in _LISTS else None
            unread = (*unread, at)
            is_id_lost = is_id_lost or (at == _ID and type(why) is LostDigits)
    if time is None:
        time = found[_OBSERVED]
    given = form.gives(record)
    if not unread:
        return Mapped(form, found, time, given=given)
    names = tuple(columns.MAPPABLE[at] for at in unread)
    # An id that lost its digits names nobody: the handle is the key then, where there is one.
    is_handle_key = is_id_lost and found[_HANDLE] is not None
    strict = {*names} - {"platform_id"} if is_handle_key else names
    if column := key_column(strict, found[_ID]):
        return Refused(form.name, "bad_value", column)
    # A value that cannot be read is no statement that there is none.
    return Mapped(form, found, time, names, given.difference(names))


def key_column(unread: Collection[str], platform_id: str | None) -> str | None:
    """The column among those that could not be read without which there is no row.

    An id, a time, and the handle where it is the account's key; any other may be null.
    """
    for column in ("platform_id", "observed_at"):
        if column in unread:
            return column
    return "handle" if platform_id is None and "handle" in unread else None


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
