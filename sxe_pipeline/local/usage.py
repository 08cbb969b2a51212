"""How full a home is, part by part.

Here: bytes of folders, and what is left on their disk. Not here: what is in them, and a store that
lies elsewhere.
"""

import os
import shutil
from pathlib import Path

from sxe_pipeline.local import attach
from sxe_pipeline.settings import Settings
from sxe_pipeline.store.disk import local_path

_NO_ROOM = 128 * 1024
"""Less than any part writes at once."""


def parts(settings: Settings) -> dict[str, int | None]:
    """Bytes of each part: the stores, the embedded database, and what is free where the home is.

    Args:
        settings: As loaded, before any login.

    Returns:
        Part -> bytes. None for what is not on this machine, as where there is no home.
    """
    has_home = settings.home.exists()

    def is_here(folder: Path) -> bool:
        return has_home or not folder.is_relative_to(settings.home)

    used = {
        name: size(folder) if folder and is_here(folder) else None
        for name, folder in _folders(settings).items()
    }
    return {**used, "free": shutil.disk_usage(settings.home).free if has_home else None}


def full(settings: Settings) -> list[str]:
    """The parts whose disk has no room left, with their folders."""
    found = []
    for name, folder in {"home": settings.home, **_folders(settings)}.items():
        try:
            if folder is not None and shutil.disk_usage(folder).free < _NO_ROOM:
                found.append(f"{name} ({folder})")
        except OSError:
            continue
    return found


def _folders(settings: Settings) -> dict[str, Path | None]:
    stores = {name.removesuffix("_url"): local_path(url) for name, url in settings.stores.items()}
    return stores | {"postgres": attach.data_folder(settings) if settings.is_embedded else None}


def size(folder: Path) -> int:
    """Bytes of the files below a folder; one that is deleted meanwhile, or closed, counts as 0."""
    total, left = 0, [str(folder)]
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
            except OSError:
                continue
    return total
