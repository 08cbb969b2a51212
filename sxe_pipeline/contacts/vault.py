"""Contact values at rest: encrypted, and found again by a keyed hash.

Here: the keyset, its text and its file, and what it does to one value. Not here: which rows there
are (`store`), and what a canonical value is (`normalise`): `blind_index` hashes any text as it is.

The two halves of a keyset live differently. Encryption rotates: the primary key encrypts, every
key of the keyset decrypts. The hash does not: a new primary there finds no old row, so all rows
have to be hashed anew with it.
"""

import base64
import binascii
import json
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

import tink
from tink import aead, prf, secret_key_access

from sxe_pipeline.errors import BadConfig, BadInput, Tampered
from sxe_pipeline.store.disk import read_or_create

PREFIX = "sxe-keyset:"
KINDS = ("email", "phone")

_HASH_BYTES = 32
_UNUSABLE = (tink.TinkError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class Vault:
    """Both halves of a keyset. Its `repr` shows nothing, and no error holds a value."""

    __slots__ = ("_aead", "_prf")

    def __init__(self, encryption: aead.Aead, hashing: prf.Prf) -> None:
        self._aead, self._prf = encryption, hashing

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
        text = text.strip()
        if text.startswith("file:"):
            return _opened(_content_of(_path(text)))
        content = _decoded(text)
        if content is None:
            raise BadConfig(
                f"the keyset is neither a file:///path nor '{PREFIX}' and base64; "
                "correct SXE_KEYSET"
            )
        return _opened(content)

    @classmethod
    def generate_text(cls) -> str:
        """A new keyset as one line for `SXE_KEYSET`: secret."""
        return PREFIX + base64.b64encode(_generated()).decode()

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
        hashed: bytes = self._prf.compute(_known(kind) + b"\0" + _bytes(value), _HASH_BYTES)
        return hashed


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


def _generated() -> bytes:
    aead.register()
    prf.register()
    made = {
        "aead": tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM),
        "lookup": tink.new_keyset_handle(prf.prf_key_templates.HMAC_SHA256),
    }
    token = secret_key_access.TOKEN
    content = {
        name: json.loads(tink.json_proto_keyset_format.serialize(handle, token))
        for name, handle in made.items()
    }
    return json.dumps(content, separators=(",", ":")).encode()


def _opened(content: bytes) -> Vault:
    """Raises without a cause: the errors of the parsers quote what they could not read."""
    aead.register()
    prf.register()
    token = secret_key_access.TOKEN
    try:
        both = json.loads(content)
        handles = [
            tink.json_proto_keyset_format.parse(json.dumps(both[name]), token)
            for name in ("aead", "lookup")
        ]
        vault = Vault(handles[0].primitive(aead.Aead), handles[1].primitive(prf.PrfSet).primary())
        # A keyset of another function has the form as well, and would fail at the first value.
        vault.blind_index(KINDS[0], "")
        vault.encrypt(UUID(int=0), KINDS[0], "")
        return vault
    except _UNUSABLE:
        pass
    raise BadConfig(
        "the keyset does not hold an 'aead' and a 'lookup' keyset that can be used; restore it: "
        "with a new one no stored value can be decrypted"
    )


def _decoded(text: str) -> bytes | None:
    if not text.startswith(PREFIX):
        return None
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        return None


def _path(url: str) -> Path:
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or not path.name:
        raise BadConfig("the keyset's file:// URL needs an absolute path, file:///path; correct it")
    return path


def _content_of(file: Path) -> bytes:
    try:
        return read_or_create(file, _generated)
    except OSError as error:
        kind = type(error).__name__
    raise BadConfig(f"the keyset file cannot be read or made ({kind}); correct SXE_KEYSET")
