"""The API on a port of this machine or container, until it is asked to end.

Here: what it is told, and its end. Not here: what it answers (`web`).
"""

import contextlib
from collections.abc import Callable

from sxe_pipeline.errors import StoreUnavailable
from sxe_pipeline.local import attach, family
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline.web import app, server
from sxe_pipeline.web.asking import Serving
from sxe_pipeline.web.database import Database


def run(settings: Settings, *, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, and then what is under way; a second signal ends at once.

    Args:
        settings: As loaded; an embedded database is started, with the login `serve` alone.
        host: The interface.
        port: Of it.
        say: Takes the address once it answers.

    Raises:
        BadConfig: The login is not set, or the database was not migrated by this package.
        BadInput: Nobody can listen there: the port is taken, or the host is none of this machine.
        Refused: The database was changed by hand.
    """
    family.must_be_free((host, port))
    named = f"[{host}]" if ":" in host else host
    stop = family.Stop()
    with attach.attached(settings, "serve") as held:
        dsn = held.settings.need("serve_dsn")
        # A database that is away now is found when it is back; one that is not ours never is.
        with contextlib.suppress(StoreUnavailable):
            sql.connect(dsn, application_name="sxe serve").close()
        database = Database(dsn)
        objects = Objects(held.settings.handoff_url, is_patient=False)
        serving = Serving(database, objects, _lender(settings))
        try:
            made = app.make(serving)
            server.server(made, host, port, stop, lambda: say(f"http://{named}:{port}")).run()
        finally:
            serving.close()


def _lender(settings: Settings) -> tuple[str, str] | None:
    """Whom to ask for addresses of contact files; None: nobody."""
    if settings.presign_url and settings.presign_secret:
        return settings.presign_url, settings.presign_secret
    return None
