"""What must be on the disk before Postgres may name it.

A commit in Postgres survives a power cut; a file written a moment before does not, unless it was
flushed. Local stores only: an object store answers when the object is safe.
"""

import os
from collections.abc import Iterable
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
