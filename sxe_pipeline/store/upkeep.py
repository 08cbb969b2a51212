"""The files behind a table: small ones made one, those of nobody deleted, the log kept short.

Here: what Delta and the store are told, by whoever holds `tables.lock`. Not here: which versions
are still read, naming the compacted one, and the audit events (`ops.upkeep`).
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from sxe_pipeline.errors import StoreUnavailable
from sxe_pipeline.store import changes, delta, sums
from sxe_pipeline.store.disk import local_path
from sxe_pipeline.store.objects import Objects

TARGET_BYTES = 128 << 20
"""Files below it are put together; one of that size is left alone."""

LOG_SLACK = 20
"""Log entries that nobody needs, before they are worth a checkpoint."""

_ENTRY = re.compile(r"_delta_log/(\d{20})(?:\.checkpoint\b.*)?\.(?:json|parquet)")
_TORN = re.compile(r"_delta_log/_commit_.*\.tmp")


@dataclass(frozen=True)
class Space:
    """What a table takes: the files of its named version, and everything below its folder."""

    live_bytes: int
    disk_bytes: int
    live_files: int


def space(root: str, name: str, version: int) -> Space:
    """Measure a table.

    Args:
        root: URL of the table store.
        name: Such as 'social/observations'.
        version: The named one.

    Raises:
        NotFound: The store does not hold that version.
    """
    with _translated(name):
        sizes = pa.table(_at(root, name, version).get_add_actions())["size_bytes"].to_pylist()
        stored = _objects(root).list(name)
    return Space(sum(sizes), sum(entry.size for entry in stored), len(sizes))


def holds(root: str, name: str, version: int) -> bool:
    """Whether the store has a version with every one of its files.

    Raises:
        StoreUnavailable: The store does not answer, so nobody can tell.
    """
    table, stored = _held(root, name, version)
    return table is not None and all(f"{name}/{path}" in stored for path in delta.sizes(table))


def damaged(root: str, name: str, version: int) -> int:
    """How many files of a version are gone or not what was written; every one of them is read.

    Raises:
        StoreUnavailable: The store does not answer, so nobody can tell.
    """
    table, stored = _held(root, name, version)
    if table is None:
        return 1
    sizes = delta.sizes(table)
    if (folder := local_path(root)) is None:
        return sum(stored.get(f"{name}/{path}") != size for path, size in sizes.items())
    return len(sums.changed(folder / name, version, sizes))


def forget_log(root: str, name: str) -> None:
    """Take the log of a lost table away: what is left of it is no ground to build on."""
    objects = _objects(root)
    for entry in objects.list(f"{name}/_delta_log"):
        objects.delete(entry.key)
    changes.drop(root, name)


def drop_half_written(root: str, name: str, before: datetime) -> None:
    """Remove what writers of a table that were killed left of a file, which Delta does not see.

    Args:
        root: URL of the table store.
        name: Such as 'social/observations'.
        before: What was touched later may still be written.
    """
    _objects(root).drop_half_written(before, name)


def _held(root: str, name: str, version: int) -> tuple[Any, Mapping[str, int]]:
    """A version, None where it is not held, and the objects of its table with their bytes."""
    stored = {entry.key: entry.size for entry in _objects(root).list(name)}
    return (delta.opened(root, name, version) if stored else None), stored


def compact(root: str, name: str, named: int) -> int | None:
    """Put the small files of each partition together, as one new version with the same rows.

    What a killed writer left behind is put aside first, so the result is the named version's.

    Args:
        root: URL of the table store.
        name: Such as 'social/observations'.
        named: The version that readers open.

    Returns:
        The new version, which nobody reads until it is named; None where nothing was to be done.

    Raises:
        NotFound: The store does not hold the named version, or not as it was written.
        StoreUnavailable: The store failed; the named version is as it was.
    """
    from deltalake import WriterProperties

    with _translated(name):
        kept = _at(root, name, named)
        _check_small(root, name, named, kept)
        table = delta.newest(root, name, named)
        if _content(table) != _content(kept):
            table.restore(named)
        done = table.optimize.compact(
            target_size=TARGET_BYTES,
            writer_properties=WriterProperties(compression="ZSTD", compression_level=3),
        )
        version = int(table.version())
        delta.keep_safe(root, name, named, table)
    return version if done["numFilesRemoved"] else None


def _check_small(root: str, name: str, version: int, table: Any) -> None:
    """Make sure that what is put together is what was written."""
    if (folder := local_path(root)) is None:
        return
    sizes = delta.sizes(table)
    siblings = Counter(path.rpartition("/")[0] for path in sizes)
    due = [path for path in sizes if siblings[path.rpartition("/")[0]] > 1]
    if changed := sums.changed(folder / name, version, sizes, due):
        raise delta.damaged(name, version, len(changed))


def unneeded(root: str, name: str, keep: Collection[int]) -> int:
    """How many files no kept version needs."""
    stored = {entry.key for entry in _objects(root).list(name)}
    with _translated(name):
        named = _vacuumed(_at(root, name, None), keep, is_dry_run=True)
    # Delta names those of its tombstones too, long after they went.
    return sum(f"{name}/{unquote(file)}" in stored for file in named)


def vacuum(root: str, name: str, keep: Collection[int]) -> None:
    """Delete every file that no kept version needs, those of killed writers included.

    The newest version is kept by Delta whatever it is: `compact` puts an orphan aside.

    Args:
        root: URL of the table store.
        name: Such as 'social/observations'.
        keep: Every version that somebody may still read.
    """
    with _translated(name):
        table = _at(root, name, None)
        before = int(table.version())
        _vacuumed(table, keep, is_dry_run=False)
        delta.flush_after(root, name, before, int(table.version()))
    changes.drop(root, name, keep)
    if (folder := local_path(root)) is not None:
        sums.drop(folder / name, keep)


def _vacuumed(table: Any, keep: Collection[int], *, is_dry_run: bool) -> list[str]:
    found: list[str] = table.vacuum(
        retention_hours=0,
        full=True,
        dry_run=is_dry_run,
        enforce_retention_duration=False,
        keep_versions=sorted(keep),
    )
    return found


def is_log_long(root: str, name: str, oldest: int) -> bool:
    """Whether the log has many entries from before the oldest version that somebody may read."""
    return len(_before(_objects(root), name, oldest)) > LOG_SLACK


def trim_log(root: str, name: str, oldest: int) -> None:
    """Replace what came before a version by a checkpoint of it, where there is much of it.

    Args:
        root: URL of the table store.
        name: Such as 'social/observations'.
        oldest: The oldest version that somebody may still read; younger ones stay readable.
    """
    if not is_log_long(root, name, oldest):
        return
    objects = _objects(root)
    with _translated(name):
        _at(root, name, oldest).create_checkpoint()
        delta.flush_log(root, name)
    for key in _before(objects, name, oldest):
        objects.delete(key)


def _before(objects: Objects, name: str, oldest: int) -> list[str]:
    """Log files of versions before one, and what a killed writer was about to rename."""
    found = []
    for entry in objects.list(f"{name}/_delta_log"):
        inside = entry.key.removeprefix(f"{name}/")
        numbered = _ENTRY.fullmatch(inside)
        if (numbered and int(numbered[1]) < oldest) or _TORN.fullmatch(inside):
            found.append(entry.key)
    return found


def _at(root: str, name: str, version: int | None) -> Any:
    table = delta.opened(root, name, version)
    if table is None:
        raise delta.lost(name, 0 if version is None else version)
    return table


def _content(table: Any) -> tuple[list[str], str]:
    return sorted(table.file_uris()), table.schema().to_json()


def _objects(root: str) -> Objects:
    return Objects(root)


@contextmanager
def _translated(name: str) -> Iterator[None]:
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError) as error:
        raise StoreUnavailable(
            f"the upkeep of {name} failed ({type(error).__name__}); what is named stays as it is: "
            "check space and rights of the Tier 1 store, then run it again"
        ) from None
