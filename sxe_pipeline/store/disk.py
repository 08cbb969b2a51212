"""What must be on the disk before Postgres may name it, or before a value depends on it.

A commit in Postgres survives a power cut; a file written a moment before does not, unless it was
flushed. Here: files of a local store and the key files of a home. Not here: an object store, which
answers when the object is safe; what a key is (`sign`, `contacts.vault`).
"""

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from sxe_pipeline.errors import BadConfig


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


def write_secret(file: Path, text: str, owner: tuple[int, int] | None = None) -> None:
    """Write a file for its owner alone, whole or not at all; one that is there is replaced.

    Args:
        file: Where.
        text: What.
        owner: User and group that get it; None is this process. Given by the descriptor: a name in
            another's folder may lead elsewhere by then.
    """
    replace(file, text.encode(), owner)


def private_folder(path: Path, mode: int = 0o700) -> None:
    """Make a folder where there is none: nobody else looks into it, or at what stands beside it.

    One that is there keeps its rights: whoever made it decides who reads there.

    Args:
        path: Missing folders above it can be walked through (0711), not listed.
        mode: 0711 for one that another user must walk through.
    """
    for above in reversed(path.parents):
        if not above.exists():
            above.mkdir(mode=0o711, exist_ok=True)
    path.mkdir(mode=mode, exist_ok=True)


def own_folder(
    path: Path, owner: tuple[int, int] | None = None, fill: Callable[[Path], None] | None = None
) -> None:
    """Make a folder that is ours alone, or refuse what stands in its place.

    Nothing that was found is changed: who knows the name first may have put there what he likes.

    Args:
        path: Where.
        owner: User and group that get a new one; None is this process.
        fill: What goes into a new one before anybody sees it.

    Raises:
        BadConfig: There is something else: a file, a link, a folder of another user, or one in
            which others may write.
    """
    if not os.path.lexists(path):
        new = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            if fill:
                fill(new)
            if owner:
                os.chown(new, *owner)
            new.rename(path)
        except OSError:
            shutil.rmtree(new, ignore_errors=True)
            if not os.path.lexists(path):  # else another process was first
                raise
    found, uid = path.lstat(), owner[0] if owner else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o022:
        raise BadConfig(
            f"{path} is not a folder of this installation alone: somebody else made it, or may "
            "write there; look what it is, remove it, then run this again"
        )


def replace(file: Path, content: bytes, owner: tuple[int, int] | None = None) -> None:
    """Another content for such a file, whole or not at all, on the disk before this returns."""
    _written(file, content, owner).replace(file)
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


def _written(file: Path, content: bytes, owner: tuple[int, int] | None = None) -> Path:
    """A file beside that one, for its owner alone."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
            if owner:
                os.fchown(out.fileno(), *owner)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return new
