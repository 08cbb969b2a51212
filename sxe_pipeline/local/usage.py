"""How full a home is, part by part.

Here: bytes of folders, and what is left on their disk. Not here: what is in them, and a store that
lies elsewhere.
"""

import os
import shutil
from pathlib import Path

from sxe_pipeline.local import attach
from sxe_pipeline.settings import STORES, Settings
from sxe_pipeline.store.disk import local_path


def parts(settings: Settings) -> dict[str, int | None]:
    """Bytes of each part: the stores, the embedded database, and what is free where the home is.

    Args:
        settings: As loaded, before any login.

    Returns:
        Part -> bytes. None for what is not on this machine.
    """
    folders: dict[str, Path | None] = {
        name.removesuffix("_url"): local_path(getattr(settings, name)) for name in STORES
    }
    folders["postgres"] = attach.data_folder(settings) if settings.is_embedded else None
    used = {name: None if folder is None else size(folder) for name, folder in folders.items()}
    return {**used, "free": shutil.disk_usage(settings.home).free}


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
