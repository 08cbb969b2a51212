"""A home that cannot be used, and one at its end: servers stopped, files deleted.

Here: what `sxe down` does, and what is still there afterwards. Not here: how a server ends
(`postgres`), and a demo's home, which each demo makes anew (`demo.home`).
"""

import contextlib
import errno
import os
import shutil
from pathlib import Path

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.local import attach
from sxe_pipeline.settings import Settings

_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)


def fault(home: Path, error: Exception) -> BadConfig | None:
    """An error of the system in words of ours, where it says that a home cannot be used.

    Args:
        home: As the settings name it.
        error: Whatever ended the work.

    Returns:
        None: It is something else. What is missing below a home is, as a home is made at its use.
    """
    if not isinstance(error, OSError) or not isinstance(error.filename, str):
        return None
    at = Path(error.filename).absolute()
    is_below = at.is_relative_to(home) and error.errno in _CLOSED
    if not (is_below or home.is_relative_to(at)):
        return None
    return BadConfig(
        f"the home {home} cannot be used ({error.strerror}); make it a folder that this user may "
        "write to, or point SXE_HOME at another"
    )


def servers(settings: Settings) -> int:
    """How many embedded servers run for a home and its demo."""
    return sum(attach.is_running(each) for each in _homes(settings))


def is_there(settings: Settings) -> bool:
    """Whether there is anything to delete; the data of a home that root removed lie elsewhere."""
    return settings.home.exists() or any(attach.data_folder(s).exists() for s in _homes(settings))


def stop(settings: Settings) -> int:
    """Stop the embedded servers.

    Returns:
        How many ran.

    Raises:
        Busy: One is in use; it runs on.
        StoreUnavailable: One did not end.
    """
    return sum([attach.stop(each, delete=False) for each in _homes(settings)])


def delete(settings: Settings) -> list[Path]:
    """Stop the servers and delete everything below a home, or below the folder that it leads to.

    Returns:
        What is still there: what could not be deleted, and where links of the home lead to.

    Raises:
        Busy: A server is in use; nothing was deleted.
        BadConfig: The data of a server cannot be deleted.
    """
    stop(settings)
    for each in _homes(settings):
        attach.stop(each, delete=True)
    if not settings.home.exists():
        return []
    home = settings.home.resolve()
    entries = list(home.iterdir())
    elsewhere = [entry.resolve() for entry in entries if entry.is_symlink()]
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                entry.unlink()
    left = list(home.iterdir())
    if not left and not settings.home.is_symlink():
        with contextlib.suppress(OSError):  # where another disk is mounted an empty folder stays
            home.rmdir()
    return [*left, *(path for path in elsewhere if os.path.lexists(path))]


def _homes(settings: Settings) -> list[Settings]:
    """The demo's and its own, where a server may be: beside URLs none need be installed."""
    both = settings.under(settings.home / "demo"), settings
    return [each for each in both if each.is_embedded or (each.home / "postgres").exists()]
