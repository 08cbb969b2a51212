"""The user's own files and folders, as they are handed to `sxe ingest`.

Here: which files below a given path are data, and of which collection each is; the same for files
that are landed and for those that are only read. Not here: what a name means (`naming`), what a
file holds (`read`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sxe_pipeline.errors import BadInput, NotFound
from sxe_pipeline.ingest import naming
from sxe_pipeline.ingest.collection import COLLECTION, MAPPING


@dataclass(frozen=True, slots=True)
class Given:
    """One file of data.

    `folders` lie between its collection's folder and the file. `home` is the collection's folder,
    where its declarations stand; `top` the folder that was given, None for a file that was.
    """

    file: Path
    collection: str
    folders: tuple[str, ...]
    home: Path
    top: Path | None


def files(path: Path, collection: str | None = None) -> Iterator[Given]:
    """Every file of data that a path stands for, in the order of the names.

    A folder is a collection, unless it is laid out like a landing store: then each folder in it is
    one. It is so where one of its folders brings a declaration and it has no `_collection.yaml`
    itself, or where it holds nothing but folders that are no days.

    Args:
        path: A file or a folder.
        collection: The collection of all of it; None tells it from the folders.

    Raises:
        NotFound: The path does not exist.
        BadInput: A declaration lies where no collection would find it.
    """
    if not path.exists():
        raise NotFound("a given path does not exist; check the command line")
    if not path.is_dir():
        if naming.is_data([path.name]):
            home = path.absolute().parent
            name = collection or naming.clean(home.resolve().name)
            yield Given(path, name, (), home, None)
        return
    # A link that leads nowhere is named, as a file that cannot be read; a pipe would never end.
    whole = sorted(f for f in path.rglob("*") if f.is_file() or (f.is_symlink() and not f.exists()))
    data = [f for f in whole if naming.is_data(f.relative_to(path).parts)]
    is_root = collection is None and _holds_collections(path, data, whole)
    _check_declarations([f.relative_to(path) for f in whole], is_root)
    for file in data:
        *folders, _ = file.relative_to(path).parts
        if is_root and folders:
            first, *rest = folders
            yield Given(file, naming.clean(first), tuple(rest), path / first, path)
        else:
            name = collection or naming.clean(path.resolve().name)
            yield Given(file, name, tuple(folders), path, path)


def declarations(found: Sequence[Given]) -> Iterator[tuple[str, Path]]:
    """The declarations that the collections of these files bring: the collection, and the file."""
    folders = {each.collection: each for each in found if each.top is not None}
    for collection, each in folders.items():
        if (each.home / COLLECTION).is_file():
            yield collection, each.home / COLLECTION
        if mapping := mapping_of(each):
            yield collection, mapping


def mapping_of(found: Given) -> Path | None:
    """The mapping that a file is read by: its collection's, else the given folder's."""
    for folder in (found.home, found.top or found.home):
        if (folder / MAPPING).is_file():
            return folder / MAPPING
    return None


def _holds_collections(path: Path, data: Sequence[Path], whole: Sequence[Path]) -> bool:
    if (path / COLLECTION).is_file():
        return False
    inside = [file.relative_to(path).parts for file in whole]
    if any(len(p) == 2 and p[1] in naming.DECLARATIONS and not naming.is_day(p[0]) for p in inside):
        return True
    folders = [file.relative_to(path).parts[:-1] for file in data]
    return bool(folders) and all(above and not naming.is_day(above[0]) for above in folders)


def _check_declarations(inside: Sequence[Path], is_root: bool) -> None:
    deep = [
        each
        for each in inside
        if each.name in naming.DECLARATIONS and len(each.parts) > (2 if is_root else 1)
    ]
    if deep:
        raise BadInput(
            f"{len(deep)} of {' and '.join(naming.DECLARATIONS)} lie deeper than the folder of "
            "their collection, where nothing reads them; move them up, or give that folder itself"
        )
