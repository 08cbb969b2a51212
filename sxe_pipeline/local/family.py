"""Child processes that are kept up: started anew where one is lost, and ended together.

Here: the mechanism that the UI of one machine and the worker of a container share, and the command
lines of Dagster's processes. Not here: what each child may know, and when it should run.
"""

import contextlib
import ctypes
import errno
import signal
import socket as socketlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sxe_pipeline.errors import BadInput, StoreUnavailable
from sxe_pipeline.store import disk

READY_S = 90
STOP_S = 12
WATCH_S = 5
"""Between two looks at whether the code servers can still be reached."""
LONGEST_PAUSE_S = 30
"""Before one that ends again and again is started once more."""

Address = Path | tuple[str, int]
"""Where a code server listens: a Unix socket, or an interface and a port."""


class Stop:
    """Whether the end was asked for, and how often, by SIGINT or SIGTERM.

    Dagster gives SIGTERM whatever SIGINT has, which is nothing where a shell or a container's first
    process started us so, and children inherit that. So both get a handler before any child.
    """

    def __init__(self) -> None:
        self.times = 0
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._ask)

    @property
    def asked(self) -> bool:
        """Whether the end was asked for."""
        return self.times > 0

    def _ask(self, *_: object) -> None:
        self.times += 1


def code_server(location: str, address: Address) -> list[str]:
    """The command line of the server of a code location.

    One that cannot load its definitions, as while the database fails over, ends and is started
    anew; with `--lazy-load-user-code` it would answer that one error for ever.
    """
    if isinstance(address, Path):
        where = ["--socket", str(address)]
    else:
        where = ["--host", address[0], "--port", str(address[1])]
    return [
        *("-m", "dagster", "api", "grpc", *where),
        *("--module-name", "sxe_pipeline.definitions", "--attribute", location),
        *("--location-name", location),
    ]


def daemon(workspace: Path) -> list[str]:
    """The command line of Dagster's daemon."""
    return ["-m", "dagster._daemon", "run", "-w", str(workspace)]


def must_be_free(address: tuple[str, int]) -> None:
    """Refuse a port that nobody can listen on: a child would end there again and again.

    Raises:
        BadInput: With the number of the port.
    """
    try:
        for kind, _, _, _, there in socketlib.getaddrinfo(*address, type=socketlib.SOCK_STREAM):
            with socketlib.socket(kind) as probe:
                probe.setsockopt(socketlib.SOL_SOCKET, socketlib.SO_REUSEADDR, 1)
                probe.bind(there)
    except OSError as error:
        raise unheard(address, error, "choose another with --host or --port") from None


def unheard(address: tuple[str, int], error: OSError, remedy: str) -> BadInput:
    """Why nobody can listen there: in words of ours."""
    host, port = address
    if error.errno == errno.EADDRINUSE:
        return BadInput(f"port {port} is taken; {remedy}")
    return BadInput(f"nobody can listen at {host}, port {port} ({error.strerror}); {remedy}")


