"""Put the user's own files into the landing store, under their collection and today's folder.

The landing tier is the only place that may hold unredacted rows, so a file that is ingested is
copied there first; one that already stands there stays where it is.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from sxe_pipeline.errors import BadInput, NotFound
from sxe_pipeline.store.disk import local_path
from sxe_pipeline.store.objects import Objects

DECLARATIONS = ("_collection.yaml", "_mapping.yaml")


def land(
    landing: Objects,
    paths: Sequence[Path],
    *,
    collection: str | None,
    day: date,
    dry_run: bool = False,
) -> int:
    """Copy files into `<collection>/<day>/<first 8 of SHA-256>-<name>`.

    Args:
        landing: The landing store.
        paths: Files, or folders with everything below them.
        collection: Their collection; None takes the name of the given folder, or of the folder
            that holds the given file.
        day: The landing day, unless the path below a given folder names one.
        dry_run: Only count.

    Returns:
        How many files are new in the store.

    Raises:
        NotFound: A path does not exist.
        BadInput: A folder is empty, or a path lies inside the landing store, whose files are
            registered as they are.
    """
    new, store = 0, local_path(landing.url)
    for path in paths:
        if not path.exists():
            raise NotFound("a given path does not exist; check the command line")
        if store is not None and path.resolve().is_relative_to(store.resolve()):
            raise BadInput(
                "a given path lies in the landing store; run `sxe build`, which registers it"
            )
        root = path if path.is_dir() else path.parent
        name = collection or root.resolve().name
        files = list(_files(path))
        if not files:
            raise BadInput(
                "a given folder holds no file; put JSON Lines, JSON, CSV or Parquet into it"
            )
        for file in files:
            data = file.read_bytes()
            key = _key(name, file.relative_to(root), data, day)
            if dry_run:
                new += not landing.exists(key)
            else:
                new += landing.put_new(key, data)
    return new


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    yield from sorted(p for p in path.rglob("*") if p.is_file())


def _key(collection: str, inside: Path, data: bytes, day: date) -> str:
    if inside.name in DECLARATIONS:
        return f"{collection}/{inside.name}"
    digest = hashlib.sha256(data).hexdigest()[:8]
    folders = [part for part in inside.parts[:-1] if part != "."]
    days = [part for part in folders if _is_day(part)]
    return "/".join([collection, *(days or [day.isoformat()]), f"{digest}-{inside.name}"])


def _is_day(part: str) -> bool:
    try:
        date.fromisoformat(part)
    except ValueError:
        return False
    return len(part) == 10
