"""What this process may use of its machine: the limits of its container, which count where lower.

Here: how much memory, how many cores. Not here: what is made of it (`duck`, `engine.chosen`).
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path


def memory_bytes(root: Path = Path("/")) -> int:
    """The memory of this process's container, or of the machine where none is limited.

    Args:
        root: Below which the system tells it.
    """
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for group, is_old in _groups(root, "memory"):
        limit = _read(group / ("memory.limit_in_bytes" if is_old else "memory.max")).strip()
        found += [int(limit)] if limit.isdigit() else []
    return min(found)


def cores(root: Path = Path("/")) -> int:
    """How many cores this process may keep busy; part of one counts as one.

    Args:
        root: Below which the system tells it.
    """
    may_use = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))
    found: list[float] = [len(may_use(0))]
    for group, is_old in _groups(root, "cpu"):
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us") if is_old else ("cpu.max",)
        told = " ".join(_read(group / name) for name in names).split()
        if len(told) == 2 and all(each.isdigit() for each in told):
            found.append(int(told[0]) / max(int(told[1]), 1))
    return max(1, math.ceil(min(found)))


def _groups(root: Path, controller: str) -> Iterator[tuple[Path, bool]]:
    """The groups of this process that may limit it, and whether they are of the older way."""
    mounts = root / "sys" / "fs" / "cgroup"
    for line in _read(root / "proc" / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        is_old = controller in controllers.split(",")
        if controllers and not is_old:
            continue
        mounted = mounts / controller if is_old else mounts
        inside = mounted / path.lstrip("/")
        # A limit of any group above counts as well.
        above = [inside, *inside.parents]
        groups = above[: above.index(mounted) + 1] if mounted in above else [mounted]
        yield from ((group, is_old) for group in groups)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
