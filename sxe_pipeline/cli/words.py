"""The words that all verbs share: options and days on the way in, answers on the way out.

Here: what a script may rely on whatever the verb. Not here: logins (`logins`), errors and their
exit codes (`Verbs`).
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import click

from sxe_pipeline.errors import BadInput

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
"""Of every verb that ends in `answer`."""

dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, write nothing.")
"""Of every verb that writes."""


def answer(verb: str, data: dict[str, Any], as_json: bool, lines: Iterable[str]) -> None:
    """Print what a verb found: one JSON object for a script, or lines for a person.

    Args:
        verb: As it is typed, groups included: `batch list`.
        data: The answer; what JSON does not know is written as text.
        as_json: What the option `as_json` gave.
        lines: The same for a person; not read when JSON is printed.
    """
    if as_json:
        click.echo(json.dumps({"schema": "sxe.cli/1", "verb": verb, **data}, default=str))
    else:
        for line in lines:
            click.echo(line)


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
