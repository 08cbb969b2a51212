"""SIGINT and SIGTERM while somebody else's code holds the handlers, or nobody asks them.

Dagster swaps the handlers during a run and gives SIGTERM whatever SIGINT had, which is nothing
where a shell started us in the background; libraries catch what it raises and fail in words of
their own; and a handler waits for native code to return. So the interpreter reports each signal to
a thread here, whoever handles it. Here: knowing that the end was asked for. Not here: what follows.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

from sxe_pipeline.errors import Busy

_ASKED = frozenset({signal.SIGINT, signal.SIGTERM})
INTERRUPTED = 130


class Stop:
    """Whether the end was asked for since the watch began."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """For loops that no exception reaches: native code that reads from us.

        Raises:
            Busy: The end was asked for.
        """
        if self.asked:
            raise Busy("interrupted; run it again, what was finished stays")


@contextmanager
def watched(say: Callable[[], None] = lambda: None) -> Iterator[Stop]:
    """Notice SIGINT and SIGTERM until this ends; the second of them ends the process at once.

    Args:
        say: Called at the first signal, on a thread of its own.

    Yields:
        What knows of it. In a thread other than the main one nothing is ever asked.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    handlers = {name: signal.getsignal(name) for name in _ASKED}
    thread = threading.Thread(target=_watch, args=(ours, stop, say), name="signals", daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(before)
        for name, handler in handlers.items():
            if handler is not None:
                signal.signal(name, handler)
        theirs.close()
        thread.join(timeout=1)
        ours.close()


def _watch(ours: socket.socket, stop: Stop, say: Callable[[], None]) -> None:
    while numbers := ours.recv(16):
        for number in numbers:
            if number not in _ASKED:
                continue
            if stop.asked:
                os._exit(INTERRUPTED)
            stop.asked = True
            say()


def wait(child: "subprocess.Popen[Any]", *, patience_s: float) -> int:
    """Wait for a child. Interrupted, it is asked to end, and after a while it is killed.

    Args:
        child: Whose output nobody has to read.
        patience_s: How long it may take to end.

    Returns:
        Its exit code.
    """
    from subprocess import TimeoutExpired

    try:
        return child.wait()
    except BaseException:
        child.terminate()
        try:
            child.wait(patience_s)
        except TimeoutExpired:
            child.kill()
            child.wait()
        raise


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM interrupts like Ctrl-C, so that leases are given back and servers stopped."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if is_ours:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
