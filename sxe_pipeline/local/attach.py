"""Give a process its logins: those of the environment, or of the embedded server.

The embedded server is shared by all processes of one home and stops with the last of them. A
process gets the logins it asks for and no other; migrations run in a child that alone holds the
admin's.
"""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sxe_pipeline import settings as environment
from sxe_pipeline.errors import BadConfig, Refused, StoreUnavailable
from sxe_pipeline.local import postgres
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import disk, sql

ROLES = {
    "social": "sxe_social",
    "api": "sxe_api",
    "contacts": "sxe_contacts",
    "serve": "sxe_serve",
    "sealer": "sxe_sealer",
    "dagster": "sxe_dagster",
    "admin": "sxe_admin",
}


@dataclass(frozen=True)
class Attached:
    """The settings with the logins asked for, and what keeps the server up for a child."""

    settings: Settings
    descriptors: tuple[int, ...] = ()
    keep_up: Callable[[], None] = lambda: None
    """Starts the embedded server again where it died; a given one is somebody else's to start."""


@contextmanager
def attached(settings: Settings, *logins: str, is_checked: bool = True) -> Iterator[Attached]:
    """Log a process in with the logins named ('social', 'api', 'dagster', 'admin').

    Args:
        settings: As loaded.
        logins: What this process gets; every other one is taken from it.
        is_checked: Migrate an embedded database that is not this package's. False for what
            migrates by itself.

    Raises:
        BadConfig: The embedded database cannot be migrated; the message says how to go on.
        Refused: It was changed by hand.
        StoreUnavailable: The embedded server or its migrations failed; the message says where the
            log is.
    """
    if settings.is_embedded:
        settings.refuse_to_make("database", "set the URL of each login that this process needs")
    if not settings.is_embedded:
        yield Attached(_only(settings, logins))
        return
    server = _server(settings)
    with server.attached() as state:
        if is_checked:
            _migrate_once(settings, state)
        given: dict[str, Any] = {f"{name}_dsn": _dsn(state, name) for name in logins}
        yield Attached(dataclasses.replace(settings, **given), (state["lock_fd"],), server.keep_up)


def passwords(settings: Settings) -> dict[str, str]:
    """Role -> password, of the logins that these settings hold.

    Raises:
        BadConfig: A login is of another role than its tier's.
    """
    found = {}
    for login, role in ROLES.items():
        dsn = getattr(settings, f"{login}_dsn")
        if login == "admin" or dsn is None:
            continue
        user, password = sql.credentials(dsn)
        if user != role:
            variable = environment.DATABASES[f"{login}_dsn"]
            raise BadConfig(f"{variable} must log in as {role}; create that role, or correct it")
        if password:
            found[role] = password
    return found


def superuser(settings: Settings) -> str:
    """The superuser's login to a running embedded server: for looking at every table, no more."""
    state = json.loads((settings.home / "postgres" / "state.json").read_text())
    return postgres.dsn(state, "postgres")


def server_log(settings: Settings) -> Path:
    """What the embedded server wrote down about itself and about statements that failed."""
    return _server(settings).log


def data_folder(settings: Settings) -> Path:
    """Where the embedded server keeps its data."""
    return _server(settings).data


def is_running(settings: Settings) -> bool:
    """Whether the embedded server runs."""
    return _server(settings).is_running()


def stop(settings: Settings, *, delete: bool) -> bool:
    """Stop the embedded server, and delete its data where asked.

    Returns:
        Whether it ran.

    Raises:
        Busy: It is in use; it runs on, and its data stay.
        StoreUnavailable: It did not end.
        BadConfig: Its data cannot be deleted.
    """
    server = _server(settings)
    return server.reset() if delete else server.stop()


def _server(settings: Settings) -> postgres.Server:
    return postgres.Server(
        settings.home / "postgres",
        binaries=settings.postgres_binaries,
        user=settings.postgres_user,
    )


def _only(settings: Settings, logins: Sequence[str]) -> Settings:
    kept = {f"{name}_dsn" for name in logins}
    dropped: dict[str, Any] = {name: None for name in environment.DATABASES if name not in kept}
    return dataclasses.replace(settings, **dropped)


def _dsn(state: dict[str, Any], login: str) -> str:
    return postgres.dsn(state, ROLES[login])


def _migrate_once(settings: Settings, state: dict[str, Any]) -> None:
    """Migrate where the database is not this package's; a child does it, as the admin."""
    if _fits(state):
        return
    given = {"admin": _dsn(state, "admin"), "passwords": state["passwords"]}
    child = subprocess.run(
        [sys.executable, "-m", "sxe_pipeline.local.migrate"],
        input=json.dumps(given),
        text=True,
        capture_output=True,
        env=environment.inherited(("SXE_SIGNING_KEY",)) | {"SXE_HOME": str(settings.home)},
        check=False,
    )
    for kind in (BadConfig, Refused):
        if child.returncode == kind.exit_code:
            raise kind(child.stderr.strip())
    if child.returncode:
        log = settings.home / "migrate.log"
        disk.write_secret(log, child.stderr)
        raise StoreUnavailable(f"the database could not be migrated; {log} says why")


def _fits(state: dict[str, Any]) -> bool:
    try:
        sql.connect(_dsn(state, "api")).close()
    except (BadConfig, StoreUnavailable):
        return False  # new, or of another package; a login may not exist yet
    return True
