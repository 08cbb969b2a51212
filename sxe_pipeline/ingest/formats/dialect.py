r"""How the rows of a text are cut into cells: what stands between them, how they are quoted.

Here: one line alone; whether its quotes are closed, whether it writes a quote as `\"`. Not here:
where the header is (`header`), rows over many lines (`csv_rows`).
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_ESCAPED = {quote: re.compile(rf"(\\+){quote}") for quote in "\"'"}


class Fit(IntEnum):
    """How well lines read as one row; the better, the greater."""

    BROKEN = 0
    """Text goes on behind a quote that closes."""
    OTHER_WIDTH = 1
    OPEN = 2
    """A quote is still open where they end."""
    WHOLE = 3


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""What one file writes. `is_spaced`: a blank follows each mark. `escapes`: a quote as `\"`."""

    mark: str = ","
    quote: str = '"'
    is_spaced: bool = False
    escapes: bool = False

    def rows(self, lines: Iterable[str], *, is_strict: bool = False) -> Any:
        """A reader of the cells in some lines."""
        return csv.reader(
            self.plain(lines) if self.escapes else lines,
            delimiter=self.mark,
            quotechar=self.quote,
            skipinitialspace=self.is_spaced,
            strict=is_strict,
        )

    def plain(self, lines: Iterable[str]) -> Iterator[str]:
        r"""The lines with `""` for `\"`, and `\` for a `\\` that stands before a quote."""
        pattern, escape = _ESCAPED[self.quote], "\\" + self.quote
        for line in lines:
            yield pattern.sub(self._doubled, line) if escape in line else line

    def _doubled(self, found: re.Match[str]) -> str:
        count = len(found[1])
        return "\\" * (count // 2) + self.quote * (1 + count % 2)

    def cells(self, line: str) -> list[str]:
        """The cells of one line alone, a quote that is open closed at its end; none if no row."""
        try:
            return list(next(self.rows([line]), []))
        except csv.Error:
            return []

    def fit(self, lines: Sequence[str], widths: Iterable[int]) -> Fit:
        """How well lines read as one row, given how many cells it may have."""
        rows = self.rows([*lines, self.quote + "\n"], is_strict=True)
        try:
            cells: list[str] = next(rows, [])
        except csv.Error:
            return Fit.BROKEN
        if rows.line_num > len(lines):
            return Fit.OPEN
        return Fit.WHOLE if len(cells) in widths else Fit.OTHER_WIDTH

    def unquoted(self, line: str) -> list[str]:
        """The cells of a line in which a quote is a letter."""
        return line.rstrip("\r\n").split(self.mark)
