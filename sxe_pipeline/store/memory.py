"""How much memory one table's work may take here, before it goes on on the disk.

A container is killed for what its machine would have allowed, so its own limit counts. Not here:
who spills, and where to.
"""

import os
from pathlib import Path

MOST = 2_000_000_000
"""What a table of ten million rows needs; more is faster for nobody."""
LEAST = 256_000_000
_GROUPS = Path("/sys/fs/cgroup")
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
"""Of version 2 and of version 1; inside of a container both show its own."""


def share(groups: Path = _GROUPS) -> int:
    """Bytes: half of what this container or machine has, as a code server and a run live there too.

    Args:
        groups: Where the system shows the limits of this container.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in _LIMITS:
        try:
            limits.append(int((groups / name).read_text()))
        except (OSError, ValueError):  # no such version, or "max"
            continue
    return max(LEAST, min(MOST, min(limits) // 2))
