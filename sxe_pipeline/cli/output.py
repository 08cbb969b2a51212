"""What all verbs print and read alike: answers, tables, numbers, days, beginnings of an id.

Here: what a script may rely on whatever the verb. Not here: logins (`logins`), errors and their
exit codes (`Verbs`).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

import click

from sxe_pipeline.cli import progress
from sxe_pipeline.errors import BadInput, NotFound

MILLION = 1_000_000
T = TypeVar("T")

PORT = click.IntRange(1, 65_535)
"""Of a port of this machine."""

ROWS = click.IntRange(1, 1_000_000_000)
"""Of how many are shown at most. What is typed past any table is refused, no library has to."""

SEQUENCE = click.IntRange(0, 1_000_000_000_000_000)
"""Of a number that something was given in the order of events."""

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
"""Of every verb that ends in `answer`."""


class _Kept(click.ParamType[str]):
    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from sxe_pipeline.privacy import record

        record.refuse_contact(value, "text of an option" if param is None else param.opts[0])
        return value


KEPT = _Kept()
"""Of words that stay in the record: no contact data."""

reason = click.option("--reason", type=KEPT, required=True, help="Why; kept in the record.")
"""Of every verb that decides or stops."""

dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, write nothing.")
"""Of verbs that can say beforehand what they would write."""


def answer(verb: str, data: dict[str, Any], as_json: bool, lines: Iterable[str]) -> None:
    """Print what a verb found: one JSON object for a script, or lines for a person.

    Args:
        verb: As it is typed, groups included: `batch list`.
        data: The answer; a value of the gate is written as `fields_of` it, what else JSON does not
            know as text.
        as_json: What the option `as_json` gave.
        lines: The same for a person; not read when JSON is printed.
    """
    progress.current().end()
    if as_json:
        click.echo(json.dumps({"schema": "sxe.cli/1", "verb": verb, **data}, default=_written))
    else:
        for line in lines:
            click.echo(line)


def _written(value: object) -> object:
    return fields_of(value) if is_dataclass(value) else str(value)


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, moments in ISO 8601.

    Example:
        >>> from sxe_pipeline.gate.reads import Policy
        >>> fields_of(Policy("ab", {}, datetime(2031, 2, 3)))
        {'sha256': 'ab', 'content': {}, 'in_force_since': '2031-02-03T00:00:00'}
    """
    named = ((each.name, getattr(value, each.name)) for each in fields(value))
    return {name: v.isoformat() if isinstance(v, datetime) else v for name, v in named}


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Lines of a table: a heading and every row, or `none`.

    Args:
        rows: All with the names of the first, which are the heading.

    Returns:
        Columns as wide as their widest cell, two spaces apart.

    Example:
        >>> list(table([{"market": "makers", "share": 0.5, "day": None}]))
        ['market  share  day', 'makers  0.500  -']
    """
    if not rows:
        yield "none"
        return
    names = list(rows[0])
    cells = [names, *([_cell(row[n]) for n in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    for line in cells:
        yield "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "-" if value is None else str(value)


def parse_day(text: str) -> date:
    """A day as it is typed.

    Raises:
        BadInput: It is not written YYYY-MM-DD.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput("a day is written YYYY-MM-DD") from None


def money(micros: int) -> str:
    """Millionths as an amount, with as many digits as it has and two at least.

    Example:
        >>> money(1_200_000), money(1), money(-50_000)
        ('$1.20', '$0.000001', '-$0.05')
    """
    whole, rest = divmod(abs(micros), MILLION)
    digits = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}${whole:,}.{digits}"


def micros_of(text: str, what: str = "an amount") -> int:
    """Millionths of an amount as it is typed; never through a float.

    Raises:
        BadInput: It is no plain number with at most six digits after the point.

    Example:
        >>> micros_of("12.50"), micros_of("$0.000001")
        (12500000, 1)
    """
    if not re.fullmatch(r"\$?[0-9]{1,12}(\.[0-9]{1,6})?", text):
        raise BadInput(f"{what} is written 12 or 12.50, with up to six digits after the point")
    whole, _, rest = text.removeprefix("$").partition(".")
    return int(whole) * MILLION + int(rest.ljust(6, "0"))


def plain(line: str) -> str:
    r"""A line with marks for what a terminal would obey: who asks writes some of its words.

    Example:
        >>> plain("none\nhash  00\x1b[2K")
        'none?hash  00?[2K'
    """
    return "".join(c if c.isprintable() else "?" for c in line)


def names_of(text: str) -> list[str]:
    """The names between commas.

    Example:
        >>> names_of("email, phone")
        ['email', 'phone']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def matching(listed: Iterable[T], id_of: Callable[[T], UUID], start: str) -> list[T]:
    """Those whose id begins so; an id is given by four letters or more."""
    start = start.lower()
    if len(start) < 4:
        return []
    return [each for each in listed if str(id_of(each)).startswith(start)]


def one_of(listed: Iterable[T], id_of: Callable[[T], UUID], start: str, what: str, where: str) -> T:
    """The one whose id begins so.

    Args:
        listed: What the gate lists.
        id_of: Its id.
        start: An id, or a unique beginning of one.
        what: Such as `request`, for the error.
        where: The verb that lists them, for the error.

    Raises:
        NotFound: None does.
        BadInput: Several do.
    """
    rows = matching(listed, id_of, start)
    if not rows:
        raise NotFound(f"there is no {what} whose id begins so (4 letters at least); see `{where}`")
    if len(rows) > 1:
        raise BadInput(f"{len(rows)} ids of a {what} begin so; give more of the id")
    return rows[0]
