"""Ed25519 keys and what they sign: DSSE envelopes.

Here: the text forms of keys, sealing a payload and opening an envelope with pinned keys. Where a
key is kept is `store.key_files`'s; which keys have signed is in `handoff.signing_key`. A consumer
pins the public key and never takes it from beside what it signed.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Sequence
from itertools import product

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sxe_pipeline.errors import BadConfig, BadInput, Tampered

PREFIX = "sxe-signing:"
CONTRACTS = "SXE-Contracts:"
"""Begins a line before the PEM, which readers of PEM skip: what the key may sign, if it says so."""


class Signer:
    """Who signs: a private key, and those beside it. Its `repr` shows an id only.

    `beside`: keys that it replaces, which sign along so that whoever pinned one of them goes on.
    """

    def __init__(self, key: Ed25519PrivateKey, beside: Sequence["Signer"] = ()) -> None:
        self._key = key
        self.public_key = key.public_key()
        self.key_id = key_id(self.public_key)
        self.beside = tuple(beside)

    @property
    def all(self) -> tuple["Signer", ...]:
        """Every key that signs, the current one first."""
        return (self, *self.beside)

    def __repr__(self) -> str:
        return f"Signer({self.key_id[:12]})"

    @classmethod
    def generate(cls) -> "Signer":
        """A new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_text(cls, text: str) -> "Signer":
        """The key in the form of `SXE_SIGNING_KEY`, or several with white space between.

        Of several the first is the current one.

        Raises:
            BadConfig: One is none, or stands twice. The message repeats none.
        """
        current, *beside = [cls._of_word(word) for word in text.split()] or [cls._of_word("")]
        if len({one.key_id for one in (current, *beside)}) <= len(beside):
            raise BadConfig("a signing key stands twice; name each once, the current one first")
        current.beside = tuple(beside)
        return current

    @classmethod
    def _of_word(cls, text: str) -> "Signer":
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
        """The keys in the form of `SXE_SIGNING_KEY`, a line each: secret."""
        words = (base64.b64encode(one._key.private_bytes_raw()).decode() for one in self.all)
        return "\n".join(PREFIX + word for word in words)

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


def sha256(data: bytes) -> str:
    """The hash of an envelope, in hex: what names it elsewhere."""
    return hashlib.sha256(data).hexdigest()


def canonical(value: object) -> bytes:
    """JSON of one form: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def envelope(payload_type: str, payload: bytes, signers: Sequence[Signer]) -> bytes:
    """A DSSE envelope: the same bytes for the same payload and keys.

    Args:
        payload_type: The media type of the payload; it is signed along.
        payload: What is signed.
        signers: Each signs all of it; while a key is being replaced there are two.
    """
    message = pae(payload_type, payload)
    return canonical(
        {
            "payloadType": payload_type,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [
                {"keyid": one.key_id, "sig": base64.b64encode(one.sign(message)).decode()}
                for one in signers
            ],
        }
    )


def opened(
    data: bytes, payload_type: str, public_keys: Collection[Ed25519PublicKey], *, what: str
) -> bytes:
    """The payload of an envelope that one of the keys signed.

    Args:
        data: The envelope.
        payload_type: The only one that is taken.
        public_keys: Pinned. Signatures of other keys are passed over; of these, all must hold.
        what: What it is, for the error, such as 'manifest'.

    Raises:
        Tampered: It is no envelope, of another type, of no such key, or a signature does not hold.
    """
    try:
        read = json.loads(data)
        if set(read) != {"payloadType", "payload", "signatures"}:
            raise ValueError
        payload = base64.b64decode(read["payload"], validate=True)
        signed = [
            (key, base64.b64decode(entry["sig"], validate=True))
            for entry, key in product(read["signatures"], public_keys)
            if entry["keyid"] == key_id(key)
        ]
        is_ours = read["payloadType"] == payload_type
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error, RecursionError):
        raise Tampered(f"the {what} is no signed envelope; do not use it") from None
    if not signed or not is_ours:
        raise Tampered(f"the {what} was not signed with the given key; do not use it")
    for key, signature in signed:
        try:
            key.verify(signature, pae(payload_type, payload))
        except InvalidSignature:
            raise Tampered(f"the signature of the {what} does not hold; do not use it") from None
    return payload


def unchecked(data: bytes) -> bytes:
    """The payload of an envelope of our own; its signature is not checked."""
    return base64.b64decode(json.loads(data)["payload"])


def key_ids(data: bytes) -> frozenset[str]:
    """Whose signatures an envelope holds, as it says; none where it is no envelope."""
    try:
        return frozenset(str(entry["keyid"]) for entry in json.loads(data)["signatures"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return frozenset()


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
