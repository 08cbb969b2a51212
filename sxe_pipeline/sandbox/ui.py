"""The Dagster UI on this machine: two code servers, the webserver and the daemon, and their parent.

The code servers are ours, not Dagster's: then each has exactly the logins of its tier, and they end
with us. Handlers stand before the first child starts, or a child that inherits an ignored SIGINT
can only be killed.
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
from sxe_pipeline.sandbox import attach, contact
from sxe_pipeline.settings import Settings

READY_S = 90
STOP_S = 12
LOCATIONS = ("social_tier", "contact_tier")
_SOCKET_PATH = 100


def serve(settings: Settings, *, port: int, say: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM; `say` gets the address once it answers.

    Raises:
        BadInput: The port is taken.
        StoreUnavailable: The UI does not answer in time.
    """
    _must_be_free(port)
    stop = _Stop()
    with attach.attached(settings, "social", "contacts", "dagster") as held:
        given, home = held.settings, environment.dagster_home(held.settings)
        exports = environment.exports(given, home)
        inherited = environment.inherited()
        logins = {name: environment.DATABASES[f"{name}_dsn"] for name in ("social", "contacts")}
        only_dagster = {k: v for k, v in exports.items() if k not in logins.values()}
        environments = {
            "social_tier": inherited | only_dagster | {logins["social"]: given.need("social_dsn")},
            "contact_tier": contact.variables(given),
        }
        sockets = {location: _socket(home, location) for location in LOCATIONS}
        workspace = home / "workspace.yaml"
        workspace.write_text(
            "load_from:\n"
            + "".join(
                f"  - grpc_server:\n      socket: {socket}\n      location_name: {location}\n"
                for location, socket in sockets.items()
            )
        )
        both = inherited | only_dagster
        children = {
            location: functools.partial(
                _start,
                _code_server(location, sockets[location]),
                environments[location],
                home / f"{location}.log",
                held,
            )
            for location in LOCATIONS
        } | {
            "web": lambda: _start(_web(port, workspace), both, home / "web.log", held),
            "daemon": lambda: _start(_daemon(workspace), both, home / "daemon.log", held),
        }
        with _family(children, stop) as alive:
            _wait_ready(port, stop, alive)
            say(f"http://127.0.0.1:{port}")
            while not stop.asked:
                alive()
                time.sleep(0.5)


def _must_be_free(port: int) -> None:
    with socketlib.socket() as probe:
        probe.setsockopt(socketlib.SOL_SOCKET, socketlib.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise BadInput(f"port {port} is taken; choose another with --port") from None


def _socket(home: Path, location: str) -> Path:
    """A Unix socket's path may have about 100 characters, wherever the home is."""
    wanted = home / f"{location}.sock"
    if len(str(wanted)) < _SOCKET_PATH:
        return wanted
    return Path(tempfile.mkdtemp(prefix="sxe-ui-")) / "code.sock"


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
        Path(arguments[arguments.index("--socket") + 1]).unlink(missing_ok=True)
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


@contextlib.contextmanager
def _family(
    children: Mapping[str, Callable[[], "subprocess.Popen[bytes]"]], stop: _Stop
) -> Iterator[Callable[[], None]]:
    running = {name: start() for name, start in children.items()}

    def alive() -> None:
        for name, process in running.items():
            if process.poll() is not None and not stop.asked:
                running[name] = children[name]()

    try:
        yield alive
    finally:
        for process in running.values():
            process.terminate()
        end = time.monotonic() + STOP_S
        for process in running.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_ready(port: int, stop: _Stop, alive: Callable[[], None]) -> None:
    end = time.monotonic() + READY_S
    while not stop.asked:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2).close()
            return
        if time.monotonic() > end:
            raise StoreUnavailable(
                f"the Dagster UI did not answer within {READY_S} s; SXE_HOME/dagster has its logs"
            )
        alive()
        time.sleep(0.3)