def start(
    arguments: list[str],
    env: Mapping[str, str],
    *,
    log: Path | None = None,
    descriptors: tuple[int, ...] = (),
    umask: int = -1,
) -> "subprocess.Popen[bytes]":
    """Start a Python process that ends with this one.

    Args:
        arguments: Of the interpreter.
        env: Everything that it is told.
        log: Takes what it prints; None is where this process prints.
        descriptors: What keeps an embedded server up.
        umask: Which rights its files never get; -1 is this process's.
    """
    if "--socket" in arguments:
        # Of a server that was killed, perhaps by us: a new one would not bind.
        socket = Path(arguments[arguments.index("--socket") + 1])
        disk.own_folder(socket.parent)  # a clean-up of old files may have taken it
        socket.unlink(missing_ok=True)
    with log.open("ab") if log else contextlib.nullcontext() as out:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            umask=umask,
            pass_fds=descriptors,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Child:
    """A process that is started anew when it ends, or when nobody reaches it any more."""

    def __init__(
        self, start: "Callable[[], subprocess.Popen[bytes]]", is_reached: Callable[[], bool] | None
    ) -> None:
        self._start, self._is_reached = start, is_reached
        self._pause_s = 0.5
        self.begin()

    def begin(self) -> None:
        """Start it."""
        self.process = self._start()
        self._was_reached, self._begun_at = False, time.monotonic()
        self._looked_at = self._begun_at

    @property
    def answered(self) -> bool:
        """Whether it was reached when it was looked for last; True where nobody looks."""
        return self._is_reached is None or self._was_reached

    def is_lost(self) -> bool:
        """Whether it ended, or cannot be reached although it could, or should have been by now."""
        now = time.monotonic()
        if self.process.poll() is not None:
            return self._is_due(now)
        if self._is_reached is None or (self._was_reached and now - self._looked_at < WATCH_S):
            return False
        self._looked_at = now
        is_reached = self._is_reached()
        is_lost = not is_reached and (self._was_reached or now - self._begun_at > READY_S)
        self._was_reached = is_reached
        return is_lost

    def _is_due(self, now: float) -> bool:
        """Whether one that ended is started anew: at once, unless it just was."""
        self._was_reached = False
        lived_s = now - self._begun_at
        if lived_s < self._pause_s:
            return False
        self._pause_s = 0.5 if lived_s > READY_S else min(2 * self._pause_s, LONGEST_PAUSE_S)
        return True

    def end(self, until: float) -> None:
        """Wait for its end, which was asked for; later than that it is killed."""
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Family:
    """The children by name; one that is lost is started anew until the end is asked for."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._children: dict[str, Child] = {}

    def start(
        self,
        name: str,
        start: "Callable[[], subprocess.Popen[bytes]]",
        is_reached: Callable[[], bool] | None = None,
    ) -> None:
        """Have a child of that name; one that is there stays."""
        if name not in self._children:
            self._children[name] = Child(start, is_reached)

    def stop(self, name: str) -> None:
        """Have none of that name any more."""
        if child := self._children.pop(name, None):
            child.process.terminate()
            child.end(time.monotonic() + STOP_S)

    def renew(self, name: str) -> None:
        """End a child; `revive` starts it anew, with the environment of then."""
        self._children[name].process.terminate()

    def revive(self) -> None:
        """Start anew what is lost."""
        for child in self._children.values():
            if not self._stop.asked and child.is_lost():
                child.process.terminate()
                child.end(time.monotonic() + STOP_S)
                child.begin()

    def wait_until(self, ready: Callable[[], bool], log: Path) -> None:
        """Keep all up until something is so.

        Raises:
            StoreUnavailable: It is not in time.
        """
        end = time.monotonic() + READY_S
        while not self._stop.asked and not ready():
            if time.monotonic() > end:
                raise StoreUnavailable(
                    f"a part of the Dagster UI did not answer within {READY_S} s; {log} says why"
                )
            self.revive()
            time.sleep(0.1)

    def runs(self, name: str) -> int:
        """How many runs a code server has under way: it spawns a process for each.

        0 where the system does not show processes: nothing is waited for then.
        """
        pid = self._children[name].process.pid
        children: list[str] = []
        for thread in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children += thread.read_text().split()
        return sum(map(_is_spawned, children))

    def are_reached(self) -> bool:
        """Whether every child that can be asked answered when it was asked last."""
        return all(child.answered for child in self._children.values())

    def end(self) -> None:
        """End all."""
        for child in self._children.values():
            child.process.terminate()
        end = time.monotonic() + STOP_S
        for child in self._children.values():
            child.end(end)


def _is_spawned(pid: str) -> bool:
    try:
        said = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"multiprocessing.spawn" in said


@contextlib.contextmanager
def family(stop: Stop) -> Iterator[Family]:
    """A family that ends with this."""
    made = Family(stop)
    try:
        yield made
    finally:
        made.end()


def listens(address: Address) -> bool:
    """Whether somebody does, there."""
    try:
        if not isinstance(address, Path):
            socketlib.create_connection(address, timeout=2).close()
            return True
        with socketlib.socket(socketlib.AF_UNIX) as probe:
            probe.settimeout(2)
            probe.connect(str(address))
    except OSError:
        return False
    return True
