"""The public halves of the keys that sign, registered in the database.

Here: which keys a home signs with. Not here: how a key signs (`sign`), where it
is kept (`store.key_files`).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import sign
from sxe_pipeline.errors import NotFound
from sxe_pipeline.handoff import record
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import key_files

Key = tuple[Ed25519PublicKey, tuple[str, ...]]
"""A public key and the contracts that it signs; none is any."""


def of_home(settings: Settings) -> Iterator[Key]:
    """The public keys of the social and of the contact tier, as far as this home holds them.

    Args:
        settings: As loaded, before any login. An embedded home makes a key that is missing, as its
            first batch would; beside database URLs none is invented.
    """
    home = settings.home
    if settings.signing_key or settings.is_embedded or key_files.public_file(home).exists():
        for signer in key_files.of_settings(settings).all:
            yield signer.public_key, key_files.SOCIAL
    if settings.is_embedded or key_files.contact_file(home).exists():
        for signer in key_files.of_file(key_files.contact_file(home), key_files.CONTACT).all:
            yield signer.public_key, key_files.CONTACT


def refuse_unfit(conn: psycopg.Connection, public_keys: Iterable[Key]) -> None:
    """Before keys are registered by hand: for contracts that there are, and as they stand.

    Args:
        conn: The migrating login.
        public_keys: As for `register`.

    Raises:
        BadInput: No key signs a contract of that name.
        Conflict: A key is registered for other contracts.
    """
    for public_key, contracts in public_keys:
        key_files.refuse_unknown(contracts)
        record.refuse_other(conn, public_key, contracts)


def register(
    conn: psycopg.Connection,
    public_keys: Iterable[Key],
    *,
    actor: str,
    now: datetime,
) -> dict[str, bool]:
    """Register public keys, each with its audit event.

    Args:
        conn: The migrating login.
        public_keys: What consumers pin, and for which contracts.
        actor: For the events.
        now: When the keys were first known.

    Returns:
        Key id -> whether it was new.

    Raises:
        NotFound: There is no key at all.
    """
    known = {
        sign.key_id(public_key): record.know_key(
            conn, public_key, contracts=contracts, actor=actor, now=now
        )
        for public_key, contracts in public_keys
    }
    if not known:
        raise NotFound(
            "this home holds no signing key: `sxe keys create` makes one; or give the file that "
            "`sxe keys public` printed where the key is"
        )
    return known
