"""What must be on the disk before Postgres may name it, or before a value depends on it.

A commit in Postgres survives a power cut; a file written a moment before does not, unless it was
flushed. Here: files of a local store and the key files of a home. Not here: an object store, which
answers when the object is safe; what a key is (`handoff.sign`, `contacts.vault`).
"""

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


def local_path(url: str) -> Path | None:
    """The folder behind a `file://` URL or a plain path; None for a remote store."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return None if parts.scheme else Path(url)


def flush(paths: Iterable[Path]) -> None:
    """Force files, and the folders that hold them, to the disk."""
    files = list(paths)
    for path in [*files, *sorted({file.parent for file in files})]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_or_create(file: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a file for its owner alone (0600, its folder 0700), made at the first use.

    The file is created whole or not at all, and is on the disk before this returns: what is signed
    or encrypted with a key must not outlive it. Of two processes the first one's content stays.

    Args:
        file: Where it is.
        make: The content of a new file; not called where there is one.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        _create(file, make())
    return file.read_bytes()


def replace(file: Path, content: bytes) -> None:
    """Another content for such a file, whole or not at all, on the disk before this returns."""
    _written(file, content).replace(file)
    flush([file])


def _create(file: Path, content: bytes) -> None:
    new = _written(file, content)
    try:
        os.link(new, file)
        flush([file])
    except FileExistsError:
        return
    finally:
        new.unlink(missing_ok=True)


def _written(file: Path, content: bytes) -> Path:
    """A file beside that one, for its owner alone."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return new
