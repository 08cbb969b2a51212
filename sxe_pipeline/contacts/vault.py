"""Contact values at rest: encrypted, and found again by a keyed hash.

Here: what a keyset does to one value. Not here: its text and its keys (`keyset`), which rows there
are (`points`), and what a canonical value is (`normalise`): `blind_index` hashes any text as it is.

Both halves of a keyset rotate: the primary key encrypts and hashes, every key decrypts, and a
look-up asks for the hash of every key (`blind_indexes`) until all rows are of the primary one
(`reseal`).
"""

import json
from uuid import UUID

import tink
from tink import aead, prf, secret_key_access

from sxe_pipeline.contacts import keyset
from sxe_pipeline.contacts.keyset import PREFIX
from sxe_pipeline.errors import BadConfig, BadInput, Tampered

__all__ = ["KINDS", "PREFIX", "Vault"]

KINDS = ("email", "phone")

_HASH_BYTES = 32


class Vault:
    """Both halves of a keyset. Its `repr` shows nothing, and no error holds a value."""

    __slots__ = ("_aead", "_prfs", "seal_mark")

    def __init__(self, encryption: aead.Aead, hashing: prf.PrfSet, seal_mark: bytes) -> None:
        """Both primitives of an opened keyset.

        Args:
            encryption: Of the first half.
            hashing: Of the second.
            seal_mark: How whatever the primary key encrypts begins; it names the key.
        """
        self._aead, self._prfs, self.seal_mark = encryption, hashing, seal_mark

    def __repr__(self) -> str:
        return "Vault()"

    @classmethod
    def of(cls, text: str) -> "Vault":
        """The vault of a keyset in the form of `SXE_KEYSET`.

        Args:
            text: `file:///path`, made at the first use, or `sxe-keyset:` and the same content in
                base64.

        Raises:
            BadConfig: The keyset cannot be used. The error does not repeat it.
        """
        return _opened(keyset.content_of(text.strip()))

    @classmethod
    def generate_text(cls) -> str:
        """A new keyset as one line for `SXE_KEYSET`: secret."""
        return keyset.text_of(keyset.generated())

    def encrypt(self, contact_point_id: UUID, kind: str, value: str) -> bytes:
        """The value as it is stored; the same value never gives the same bytes.

        Args:
            contact_point_id: The row that the bytes are bound to.
            kind: One of `KINDS`.
            value: The canonical value.

        Raises:
            BadInput: The kind is unknown, or the value is no text that can be stored.
        """
        sealed: bytes = self._aead.encrypt(_bytes(value), _bound_to(contact_point_id, kind))
        return sealed

    def decrypt(self, contact_point_id: UUID, kind: str, sealed: bytes) -> str:
        """The value of exactly this contact point and kind.

        Args:
            contact_point_id: The row that the bytes were bound to.
            kind: The kind that they were bound to.
            sealed: The stored bytes.

        Raises:
            Tampered: The bytes were changed, belong to another row, or to another keyset.
        """
        bound = _bound_to(contact_point_id, kind)
        try:
            plain: bytes = self._aead.decrypt(bytes(sealed), bound)
            return plain.decode()
        except (tink.TinkError, UnicodeDecodeError):
            pass
        raise Tampered(
            f"contact point {contact_point_id} does not open; it was changed, moved from another "
            "row, or written under another keyset: check SXE_KEYSET, then restore the row"
        )

    def blind_index(self, kind: str, value: str) -> bytes:
        """32 bytes that are equal for equal canonical values of one kind, and reveal nothing else.

        Raises:
            BadInput: The kind is unknown, or the value is no text that can be stored.
        """
        return self.blind_indexes(kind, value)[0]

    def blind_indexes(self, kind: str, value: str) -> list[bytes]:
        """What a row of the value may be found by: the hash of each key, the primary one's first.

        Raises:
            As `blind_index`.
        """
        hashed = _known(kind) + b"\0" + _bytes(value)
        primary = self._prfs.primary_id()
        keys = sorted(self._prfs.all().items(), key=lambda item: item[0] != primary)
        return [each.compute(hashed, _HASH_BYTES) for _, each in keys]


def _known(kind: str) -> bytes:
    if kind not in KINDS:
        raise BadInput(f"a contact point is one of {', '.join(KINDS)}; correct its kind")
    return kind.encode()


def _bytes(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        pass  # its own text holds the value
    raise BadInput("a contact value holds half a character; read the provider's answer as UTF-8")


def _bound_to(contact_point_id: UUID, kind: str) -> bytes:
    """The associated data: 16 bytes and the kind, so no two rows can share it."""
    return contact_point_id.bytes + _known(kind)


def _opened(content: bytes) -> Vault:
    """Raises without a cause: the errors of the parsers quote what they could not read."""
    aead.register()
    prf.register()
    token = secret_key_access.TOKEN
    try:
        both = json.loads(content)
        handles = [
            tink.json_proto_keyset_format.parse(json.dumps(both[half]), token)
            for half in keyset.HALVES
        ]
        # Tink's output begins with a version and the key's number.
        mark = b"\x01" + int(both["aead"]["primaryKeyId"]).to_bytes(4, "big")
        vault = Vault(handles[0].primitive(aead.Aead), handles[1].primitive(prf.PrfSet), mark)
        # A keyset of another function has the form as well, and would fail at the first value.
        vault.blind_index(KINDS[0], "")
        if vault.encrypt(UUID(int=0), KINDS[0], "").startswith(mark):
            return vault
    except (*keyset.UNUSABLE, OverflowError):
        pass
    raise BadConfig(
        "the keyset does not hold an 'aead' and a 'lookup' keyset that can be used; restore it: "
        "with a new one no stored value can be decrypted"
    )
