"""How the interpreter of a process is set before it loads what it works with.

Here: what makes each start of a verb or of a code location shorter. Not here: the environment.
"""

import gc

ALLOCATED = 50_000
"""Objects after which the collector looks for garbage; while libraries load there is none."""


def quick_start() -> None:
    """Look for garbage less often than Python does by itself, which is after 700 objects."""
    gc.set_threshold(ALLOCATED)
