"""Ed25519 keys: make, store, name and sign with them.

Here: the text forms of keys and the embedded default key file. Which keys have signed is in
`handoff.signing_key`; a consumer pins the public key and never takes it from beside a batch.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sxe_pipeline.errors import BadConfig, BadInput
from sxe_pipeline.settings import Settings
from sxe_pipeline.store.disk import read_or_create

PREFIX = "sxe-signing:"
CONTRACTS = "SXE-Contracts:"
"""Begins a line before the PEM, which readers of PEM skip: what the key may sign, if it says so."""

SOCIAL, CONTACT = ("lead_card",), ("lead_contact",)
"""What the two keys of an embedded home sign: a tier's key signs no other tier's batches."""


class Signer:
    """A private key. Its `repr` shows the key id only."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key()
        self.key_id = key_id(self.public_key)

    def __repr__(self) -> str:
        return f"Signer({self.key_id[:12]})"

    @classmethod
    def generate(cls) -> "Signer":
        """A new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_text(cls, text: str) -> "Signer":
        """The key in the form of `SXE_SIGNING_KEY`.

        Raises:
            BadConfig: It is none. The message does not repeat it.
        """
        text = text.strip()
        try:
            raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
            if not text.startswith(PREFIX):
                raise ValueError
            return cls(Ed25519PrivateKey.from_private_bytes(raw))
        except (ValueError, binascii.Error):
            pass
        raise BadConfig(
            f"the signing key is not '{PREFIX}' and 32 bytes in base64; `sxe keys create` makes one"
        )

    def text(self) -> str:
        """The key in the form of `SXE_SIGNING_KEY`: one line, secret."""
        return PREFIX + base64.b64encode(self._key.private_bytes_raw()).decode()

    def public_pem(self, contracts: Sequence[str] = ()) -> bytes:
        """The public key as PEM: what a consumer pins.

        Args:
            contracts: What batches it is pinned for; none leaves that open.
        """
        pem = self.public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"{CONTRACTS} {' '.join(contracts)}\n".encode() + pem if contracts else pem

    def sign(self, message: bytes) -> bytes:
        """The signature; the same message always gives the same one."""
        return self._key.sign(message)


def key_id(public_key: Ed25519PublicKey) -> str:
    """SHA-256 of the 32 bytes of the public key."""
    return hashlib.sha256(public_key.public_bytes_raw()).hexdigest()


def public_key(pem: bytes) -> Ed25519PublicKey:
    """The public key in a PEM file.

    Raises:
        BadInput: The file holds no Ed25519 public key.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput(
            "the key file holds no Ed25519 public key in PEM form; ask the sender for it"
        )
    return key


def contracts_of(pem: bytes) -> tuple[str, ...]:
    """What batches the key in a PEM file is pinned for; empty where the file does not say."""
    lines = pem.partition(b"-----BEGIN")[0].decode(errors="replace").splitlines()
    said = [line.removeprefix(CONTRACTS) for line in lines if line.startswith(CONTRACTS)]
    return tuple(name for line in said for name in line.split())


def of_settings(settings: Settings) -> Signer:
    """The signer of this process: `SXE_SIGNING_KEY`, else the key file of its home.

    The setting holds a key, or `file:///path` of a key file that is made at the first use.

    Raises:
        BadConfig: The setting or the key file holds no key.
    """
    text = settings.signing_key
    if text is None:
        settings.refuse_to_make("signing key", "set SXE_SIGNING_KEY (`sxe keys create --print`)")
        return of_home(settings.home)
    if text.startswith("file://"):
        settings.refuse_to_make("signing key", "set SXE_SIGNING_KEY to the key itself")
        return of_file(Path(unquote(urlsplit(text).path)))
    return Signer.from_text(text)


def of_home(home: Path) -> Signer:
    """The embedded default: `keys/signing.key` below the home."""
    return of_file(home / "keys" / "signing.key", SOCIAL)


def of_file(file: Path, contracts: Sequence[str] = ()) -> Signer:
    """The key in a file (0600), made at the first use; its public key lies beside it as `.pub`.

    Args:
        file: Of the private key.
        contracts: What the public file says that it is pinned for, where it is made here.

    Raises:
        BadConfig: The key file holds no key.
    """
    text = read_or_create(file, lambda: Signer.generate().text().encode())
    signer = Signer.from_text(text.decode(errors="replace"))
    public = file.with_suffix(".pub")
    if not public.exists() or signer.public_pem() not in public.read_bytes():
        public.write_bytes(signer.public_pem(contracts))
    return signer


def public_file(home: Path) -> Path:
    """Where the embedded default keeps its public key: what a consumer receives to pin."""
    return home / "keys" / "signing.pub"


def contact_file(home: Path) -> Path:
    """The embedded default of the contact tier's own key."""
    return home / "keys" / "contact.key"
