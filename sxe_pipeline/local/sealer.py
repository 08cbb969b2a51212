"""The process that seals the audit log: without Dagster, by a login and a key of its own.

Here: when it is sealed, and what this process may know. Not here: how (`audit.seal`).
"""

import contextlib
import time
from collections.abc import Callable

import psycopg

from sxe_pipeline import settings as environment
from sxe_pipeline.audit import seal
from sxe_pipeline.errors import Busy, SxeError
from sxe_pipeline.local import attach, family, health, variables
from sxe_pipeline.settings import Settings
from sxe_pipeline.settings.variables import ENV, PRODUCTION
from sxe_pipeline.store import key_files, sql
from sxe_pipeline.store.objects import Objects

EVERY_S = 60
"""Between two seals, where fewer events wait than one holds."""
LOOK_S = 2
AGAIN_S = 10
"""After a failure."""


def once(settings: Settings) -> seal.Sealed:
    """Seal all that waits.

    Args:
        settings: As loaded, before any login.

    Raises:
        Busy: Another sealer is at it.
        Refused: The store holds a checkpoint that is not of this database.
        StoreUnavailable: The database or the store cannot be reached.
    """
    with (
        attach.attached(settings, "sealer") as held,
        contextlib.closing(_Sealer(held.settings)) as s,
    ):
        done = seal.Sealed()
        while (more := s.tick()).seals:
            done += more
        return done + more


def run(
    settings: Settings, *, health_host: str, health_port: int, say: Callable[[str], None]
) -> None:
    """Seal until SIGINT or SIGTERM: every minute, or as soon as one seal is full.

    Args:
        settings: As loaded, before any login.
        health_host: Of the answers to `/livez` and `/readyz`.
        health_port: 0 is none.
        say: Takes what an operator wants to know, line by line.
    """
    stop = family.Stop()
    with (
        attach.attached(settings, "sealer") as held,
        health.served(health_host, health_port) as spoken,
        contextlib.closing(_Sealer(held.settings)) as sealer,
    ):
        due, looked, said, is_well = 0.0, 0.0, "", False
        while not stop.asked:
            now = time.monotonic()
            try:
                if now >= due or (not said and now - looked >= LOOK_S):
                    looked = now
                    held.keep_up()
                    if now >= due or sealer.is_full():
                        done = sealer.tick()
                        due, said, is_well = now + EVERY_S, "", True
                        if done.seals or done.anchored:
                            say(done.sentence())
            except (psycopg.Error, SxeError) as error:
                due, is_well = now + AGAIN_S, isinstance(error, Busy)
                sealer.close()
                text = str(error) if isinstance(error, SxeError) else "the database went away"
                if text != said:
                    say(text)
                said = text
            spoken.beat(is_ready=is_well)
            time.sleep(0.5)


def told(settings: Settings) -> dict[str, str]:
    """Everything that the process is told where another one starts it.

    Args:
        settings: With the login of who seals.
    """
    key = settings.audit_signing_key or key_files.audit_file(settings.home).as_uri()
    env = {
        "PATH": "/usr/bin:/bin",
        "PYTHONUTF8": "1",
        environment.DATABASES["sealer_dsn"]: settings.need("sealer_dsn"),
        "SXE_AUDIT_SIGNING_KEY": key,
        **variables.stores(settings, "audit_url"),
        **environment.of_machine(),
    }
    if settings.is_production:
        env[ENV] = PRODUCTION
    if settings.audit_url.startswith("s3:"):
        env |= environment.object_store()
    return env


class _Sealer:
    """A connection that is opened when it is needed, the store and the key."""

    def __init__(self, settings: Settings) -> None:
        self._dsn = settings.need("sealer_dsn")
        self._signer = key_files.audit_of_settings(settings)
        # Whoever asks whether this process lives does not wait for minutes of other tries.
        self._store = Objects(settings.audit_url, is_patient=False)
        self._conn: psycopg.Connection | None = None

    def tick(self) -> seal.Sealed:
        return seal.tick(self._connected(), self._store, self._signer)

    def is_full(self) -> bool:
        return seal.waiting(self._connected()) >= seal.BATCH

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()
        self._conn = None

    def _connected(self) -> psycopg.Connection:
        if self._conn is None:
            self._conn = sql.connect(self._dsn, application_name="sxe seal")
            self._conn.autocommit = True
        return self._conn
