"""What an operator does with the keyset of the contact tier.

Here: the three steps of a rotation. Not here: typing them (`sxe keys`), one value (`vault`), one
batch of values (`reseal`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from sxe_pipeline.contacts import keyset, reseal
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.errors import Refused


@dataclass(frozen=True)
class Keys:
    """A keyset in the form of `SXE_KEYSET`. Its `repr` shows nothing."""

    text: str

    def __repr__(self) -> str:
        return "Keys()"

    def rotated(self) -> str | None:
        """The keyset with a new primary key; None where it stands in its file already.

        Raises:
            BadConfig: It cannot be used.
        """
        Vault.of(self.text)
        return self._kept(keyset.rotated(keyset.content_of(self.text)))

    def narrowed(self, conn: psycopg.Connection) -> str | None:
        """The keyset without its old keys; None where it stands in its file already.

        Args:
            conn: The contact tier's login.

        Raises:
            Refused: Stored values are of an old key yet.
        """
        if left := reseal.left(conn, Vault.of(self.text)):
            raise Refused(
                f"{left} contact values are of an old key and would be lost; type `sxe keys "
                "reseal` first"
            )
        return self._kept(keyset.narrowed(keyset.content_of(self.text)))

    def reseal(
        self, conn: psycopg.Connection, reached: Callable[[int], None] = lambda points: None
    ) -> reseal.Resealed:
        """Seal every value of an old key anew; see `reseal.reseal`."""
        return reseal.reseal(conn, Vault.of(self.text), reached=reached)

    def _kept(self, content: bytes) -> str | None:
        if file := keyset.file_of(self.text):
            keyset.keep(file, content)
            return None
        return keyset.text_of(content)


def new() -> str:
    """A new keyset in the form of `SXE_KEYSET`: secret."""
    return keyset.text_of(keyset.generated())
