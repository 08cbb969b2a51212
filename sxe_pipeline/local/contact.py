"""The contact half in a process of its own: its environment is built from nothing.

Here: what that process may know, and one tick of it. It gets the logins of its tier, the addresses
of its keys and the credentials of the providers; no login of another tier, no home, no state file.
The keyset is made and read in there and nowhere else.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import IO, Any

from sxe_pipeline import settings as environment
from sxe_pipeline.errors import StoreUnavailable
from sxe_pipeline.local import attach, interrupts
from sxe_pipeline.local.variables import dagster_home, pace, stores
from sxe_pipeline.settings import PROVIDERS, Settings
from sxe_pipeline.settings.variables import ENV, PRODUCTION
from sxe_pipeline.store import disk, key_files
from sxe_pipeline.store.sql import with_driver

ONCE, RECOVERY = "sxe_pipeline.local.contact_once", "sxe_pipeline.local.contact_recovery"
UMASK = 0o077
"""Of every process of the contact tier: what it writes is for its owner alone."""
STOP_S = 60
"""How long it may take to give its leases back."""


def variables(settings: Settings) -> dict[str, str]:
    """Everything that the contact process is told.

    Args:
        settings: With the logins of the contact tier and of Dagster.
    """
    env = reached(settings) | {"SXE_KEYSET": keyset(settings)}
    if not settings.is_production:
        env["SXE_SIGNING_KEY"] = key_files.contact_file(settings.home).as_uri()
    elif settings.signing_key:
        env["SXE_SIGNING_KEY"] = settings.signing_key
    for name, (address, _, credentials) in PROVIDERS.items():
        env[address] = settings.provider_urls[name]
        for key, variable in credentials.items():
            if value := settings.credentials[name].get(key):
                env[variable] = value
    if settings.apollo_sink_url:
        env["SXE_APOLLO_SINK_URL"] = settings.apollo_sink_url
    return env


def reached(settings: Settings) -> dict[str, str]:
    """What a process of the contact tier is told that calls nobody and signs nothing.

    Args:
        settings: With the logins of the contact tier and of Dagster.
    """
    env = {
        "PATH": "/usr/bin:/bin",
        "PYTHONUTF8": "1",
        "DAGSTER_HOME": str(dagster_home(settings)),
        "SXE_CONTACTS_DATABASE_URL": settings.need("contacts_dsn"),
        "DAGSTER_DATABASE_URL": settings.need("dagster_dsn"),
        "DAGSTER_STORAGE_URL": with_driver(settings.need("dagster_dsn"), "psycopg2"),
        **stores(settings, "contact_handoff_url"),
        **pace(settings),
        **environment.of_machine(),
    }
    if settings.is_production:
        env[ENV] = PRODUCTION
    if settings.contact_handoff_url.startswith("s3:"):
        env |= environment.object_store()
    return env


def keyset(settings: Settings) -> str:
    """The keyset of the contact tier: `SXE_KEYSET`, else the file of the home.

    Raises:
        BadConfig: It is not set, in production.
    """
    if settings.keyset is None:
        settings.refuse_to_make("keyset", "set SXE_KEYSET (`sxe keys keyset` makes one)")
    return settings.keyset or (settings.home / "keys" / "contacts.keyset").as_uri()


def run_once(settings: Settings) -> list[dict[str, Any]]:
    """One tick of the contact tier's sensor, and the runs that it asks for, in a child process.

    Args:
        settings: As loaded, before any login.

    Returns:
        One row per run: request_id, ok, failure, run_id.

    Raises:
        StoreUnavailable: The child could not do its work; its log says why.
    """
    return _run_child(settings, variables, ONCE)


def recover(settings: Settings, *, is_dry_run: bool) -> dict[str, Any]:
    """What the contact tier's store knows and the database lost, brought back by a child process.

    Args:
        settings: As loaded, before any login.
        is_dry_run: Only look.

    Returns:
        `number`, how far the store has counted; `batches` and `asks`, what was lost.

    Raises:
        StoreUnavailable: The child could not do its work; its log says why.
    """
    [found] = _run_child(settings, reached, RECOVERY, *(["--dry-run"] if is_dry_run else []))
    return found


def _run_child(
    settings: Settings, told: Callable[[Settings], dict[str, str]], module: str, *arguments: str
) -> list[dict[str, Any]]:
    with (
        attach.attached(settings, "contacts", "dagster") as held,
        # Files, not pipes: nobody reads while it is waited for.
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=told(held.settings),
            cwd="/",
            umask=UMASK,
            pass_fds=held.descriptors,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        # Interrupted, it is asked to end: killed, it would leave leases and a call to run out.
        code = interrupts.wait(child, patience_s=STOP_S)
        stdout, stderr = (_read(file) for file in (out, err))
    log = settings.home / "contact.log"
    disk.write_secret(log, stderr)
    if code:
        raise StoreUnavailable(f"the contact process could not run; {log} says why")
    return [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
