"""Contact values of an older key are sealed anew by the primary one, batch by batch.

Here: the job. Each batch is one transaction with its event, and what is done is seen from the rows
themselves: a run that was killed is simply run again. Not here: making the new key (`keyset`), and
the change of rows (a function of the database).
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import psycopg

from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.errors import Tampered
from sxe_pipeline.store.functions import call_function

MOST = 500
"""Values in one transaction."""


@dataclass(frozen=True)
class Resealed:
    """What a run did.

    Attributes:
        points: Values that were sealed anew.
        left: Values that are still of another key, such as those that a process wrote meanwhile.
    """

    points: int
    left: int


def reseal(
    conn: psycopg.Connection,
    vault: Vault,
    *,
    most: int = MOST,
    reached: Callable[[int], None] = lambda points: None,
) -> Resealed:
    """Seal every value that is not of the primary key.

    Args:
        conn: The contact tier's login, outside of a transaction.
        vault: Of the whole keyset; no process may run with an older one by now.
        most: Values in one transaction.
        reached: Told after each batch how many are done.

    Raises:
        Tampered: Some values do not open under any key; all others are done.
    """
    done, closed, last = 0, 0, UUID(int=0)
    while True:
        with conn.transaction():
            rows = conn.execute(
                "select contact_point_id, kind, ciphertext from contacts.contact_point "
                "where contact_point_id > %s and substr(ciphertext, 1, 5) <> %s "
                "order by contact_point_id limit %s",
                [last, vault.seal_mark, most],
            ).fetchall()
            made = [row for row in (_anew(vault, *each) for each in rows) if row]
            if made:
                ids, sealed, hashed = (list(column) for column in zip(*made, strict=True))
                done += call_function(
                    conn, "contacts.reseal_points", ids, sealed, hashed, vault.seal_mark
                )
        if not rows:
            break
        closed += len(rows) - len(made)
        last = rows[-1][0]
        reached(done)
    if closed:
        raise Tampered(
            f"{closed} contact points do not open under any key of the keyset, {done} others were "
            "sealed anew; restore them, or the key that is missing in SXE_KEYSET, then run it again"
        )
    return Resealed(done, left(conn, vault))


def left(conn: psycopg.Connection, vault: Vault) -> int:
    """How many values are not of the primary key."""
    row = conn.execute(
        "select count(*) from contacts.contact_point where substr(ciphertext, 1, 5) <> %s",
        [vault.seal_mark],
    ).fetchone()
    conn.commit()
    return row[0] if row else 0


def _anew(
    vault: Vault, point: UUID, kind: str, ciphertext: bytes
) -> tuple[UUID, bytes, bytes] | None:
    try:
        value = vault.decrypt(point, kind, ciphertext)
    except Tampered:
        return None
    return point, vault.encrypt(point, kind, value), vault.blind_index(kind, value)
