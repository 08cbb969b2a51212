"""What a verb is at, on stderr while it works: a line that is rewritten, or lines in a log.

Here: when it is shown and how. On a terminal the line appears once a verb takes a while, and is
gone before the answer; with --verbose each step is a line that stays, terminal or not; else there
is nothing. Not here: what the steps are. Never on stdout.
"""

import sys
import threading
import time
from types import TracebackType
from typing import TextIO

import click

_PATIENCE_S = 1.0
"""A verb that answers sooner shows nothing."""

_TICK_S = 0.25
_LOG_EVERY_S = 10.0
"""Between two lines of one step in a log."""

_KEY = "sxe_pipeline.cli.progress"


class Progress:
    """The steps of one verb, in order."""

    def __init__(self, out: TextIO, *, is_shown: bool, is_log: bool) -> None:
        self._out, self._is_shown, self._is_log = out, is_shown, is_log
        self._step, self._count, self._unit = "", 0, ""
        self._begun = self._logged = time.monotonic()
        self._width, self._drawn = 0, ""
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._ticker: threading.Thread | None = None

    def __enter__(self) -> "Progress":
        if self._is_shown and not self._is_log:
            self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
            self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def say(self, step: str) -> None:
        """A step begins; an empty one is none."""
        with self._lock:
            self._step, self._count, self._unit = step, 0, ""
        if self._is_log and step:
            self._log()

    def add(self, count: int, unit: str) -> None:
        """So many more of something were done in this step, such as rows."""
        with self._lock:
            self._count += count
            self._unit = unit
        if self._is_log and time.monotonic() - self._logged >= _LOG_EVERY_S:
            self._log()

    def add_rows(self, count: int) -> None:
        """So many more rows were read in this step."""
        self.add(count, "rows")

    def end(self) -> None:
        """Take the line away: what is printed next begins on a clean one."""
        self._end.set()
        if self._ticker is not None and self._ticker is not threading.current_thread():
            self._ticker.join()
            self._ticker = None
        self._clear()

    def _log(self) -> None:
        self._logged = time.monotonic()
        _write(self._out, f"sxe: {self._text()}\n")

    def _tick(self) -> None:
        wait = _PATIENCE_S
        while not self._end.wait(wait):
            wait = _TICK_S
            with self._lock:
                text = f"{self._text()} ({time.monotonic() - self._begun:.0f} s)"
            self._draw(text if self._step else "")

    def _text(self) -> str:
        return f"{self._step}, {self._count:,} {self._unit}" if self._unit else self._step

    def _draw(self, text: str) -> None:
        width = _columns() - 1
        text = text if len(text) <= width else f"{text[: width - 1]}…"
        if text == self._drawn:
            return
        self._drawn = text
        _write(self._out, f"\r{text}{' ' * (self._width - len(text))}")
        self._width = len(text)

    def _clear(self) -> None:
        if self._width:
            _write(self._out, f"\r{' ' * self._width}\r")
            self._width, self._drawn = 0, ""


def begin(*, is_verbose: bool) -> Progress:
    """The progress of the verb that runs now, until its context is closed.

    Args:
        is_verbose: Lines that stay, whatever stderr is.
    """
    out = sys.stderr
    shown = Progress(out, is_shown=is_verbose or out.isatty(), is_log=is_verbose)
    context = click.get_current_context()
    context.find_root().meta[_KEY] = context.with_resource(shown)
    return shown


def current() -> Progress:
    """The progress of the verb that runs now; one that shows nothing outside of a verb."""
    context = click.get_current_context(silent=True)
    found = context.find_root().meta.get(_KEY) if context else None
    return (
        found if isinstance(found, Progress) else Progress(sys.stderr, is_shown=False, is_log=False)
    )


def say(step: str) -> None:
    """A step of the verb that runs now begins."""
    current().say(step)


def _columns() -> int:
    import shutil

    return max(20, shutil.get_terminal_size().columns)


def _write(out: TextIO, text: str) -> None:
    try:
        out.write(text)
        out.flush()
    except (OSError, ValueError):  # nobody looks any more
        return
