"""The Dagster UI on this machine: two code servers, the webserver and the daemon, and their parent.

The code servers are ours, not Dagster's: then each has exactly the logins of its tier, and they end
with us. They start one after the other and before those that ask them: the first makes Dagster's
tables, and two that make them at once leave a location that stays broken. Handlers stand before the
first child starts, or a child that inherits an ignored SIGINT can only be killed.
"""

import contextlib
import ctypes
import functools
import signal
import socket as socketlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sxe_pipeline import settings as environment
from sxe_pipeline.errors import BadInput, StoreUnavailable
from sxe_pipeline.local import attach, contact, variables
from sxe_pipeline.ops.engine import Engine
from sxe_pipeline.ops.sensors import LOCATIONS
from sxe_pipeline.settings import Settings

READY_S = 90
STOP_S = 12
WATCH_S = 5
"""Between two looks at whether the code servers can still be reached."""


def serve(settings: Settings, *, port: int, say: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM; `say` gets the address once it answers.

    Raises:
        BadInput: The port is taken.
        StoreUnavailable: The UI does not answer in time.
    """
    _must_be_free(port)
    stop = _Stop()
    with (
        attach.attached(settings, "social", "contacts", "dagster") as held,
        # Not in the home: a Unix socket's path may have about 100 characters.
        tempfile.TemporaryDirectory(prefix="sxe-ui-") as short,
    ):
        given = variables.since_first_landing(held.settings)
        home = variables.dagster_home(given)
        exports = variables.exports(given, home)
        inherited = environment.inherited()
        logins = {name: environment.DATABASES[f"{name}_dsn"] for name in ("social", "contacts")}
        only_dagster = {k: v for k, v in exports.items() if k not in logins.values()}
        environments = {
            "social_tier": environment.inherited((environment.ALERT_WEBHOOK,))
            | only_dagster
            | {logins["social"]: given.need("social_dsn")},
            "contact_tier": contact.variables(given),
        }
        sockets = {location: Path(short) / f"{location}.sock" for location in LOCATIONS}
        workspace = home / f"workspace.{port}.yaml"
        workspace.write_text(
            "load_from:\n"
            + "".join(
                f"  - grpc_server:\n      socket: {socket}\n      location_name: {location}\n"
                for location, socket in sockets.items()
            )
        )
        both = inherited | only_dagster
        with _engine(given) as engine, _family(stop) as family:
            for location, socket in sockets.items():
                family.start(
                    location,
                    functools.partial(
                        _start,
                        _code_server(location, socket),
                        environments[location],
                        home / f"{location}.log",
                        held,
                    ),
                    functools.partial(_listens, socket),
                )
                family.wait_until(functools.partial(_listens, socket), home / f"{location}.log")
            web, daemon = (
                functools.partial(_start, arguments, both, home / f"{name}.log", held)
                for name, arguments in (
                    ("web", _web(port, workspace)),
                    ("daemon", _daemon(workspace)),
                )
            )
            family.start("web", web)
            family.wait_until(functools.partial(_answers, port), home / "web.log")
            if not stop.asked:
                say(f"http://127.0.0.1:{port}")
            stands_by = False
            while not stop.asked:
                with contextlib.suppress(StoreUnavailable):  # as with a full disk: tried again
                    held.keep_up()
                if engine.works():
                    family.start("daemon", daemon)
                    stands_by = False
                elif not stands_by:
                    family.stop("daemon")
                    say("another engine works on this database; this one stands by")
                    stands_by = True
                family.revive()
                time.sleep(0.5)
            workspace.unlink(missing_ok=True)


@contextlib.contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    engine = Engine(settings.need("social_dsn"), settings.pace.run_lease)
    try:
        yield engine
    finally:
        engine.rest()


def _must_be_free(port: int) -> None:
    with socketlib.socket() as probe:
        probe.setsockopt(socketlib.SOL_SOCKET, socketlib.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise BadInput(f"port {port} is taken; choose another with --port") from None


class _Stop:
    def __init__(self) -> None:
        self.asked = False
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True


def _code_server(location: str, socket: Path) -> list[str]:
    return [
        *("-m", "dagster", "api", "grpc", "--socket", str(socket)),
        *("--module-name", "sxe_pipeline.definitions", "--attribute", location),
        *("--location-name", location, "--lazy-load-user-code"),
    ]


def _web(port: int, workspace: Path) -> list[str]:
    return ["-m", "dagster_webserver", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)]


def _daemon(workspace: Path) -> list[str]:
    return ["-m", "dagster._daemon", "run", "-w", str(workspace)]


def _start(
    arguments: list[str], env: Mapping[str, str], log: Path, held: attach.Attached
) -> "subprocess.Popen[bytes]":
    if "--socket" in arguments:
        # Of a server that was killed, perhaps by us: a new one would not bind.
        socket = Path(arguments[arguments.index("--socket") + 1])
        socket.parent.mkdir(mode=0o700, exist_ok=True)  # a clean-up of old files may take it
        socket.unlink(missing_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=held.descriptors,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class _Child:
    """A process that is started anew when it ends, or when nobody reaches it any more."""

    def __init__(
        self, start: "Callable[[], subprocess.Popen[bytes]]", is_reached: Callable[[], bool] | None
    ) -> None:
        self._start, self._is_reached = start, is_reached
        self.begin()

    def begin(self) -> None:
        self.process = self._start()
        self._was_reached, self._begun_at = False, time.monotonic()
        self._looked_at = self._begun_at

    def is_lost(self) -> bool:
        """Whether it ended, or cannot be reached although it could, or should have been by now."""
        if self.process.poll() is not None:
            return True
        now = time.monotonic()
        if self._is_reached is None or (self._was_reached and now - self._looked_at < WATCH_S):
            return False
        self._looked_at = now
        is_reached = self._is_reached()
        is_lost = not is_reached and (self._was_reached or now - self._begun_at > READY_S)
        self._was_reached = is_reached
        return is_lost

    def end(self, until: float) -> None:
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class _Family:
    """The children by name; one that is lost is started anew until the end is asked for."""

    def __init__(self, stop: _Stop) -> None:
        self._stop = stop
        self._children: dict[str, _Child] = {}

    def start(
        self,
        name: str,
        start: "Callable[[], subprocess.Popen[bytes]]",
        is_reached: Callable[[], bool] | None = None,
    ) -> None:
        """Have a child of that name; one that is there stays."""
        if name not in self._children:
            self._children[name] = _Child(start, is_reached)

    def stop(self, name: str) -> None:
        """Have none of that name any more."""
        if child := self._children.pop(name, None):
            child.process.terminate()
            child.end(time.monotonic() + STOP_S)

    def revive(self) -> None:
        for child in self._children.values():
            if not self._stop.asked and child.is_lost():
                child.process.terminate()
                child.end(time.monotonic() + STOP_S)
                child.begin()

    def wait_until(self, ready: Callable[[], bool], log: Path) -> None:
        end = time.monotonic() + READY_S
        while not self._stop.asked and not ready():
            if time.monotonic() > end:
                raise StoreUnavailable(
                    f"a part of the Dagster UI did not answer within {READY_S} s; {log} says why"
                )
            self.revive()
            time.sleep(0.1)

    def end(self) -> None:
        for child in self._children.values():
            child.process.terminate()
        end = time.monotonic() + STOP_S
        for child in self._children.values():
            child.end(end)


@contextlib.contextmanager
def _family(stop: _Stop) -> Iterator[_Family]:
    family = _Family(stop)
    try:
        yield family
    finally:
        family.end()


def _listens(socket: Path) -> bool:
    with socketlib.socket(socketlib.AF_UNIX) as probe:
        try:
            probe.connect(str(socket))
        except OSError:
            return False
    return True


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2).close()
    except (urllib.error.URLError, OSError):
        return False
    return True
