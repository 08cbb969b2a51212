"""What the files of a table's version were when they were written: a checksum of each.

Here: noting them beside the log before Postgres names the version, and finding the files that are
something else by now. Of bytes that change inside a Parquet file, two in three are read as other
values by every reader: Delta writes no checksum of a page. Not here: who looks, and what is done
about it. An object store keeps checksums of its own.
"""

import json
import zlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from sxe_pipeline.store.disk import replace

FOLDER = "_sums"
"""Below the table: what begins so is no file of Delta's, which a vacuum would delete."""

_PIECE_BYTES = 1 << 20


def note(table: Path, known: int | None, version: int, paths: Collection[str]) -> None:
    """Keep the checksums of a version's files; they are on the disk before this returns.

    Files of an earlier version keep what was noted then: a byte that changed since stays found.

    Args:
        table: The folder of the table.
        known: That earlier version; None where there is none.
        version: The number of the version.
        paths: Its files, below the folder.
    """
    before = {} if known is None else noted(table, known) or {}
    found = {path: before.get(path) or _sum_of(table / path) for path in sorted(paths)}
    file = _file(table, version)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    replace(file, json.dumps(found).encode())


def noted(table: Path, version: int) -> Mapping[str, int] | None:
    """The files of a version with their checksums; None where an older release wrote it."""
    try:
        found: dict[str, int] = json.loads(_file(table, version).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:  # it is damaged itself
        return {}
    return found


def changed(
    table: Path, version: int, sizes: Mapping[str, int], looked_at: Iterable[str] | None = None
) -> list[str]:
    """The files that are missing, cut short, or hold other bytes than when they were written.

    Args:
        table: The folder of the table.
        version: The number of the version.
        sizes: Its files with their bytes, as the log tells them.
        looked_at: Which of them are read; all by default.
    """
    if torn := unlisted(table, version, sizes):
        return torn
    sums = noted(table, version)
    return [
        path
        for path in (sizes if looked_at is None else looked_at)
        if not _has(table / path, sizes[path])
        or (sums is not None and sums[path] != _sum_of(table / path))
    ]


def unlisted(table: Path, version: int, told: Collection[str]) -> list[str]:
    """Files that the log tells of a version and the list does not, and the other way round.

    A log that lost its last lines tells the files of an earlier version.
    """
    sums = noted(table, version)
    return [] if sums is None else sorted(sums.keys() ^ set(told))


def drop(table: Path, keep: Iterable[int]) -> None:
    """Delete what was noted of versions that nobody reads any more."""
    kept = {_file(table, version) for version in keep}
    for file in (table / FOLDER).glob("*"):
        if file not in kept:
            file.unlink(missing_ok=True)


def _file(table: Path, version: int) -> Path:
    return table / FOLDER / f"{version:020d}.json"


def _has(file: Path, size: int) -> bool:
    try:
        return file.stat().st_size == size
    except OSError:
        return False


def _sum_of(file: Path) -> int:
    found = 0
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE_BYTES):
            found = zlib.crc32(piece, found)
    return found
