"""A keyset: its text, its file, and the keys in it.

Here: `SXE_KEYSET` in its two forms, and new keys beside old ones. Not here: what the keys do to a
value (`vault`), and which values are still of an old key (`reseal`).

Both halves of a keyset, 'aead' and 'lookup', change together: a value that was sealed by the
primary key of the one was hashed by the primary key of the other.
"""

import base64
import binascii
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import tink
from tink import aead, prf, secret_key_access

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.store.disk import read_or_create, replace

PREFIX = "sxe-keyset:"
HALVES = ("aead", "lookup")

UNUSABLE = (
    tink.TinkError, ValueError, TypeError, KeyError, AttributeError, RecursionError
)  # fmt: skip
"""What the parsers raise; their texts quote what they could not read."""


def generated() -> bytes:
    """The content of a new keyset: one key in each half. Secret."""
    aead.register()
    prf.register()
    made = (
        tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM),
        tink.new_keyset_handle(prf.prf_key_templates.HMAC_SHA256),
    )
    token = secret_key_access.TOKEN
    content = {
        half: json.loads(tink.json_proto_keyset_format.serialize(handle, token))
        for half, handle in zip(HALVES, made, strict=True)
    }
    return _written(content)


def rotated(content: bytes) -> bytes:
    """The same keyset with a new primary key in each half; the old ones still open and find.

    Raises:
        BadConfig: The content is no keyset.
    """
    both, new = _halves(content), _halves(generated())
    for half in HALVES:
        new[half]["key"] += both[half]["key"]
    if any(len({key["keyId"] for key in new[h]["key"]}) < len(new[h]["key"]) for h in HALVES):
        return rotated(content)  # a number was drawn that an old key has
    return _written(new)


def narrowed(content: bytes) -> bytes:
    """The same keyset with its primary keys alone: what older keys sealed does not open any more.

    Raises:
        BadConfig: The content is no keyset.
    """
    both = _halves(content)
    for half in HALVES:
        primary = both[half]["primaryKeyId"]
        both[half]["key"] = [key for key in both[half]["key"] if key["keyId"] == primary]
    return _written(both)


def text_of(content: bytes) -> str:
    """One line for `SXE_KEYSET`: secret."""
    return PREFIX + base64.b64encode(content).decode()


def file_of(text: str) -> Path | None:
    """The file that `SXE_KEYSET` names; None where it is the keyset itself.

    Raises:
        BadConfig: It begins with file: and names no absolute path.
    """
    if not text.startswith("file:"):
        return None
    parts = urlsplit(text)
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or not path.name:
        raise BadConfig("the keyset's file:// URL needs an absolute path, file:///path; correct it")
    return path


def content_of(text: str) -> bytes:
    """The content of a keyset in the form of `SXE_KEYSET`; a file is made at its first use.

    Raises:
        BadConfig: It is neither form, or the file cannot be read. The error does not repeat it.
    """
    if file := file_of(text):
        try:
            return read_or_create(file, generated)
        except OSError as error:
            kind = type(error).__name__
        raise BadConfig(f"the keyset file cannot be read or made ({kind}); correct SXE_KEYSET")
    content = _decoded(text)
    if content is None:
        raise BadConfig(
            f"the keyset is neither a file:///path nor '{PREFIX}' and base64; correct SXE_KEYSET"
        )
    return content


def keep(file: Path, content: bytes) -> None:
    """Put another content into a keyset file, whole or not at all."""
    replace(file, content)


def _halves(content: bytes) -> dict[str, Any]:
    try:
        both = json.loads(content)
        if all(both[half]["key"] and both[half]["primaryKeyId"] for half in HALVES):
            return {half: both[half] for half in HALVES}
    except UNUSABLE:
        pass
    raise BadConfig("the keyset does not hold an 'aead' and a 'lookup' keyset; restore it")


def _written(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _decoded(text: str) -> bytes | None:
    if not text.startswith(PREFIX):
        return None
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        return None
