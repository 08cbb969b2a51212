"""What recognised records become: the values of many rows, column by column.

Here: `Found`, `Refused`, and `filled`. Not here: which record is what (`mapping`), how one column
is filled (`columns`), what a row still lacks (`read`).
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sxe_pipeline.ingest import columns
from sxe_pipeline.ingest.batch import Batch
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


def filled(found: Sequence[Found]) -> Filled:
    """The values of all records, in their order."""
    by_form: defaultdict[int, list[int]] = defaultdict(list)
    for at, each in enumerate(found):
        by_form[id(each.form)].append(at)
    if len(by_form) == 1:
        return _of_one_form(found)
    whole = Filled([[None] * len(found) for _ in columns.MAPPABLE])
    for spots in by_form.values():
        part = _of_one_form([found[at] for at in spots])
        for column, some in zip(whole.values, part.values, strict=True):
            for at, value in zip(spots, some, strict=True):
                column[at] = value
        whole.refused.update({spots[at]: refused for at, refused in part.refused.items()})
        whole.unread.update({spots[at]: names for at, names in part.unread.items()})
    return whole


def _of_one_form(found: Sequence[Found]) -> Filled:
    form = found[0].form
    nothing = [None] * len(found)
    done = Filled([nothing] * len(columns.MAPPABLE))
    unread: defaultdict[int, list[tuple[int, Exception]]] = defaultdict(list)
    batch = Batch([each.record for each in found])
    for at, fill in form.fills or ():
        done.values[at], bad = fill.over(batch)
        for row, why in bad.items():
            if at != OBSERVED or found[row].time is None:
                unread[row].append((at, why))
    done.values[OBSERVED] = [
        own if each.time is None else each.time
        for each, own in zip(found, done.values[OBSERVED], strict=True)
    ]
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
