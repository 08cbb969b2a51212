"""The Dagster UI on this machine: two code servers, the webserver and the daemon, and their parent.

The code servers are ours, not Dagster's: then each has exactly the logins of its tier, and they end
with us. They start one after the other and before those that ask them: the first makes Dagster's
tables, and two that make them at once leave a location that stays broken. Handlers stand before the
first child starts, or a child that inherits an ignored SIGINT can only be killed.
"""

import contextlib
import ctypes
import functools
import secrets
import signal
import socket as socketlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path

from sxe_pipeline import settings as environment
from sxe_pipeline.errors import BadInput, StoreUnavailable
from sxe_pipeline.local import attach, contact, variables
from sxe_pipeline.ops.engine import Engine
from sxe_pipeline.ops.sensors import LOCATIONS
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import disk

READY_S = 90
STOP_S = 12
WATCH_S = 5
"""Between two looks at whether the code servers can still be reached."""


def serve(
    settings: Settings, *, port: int, say: Callable[[str], None], is_read_only: bool = False
) -> None:
    """Run until SIGINT or SIGTERM; `say` gets the address once it answers.

    Args:
        settings: As loaded.
        port: Of this machine, which alone can reach it.
        say: Takes the address, which holds the token that opens it, and what happens later.
        is_read_only: For looking at an engine that works elsewhere: no daemon, no login of a
            tier, and the UI refuses every change.

    Raises:
        BadInput: The port is taken.
        StoreUnavailable: The UI does not answer in time.
    """
    _must_be_free(port)
    stop = _Stop()
    tiers = () if is_read_only else ("social", "contacts")
    with (
        attach.attached(settings, *tiers, "dagster") as held,
        # Not in the home: a Unix socket's path may have about 100 characters.
        tempfile.TemporaryDirectory(prefix="sxe-ui-") as short,
    ):
        given = held.settings if is_read_only else variables.since_first_landing(held.settings)
        home = variables.dagster_home(given)
        both, environments = _environments(given, home, is_read_only)
        sockets = {location: Path(short) / f"{location}.sock" for location in LOCATIONS}
        workspace, key = home / f"workspace.{port}.yaml", home / f"ui.{port}.token"
        workspace.write_text(
            "load_from:\n"
            + "".join(
                f"  - grpc_server:\n      socket: {socket}\n      location_name: {location}\n"
                for location, socket in sockets.items()
            )
        )
        token = secrets.token_urlsafe(24)
        disk.write_secret(key, token)
        with contextlib.ExitStack() as ends:
            ends.callback(key.unlink, missing_ok=True)
            ends.callback(workspace.unlink, missing_ok=True)
            engine = None if is_read_only else ends.enter_context(_engine(given))
            family = ends.enter_context(_family(stop))
            for location, socket in sockets.items():
                listens = functools.partial(_listens, socket)
                log = home / f"{location}.log"
                server = _code_server(location, socket)
                umask = contact.UMASK if location == "contact_tier" else -1
                start = functools.partial(_start, server, environments[location], log, held, umask)
                family.start(location, start, listens)
                family.wait_until(listens, log)
            web, daemon = (
                functools.partial(_start, arguments, both, home / f"{name}.log", held)
                for name, arguments in (
                    ("web", _web(port, workspace, key, is_read_only)),
                    ("daemon", _daemon(workspace)),
                )
            )
            family.start("web", web)
            family.wait_until(functools.partial(_answers, port), home / "web.log")
            if not stop.asked:
                say(f"http://127.0.0.1:{port}/?token={token}")
            _until_asked(stop, held, family, engine, daemon, say)


def _until_asked(
    stop: "_Stop",
    held: attach.Attached,
    family: "_Family",
    engine: Engine | None,
    daemon: "Callable[[], subprocess.Popen[bytes]]",
    say: Callable[[str], None],
) -> None:
    """Keep everything up; the daemon, while this is the engine that works."""
    stands_by = False
    while not stop.asked:
        with contextlib.suppress(StoreUnavailable):  # as with a full disk: tried again
            held.keep_up()
        if engine and engine.works():
            family.start("daemon", daemon)
            stands_by = False
        elif engine and not stands_by:
            family.stop("daemon")
            say("another engine works on this database; this one stands by")
            stands_by = True
        family.revive()
        time.sleep(0.5)


def _environments(
    given: Settings, home: Path, is_read_only: bool
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """What webserver and daemon may know, and what each code server may, by its location."""
    inherited, exports = environment.inherited(), variables.exports(given, home)
    social, dagster = (environment.DATABASES[f"{name}_dsn"] for name in ("social", "dagster"))
    others = {*environment.DATABASES.values()} - {dagster}
    only_dagster = {k: v for k, v in exports.items() if k not in others}
    both = inherited | only_dagster
    if is_read_only:
        return both, dict.fromkeys(LOCATIONS, both)
    return both, {
        "social_tier": environment.inherited((environment.ALERT_WEBHOOK, "SXE_SIGNING_KEY"))
        | only_dagster
        | {social: given.need("social_dsn")},
        "contact_tier": contact.variables(given),
    }


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


def _web(port: int, workspace: Path, key: Path, is_read_only: bool) -> list[str]:
    return [
        *("-m", "sxe_pipeline.local.webserver", str(key)),
        *("-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)),
        *(["--read-only"] if is_read_only else []),
    ]


def _daemon(workspace: Path) -> list[str]:
    return ["-m", "dagster._daemon", "run", "-w", str(workspace)]


def _start(
    arguments: list[str],
    env: Mapping[str, str],
    log: Path,
    held: attach.Attached,
    umask: int = -1,
) -> "subprocess.Popen[bytes]":
    if "--socket" in arguments:
        # Of a server that was killed, perhaps by us: a new one would not bind.
        socket = Path(arguments[arguments.index("--socket") + 1])
        disk.own_folder(socket.parent)  # a clean-up of old files may have taken it
        socket.unlink(missing_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            umask=umask,
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
    """Whether the webserver is up and asks for its token: one that lets anybody in never is."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2).close()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code == HTTPStatus.UNAUTHORIZED
    except OSError:
        return False
    return False
