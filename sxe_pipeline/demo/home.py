"""What the demo starts from: a home made anew, a database that holds nothing, and keys of its own.

Here: making and refusing. Nothing that another login or another run put into a managed database is
ever deleted. Not here: what is done in it (`run`).
"""

import shutil
from dataclasses import replace
from datetime import UTC, datetime

from sxe_pipeline import sandbox
from sxe_pipeline.errors import Refused
from sxe_pipeline.local import attach, keys
from sxe_pipeline.settings import DATABASES, Settings
from sxe_pipeline.store import disk, key_files, sql
from sxe_pipeline.store.roles import OWNER


def fresh(settings: Settings, *, is_generated: bool) -> Settings:
    """Make `SXE_HOME/demo` anew.

    Args:
        settings: Of this process: its home, and the logins where they are given.
        is_generated: The people are invented, so the sandbox's policy covers them.

    Returns:
        The settings of the demo, before this process took any login of them.

    Raises:
        BadConfig: Some logins are given and others not, or their database is not migrated.
        Refused: The given database holds something already, or this is production.
    """
    if settings.is_production:
        raise Refused("the demo invents people, and SXE_ENV says production; run it elsewhere")
    home = settings.home / "demo"
    given = replace(settings, signing_key=None, audit_signing_key=None).under(home)
    if not given.is_embedded:
        _require_empty(given)
    # Also where no home is left: the data of one that root removed may lie elsewhere.
    if given.is_embedded or (home / "postgres").exists():
        attach.stop(given, delete=True)
    if home.exists():
        shutil.rmtree(home)
    disk.private_folder(home / "landing")  # first: invented people land in a closed folder, too
    if not given.is_embedded:
        _make_keys(given)
    return replace(
        given,
        policy_file=sandbox.POLICY if is_generated else settings.policy_file,
        # Nobody lands files beside the demo, so it does not wait for more of them.
        pace=replace(settings.pace, settle=0),
    )


def readers(settings: Settings) -> dict[str, str | None]:
    """The logins of a managed database, the admin as the owner of everything in it."""
    return {settings.need(login): OWNER if login == "admin_dsn" else None for login in DATABASES}


def _require_empty(settings: Settings) -> None:
    """A given database is the demo's alone: invented people do not stand among real ones."""
    for login in DATABASES:
        settings.need(login)
    with sql.connect(settings.need("admin_dsn")) as conn:
        row = conn.execute(
            "select (select count(*) from ingest.landing_file), "
            "(select count(*) from social.card), (select count(*) from gate.principal)"
        ).fetchone()
    files, cards, people = row or (0, 0, 0)
    if files or cards or people:
        raise Refused(
            f"the database of these URLs holds {files} landing files, {cards} cards and {people} "
            "principals, and the demo invents people; give it an empty one, or leave "
            "out --managed"
        )


def _make_keys(settings: Settings) -> None:
    """What migrating an embedded home does; beside given URLs no other verb invents keys."""
    contact = key_files.of_file(key_files.contact_file(settings.home), key_files.CONTACT)
    made = ((key_files.of_home(settings.home), key_files.SOCIAL), (contact, key_files.CONTACT))
    with sql.connect(settings.need("admin_dsn")) as conn:
        now = datetime.now(UTC)
        keys.register(
            conn, [(signer.public_key, given) for signer, given in made], actor="demo", now=now
        )
