"""What recognised records become: the values of many rows, column by column.

Here: `Accounts`, `Refused`, `Outcomes`, and `filled`. Not here: which record is what (`mapping`,
`accounts`), how one column is filled (`columns`), what a row still lacks (`pending`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from sxe_pipeline.ingest import columns
from sxe_pipeline.ingest.batch import Batch
from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.plain import LostDigits
from sxe_pipeline.ingest.posts import Post
from sxe_pipeline.ingest.shape_files import Form

OBSERVED = columns.MAPPABLE.index("observed_at")
ID = columns.MAPPABLE.index("platform_id")
HANDLE = columns.MAPPABLE.index("handle")


class Found(NamedTuple):
    """A record of a known account shape.

    `time` is the time of observation that a wrapper gave, as written. `given` are the columns of
    which the payload says something, be it that there is nothing. `posts` are posts of the account,
    null where it is no matter of posts; `is_post`: the record was one itself.
    """

    form: Form
    record: dict[str, Any]
    time: Any
    given: frozenset[str]
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


_Outcome = TypeVar("_Outcome", Found, Found | Refused)


def with_posts(outcome: _Outcome, form: Form, record: dict[str, Any]) -> _Outcome:
    """The row of an account with the posts that a payload of a shape holds of it."""
    if form.posts is None or isinstance(outcome, Refused):
        return outcome
    found = form.posts.read(record)
    return outcome._replace(posts=found or None, is_post=form.posts.is_row(record))


class Accounts(NamedTuple):
    """Records of one account shape, as `Found` says of each; `positions` among all outcomes."""

    form: Form
    records: Batch
    positions: Sequence[int]
    times: Sequence[Any]
    given: Sequence[frozenset[str]]
    posts: Sequence[Sequence[Post] | None]
    is_post: Sequence[bool]

    @classmethod
    def of(cls, found: Sequence[tuple[int, Found]]) -> "Accounts":
        """Of records of one shape, each with its position."""
        positions, each = zip(*found, strict=True)
        forms, records, *said = zip(*each, strict=True)
        return cls(forms[0], Batch(records), positions, *said)


_OF_EACH = ("positions", "times", "given", "posts", "is_post")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What some records of a file become, in their order: as many as `count`.

    `accounts` are together by their shapes; `others` stand beside their positions.
    """

    count: int
    accounts: Sequence[Accounts]
    others: Sequence[tuple[int, Refused | Fault]]


def joined(parts: Iterable[Accounts]) -> list[Accounts]:
    """One of each shape, in the order of the positions."""
    by_form: defaultdict[Form, list[Accounts]] = defaultdict(list)
    for part in parts:
        by_form[part.form].append(part)
    return [some[0] if len(some) == 1 else _one(some) for some in by_form.values()]


def _one(parts: Sequence[Accounts]) -> Accounts:
    positions = [position for part in parts for position in part.positions]
    records = [record for part in parts for record in part.records.records]
    order = sorted(range(len(positions)), key=positions.__getitem__)
    columns: dict[str, Any] = {}
    for name in _OF_EACH:
        whole = [value for part in parts for value in getattr(part, name)]
        columns[name] = [whole[at] for at in order]
    return parts[0]._replace(records=Batch([records[at] for at in order]), **columns)


@dataclass(frozen=True, slots=True)
class Filled:
    """Columns in the order of `columns.MAPPABLE`, the time still as written.

    `refused` are rows, by their place, that are none as a value that they need cannot be read;
    `unread` names, by place, the columns of other rows whose value was there and could not be read:
    they are null.
    """

    values: list[list[Any]]
    refused: dict[int, Refused] = field(default_factory=dict)
    unread: dict[int, tuple[str, ...]] = field(default_factory=dict)


def filled(accounts: Accounts) -> Filled:
    """The values of all records, in their order."""
    form, batch, outer = accounts.form, accounts.records, accounts.times
    nothing = [None] * len(batch)
    done = Filled([nothing] * len(columns.MAPPABLE))
    unread: defaultdict[int, list[tuple[int, Exception]]] = defaultdict(list)
    for at, fill in form.fills or ():
        done.values[at], bad = fill.over(batch)
        for row, why in bad.items():
            if at != OBSERVED or outer[row] is None:
                unread[row].append((at, why))
    own = done.values[OBSERVED]
    done.values[OBSERVED] = [b if a is None else a for a, b in zip(outer, own, strict=True)]
    for row, bad_ones in unread.items():
        names = tuple(columns.MAPPABLE[at] for at, _ in bad_ones)
        is_id_lost = any(at == ID and type(why) is LostDigits for at, why in bad_ones)
        # An id that lost its digits names nobody: the handle is the key then, where there is one.
        is_handle_key = is_id_lost and done.values[HANDLE][row] is not None
        strict = {*names} - {"platform_id"} if is_handle_key else names
        if column := key_column(strict, done.values[ID][row]):
            done.refused[row] = Refused(form.name, "bad_value", column)
        else:
            done.unread[row] = names
    return done


def key_column(unread: Collection[str], platform_id: str | None) -> str | None:
    """The column among those that could not be read without which there is no row.

    An id, a time, and the handle where it is the account's key; any other may be null.
    """
    for column in ("platform_id", "observed_at"):
        if column in unread:
            return column
    return "handle" if platform_id is None and "handle" in unread else None
