"""The Dagster UI on this machine: one code server, the webserver and the daemon, and their parent.

The code server is ours, not Dagster's: then it has exactly the logins of its tier, and it ends
with us. Handlers stand before the first child starts, or a child that inherits an ignored SIGINT
can only be killed.
"""

import contextlib
import ctypes
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
from sxe_pipeline.sandbox import attach
from sxe_pipeline.settings import Settings

READY_S = 90
STOP_S = 12
LOCATION = "social_tier"
_SOCKET_PATH = 100


def serve(settings: Settings, *, port: int, say: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM; `say` gets the address once it answers.

    Raises:
        BadInput: The port is taken.
        StoreUnavailable: The UI does not answer in time.
    """
    _must_be_free(port)
    stop = _Stop()
    with attach.attached(settings, "social", "dagster") as held:
        home = environment.dagster_home(held.settings)
        tier = environment.exports(held.settings, home)
        only_dagster = {k: v for k, v in tier.items() if k != "SXE_SOCIAL_DATABASE_URL"}
        workspace = home / "workspace.yaml"
        socket = _socket(home)
        workspace.write_text(
            f"load_from:\n  - grpc_server:\n      socket: {socket}\n"
            f"      location_name: {LOCATION}\n"
        )
        children = {
            "code": lambda: _start(_code_server(socket), tier, home / "code.log", held),
            "web": lambda: _start(_web(port, workspace), only_dagster, home / "web.log", held),
            "daemon": lambda: _start(_daemon(workspace), only_dagster, home / "daemon.log", held),
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


def _socket(home: Path) -> Path:
    """A Unix socket's path may have about 100 characters, wherever the home is."""
    wanted = home / "code.sock"
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


def _code_server(socket: Path) -> list[str]:
    socket.unlink(missing_ok=True)
    return [
        *("-m", "dagster", "api", "grpc", "--socket", str(socket)),
        *("--module-name", "sxe_pipeline.definitions", "--attribute", LOCATION),
        *("--location-name", LOCATION, "--lazy-load-user-code"),
    ]


def _web(port: int, workspace: Path) -> list[str]:
    return ["-m", "dagster_webserver", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)]


def _daemon(workspace: Path) -> list[str]:
    return ["-m", "dagster._daemon", "run", "-w", str(workspace)]


def _start(
    arguments: list[str], env: Mapping[str, str], log: Path, held: attach.Attached
) -> "subprocess.Popen[bytes]":
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=environment.inherited() | dict(env),
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
