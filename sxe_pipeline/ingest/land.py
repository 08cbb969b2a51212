"""Put the user's own files into the landing store, under their collection and their day's folder.

The landing tier is the only place that may hold unredacted rows, so a file that is ingested is
copied there first; one that already stands there stays where it is. Not here: which files of a
folder are data, and of which collection (`given`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest import given, naming
from sxe_pipeline.redact import holds_contact
from sxe_pipeline.store.disk import local_path
from sxe_pipeline.store.objects import Objects


@dataclass(frozen=True, slots=True)
class Landed:
    """What one call put into the landing store.

    `new` counts files, `unreadable` those that could not be opened. `keys` names all that were
    handed in, new or not; `declarations` counts what was new or has changed.
    """

    new: int
    collections: Sequence[str]
    keys: frozenset[str]
    declarations: int = 0
    unreadable: int = 0


def land(
    landing: Objects,
    paths: Sequence[Path],
    *,
    collection: str | None,
    day: date,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda files: None,
) -> Landed:
    """Copy files into `<collection>/<day>/<first 8 of SHA-256>-<name>`.

    A declaration replaces the one that its collection had.

    Args:
        landing: The landing store.
        paths: Files, or folders with everything below them.
        collection: Their collection; None tells it from the folders (`given.files`).
        day: The landing day, unless a folder between names one.
        dry_run: Only count.
        progress: Told of each file that was looked at.

    Raises:
        NotFound: A path does not exist.
        BadInput: A path holds no data, or lies inside the landing store, whose files are registered
            as they are.
    """
    new = unreadable = 0
    keys: set[str] = set()
    found: list[given.Given] = []
    for path in paths:
        _refuse_landed(landing, path)
        inside = list(given.files(path, collection))
        if not inside:
            raise BadInput(
                "a given path holds no data (hidden, partial and marker files do not count); put "
                "JSON Lines, JSON, CSV or Parquet into it"
            )
        found += inside
    _refuse_contacts(found)
    # Before the files: none of them may be read without what its collection says of itself.
    declared = [
        _declare(landing, f"{name}/{file.name}", _bytes_of(file), dry_run)
        for name, file in given.declarations(found)
    ]
    for each in found:
        try:
            data = each.file.read_bytes()
        except OSError:
            unreadable += 1
            continue
        key = key_of(each.collection, each.folders, each.file.name, data, day)
        new += (not landing.exists(key)) if dry_run else landing.put_new(key, data)
        keys.add(key)
        progress(1)
    collections = sorted({each.collection for each in found})
    return Landed(new, collections, frozenset(keys), sum(declared), unreadable)


def _refuse_contacts(found: Sequence[given.Given]) -> None:
    """A name is kept in the clear: in paths, tables, events. Rows are redacted, names are not."""
    named = sum(
        any(map(holds_contact, {each.collection, *each.folders, each.file.name})) for each in found
    )
    if named:
        raise BadInput(
            f"{named} files have a name, a folder or a collection that holds contact data; rename "
            "those, or name the collection with --collection"
        )


def key_of(collection: str, folders: Sequence[str], name: str, data: bytes, day: date) -> str:
    """Where a file is landed: under the day that a folder names, else `day`."""
    digest = hashlib.sha256(data).hexdigest()[:8]
    landed_day = naming.day_of(folders, day) or day
    return f"{collection}/{landed_day.isoformat()}/{digest}-{naming.clean(name)}"


def key_inside(landing: Objects, path: Path) -> str | None:
    """The key of a file that lies in a local landing store; None where it lies elsewhere."""
    folder = local_path(landing.url)
    if folder is None or not path.resolve().is_relative_to(folder.resolve()):
        return None
    return path.resolve().relative_to(folder.resolve()).as_posix()


def _refuse_landed(landing: Objects, path: Path) -> None:
    if key_inside(landing, path) is not None:
        raise BadInput(
            "a given path lies in the landing store; run `sxe build`, which registers it"
        )


def _bytes_of(declaration: Path) -> bytes:
    try:
        return declaration.read_bytes()
    except OSError:
        raise BadInput(f"a {declaration.name} cannot be read; check its rights") from None


def _declare(landing: Objects, key: str, data: bytes, dry_run: bool) -> bool:
    """Put a declaration in the place of the one before; whether that changes anything."""
    if landing.exists(key) and landing.get(key) == data:
        return False
    if not dry_run:
        landing.delete(key)
        landing.put_new(key, data)
    return True
