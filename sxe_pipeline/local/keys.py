"""The signing keys of a home, registered in the database: a retired one signs nothing more.

Here: which keys a home signs with. Not here: how a key is made, kept and used (`handoff.sign`).
"""

from collections.abc import Iterator
from datetime import datetime

import psycopg

from sxe_pipeline.errors import NotFound
from sxe_pipeline.handoff import record, sign
from sxe_pipeline.settings import Settings


def signers(settings: Settings) -> Iterator[sign.Signer]:
    """The keys of the social and of the contact tier, as far as this home holds them.

    Args:
        settings: As loaded, before any login. An embedded home makes a key that is missing, as its
            first batch would; beside database URLs none is invented.
    """
    home = settings.home
    if settings.signing_key or settings.is_embedded or sign.public_file(home).exists():
        yield sign.of_settings(settings)
    if settings.is_embedded or sign.contact_file(home).exists():
        yield sign.of_file(sign.contact_file(home))


def register(
    conn: psycopg.Connection, settings: Settings, *, actor: str, now: datetime
) -> dict[str, bool]:
    """Register the public halves of this home's keys, each with its audit event.

    Args:
        conn: The migrating login.
        settings: As loaded, before any login.
        actor: For the events.
        now: When the keys were first known.

    Returns:
        Key id -> whether it was new.

    Raises:
        NotFound: This home holds no key.
    """
    known = {
        signer.key_id: record.know_key(conn, signer, actor=actor, now=now)
        for signer in signers(settings)
    }
    if not known:
        raise NotFound("this home holds no signing key: `sxe keys create`, or set SXE_SIGNING_KEY")
    return known
