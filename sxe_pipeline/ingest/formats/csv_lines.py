"""The lines of a CSV file, one record's at a time: within bounds, and to be read again.

Here: looking ahead, going back, what is too long. Not here: cells (`dialect`, `csv_rows`).
"""

from collections import deque
from collections.abc import Iterable, Iterator

from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats.chunks import RECORD_LIMIT, lines

_LOOKED_AT = 30
"""Lines in which the header is looked for."""
_LOOKED_AT_SIZE = 1 << 18
_MARK = b"\xef\xbb\xbf"


class TooLong(Exception):
    """One CSV record is longer than `RECORD_LIMIT`."""


class Lines:
    """Text lines for a reader, with a budget of bytes per record; goes on after an error."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._found = lines(self._watched(pieces))
        self._ahead: deque[str | Fault] = deque()
        self._failure: Exception | None = None
        self._is_whole = True
        self._is_spent = False
        self._size = 0
        self.taken: list[str | Fault] = []
        """What the record at hand was read from."""
        self.is_open = False
        """Whether the record at hand wanted a further line where there was none."""

    def _watched(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._is_whole = piece.endswith(b"\n")
            yield piece
        self._is_spent = True

    @property
    def is_cut(self) -> bool:
        """Whether the line that was read last is the file's last and does not end as lines do."""
        return self._is_spent and not self._is_whole and not self._ahead

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        try:
            line = self._ahead.popleft() if self._ahead else self._line()
        except StopIteration:
            self.is_open = bool(self.taken)
            raise
        taken = self.taken
        if isinstance(line, Fault):
            taken.append(line)
            raise TooLong
        self._size = self._size + len(line) if taken else len(line)
        taken.append(line)
        if self._size > RECORD_LIMIT:
            raise TooLong
        return line

    def _line(self) -> str | Fault:
        if self._failure:
            raise self._failure
        line = next(self._found)
        if isinstance(line, Fault):
            return line
        # Files that were joined bring their marks along.
        line = line.removeprefix(_MARK)
        # Bytes that are no UTF-8 become lone surrogates here and `encoding` in a row.
        return line.decode("utf-8", "surrogateescape") + "\n"

    def back(self, again: Iterable[str | Fault]) -> None:
        """Read these lines once more, as parts of other records."""
        self.is_open = False
        self._ahead.extendleft(reversed(list(again)))

    def ahead(self) -> tuple[list[str], bool]:
        """The first lines as far as they can be read, and whether they are all.

        They are read again afterwards.
        """
        size = 0
        is_all = False
        while len(self._ahead) < _LOOKED_AT and size < _LOOKED_AT_SIZE:
            try:
                self._ahead.append(line := self._line())
            except StopIteration:
                is_all = True
                break
            except Exception as why:  # noqa: BLE001 - raised once the lines before it are read
                self._failure = why
                break
            if isinstance(line, Fault):
                break
            size += len(line)
        return [line for line in self._ahead if isinstance(line, str)], is_all

    def skip(self, count: int) -> None:
        """Pass by lines that `ahead` gave."""
        for _ in range(count):
            self._ahead.popleft()
