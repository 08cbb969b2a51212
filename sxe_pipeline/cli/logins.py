"""How a verb gets to the database and to Dagster: by the logins it names, and no other.

Here: the contexts around a verb's one call. Not here: where the database is and how an embedded one
starts (`local.attach`). What is heavy is imported when a context is entered.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sxe_pipeline import settings
from sxe_pipeline.cli import progress
from sxe_pipeline.errors import Refused, SxeError

if TYPE_CHECKING:
    import psycopg


@contextmanager
def logged_in(*needed: str, optional: Collection[str] = ()) -> Iterator[settings.Settings]:
    """The settings of this process, logged in as a tier.

    Args:
        needed: Such as `social`; a verb asks for those of its tier.
        optional: What it does without where URLs are set, and this one is not.

    Yields:
        Settings with an address for each login that is needed or given; an embedded database stays
        up so long, and gives them all.
    """
    from sxe_pipeline.local import attach

    given = settings.load()
    if given.is_production:
        given.need_all(f"{login}_dsn" for login in needed)
    if given.is_embedded:
        progress.say("starting the embedded database")
    with attach.attached(given, *needed, *optional) as held:
        progress.say("")
        yield held.settings
        progress.say("")


@contextmanager
def api_connection() -> "Iterator[psycopg.Connection]":
    """A connection with the api's login: what anybody may look at."""
    from sxe_pipeline.store import sql

    with logged_in("api") as given, sql.connect(given.need("api_dsn")) as conn:
        yield conn


@contextmanager
def authenticated() -> "Iterator[tuple[psycopg.Connection, str]]":
    """The api's connection and the token that proves who types; a refusal is counted.

    Raises:
        BadConfig: `SXE_TOKEN` is not set; no database was started for that.
    """
    from sxe_pipeline.gate import people

    token = people.token_of(settings.load())
    with api_connection() as conn:
        try:
            yield conn, token
        except Refused:
            conn.rollback()
            with suppress(SxeError):  # what is said is why it was refused
                people.count_refusal(conn, token)
            raise


@contextmanager
def dagster_instance(given: settings.Settings) -> Iterator[Any]:
    """Dagster's instance on these settings, which need the login `dagster`.

    Args:
        given: From `logged_in`.

    Yields:
        The instance. The environment of this process becomes Dagster's, and stays so.
    """
    from sxe_pipeline.local import runs, variables

    given.need("dagster_dsn")  # without it Dagster speaks of its configuration
    settings.enter(variables.exports(given, variables.dagster_home(given)))
    with runs.instance() as instance:
        yield instance
