"""How the interpreter of a process is set before it loads what it works with.

Here: what makes each start of a verb or of a code location shorter. Not here: the environment.
"""

import gc
import sys

ALLOCATED = 50_000
"""Objects after which the collector looks for garbage; while libraries load there is none."""


class _NoPandas:
    """Nothing of ours hands a table to pandas, and Spark alone needs it."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Refuse pandas as if it were not installed; leave everything else to the others."""
        del path, target
        if name == "pandas" and "pyspark" not in sys.modules:
            raise ModuleNotFoundError("no process of the engine loads pandas", name=name)


def quick_start() -> None:
    """Let this process load no more than it works with.

    Where pandas is installed pyarrow loads it for its first array: a third of a second and 40 MB.
    """
    gc.set_threshold(ALLOCATED)
    if _NoPandas not in sys.meta_path:
        sys.meta_path.insert(0, _NoPandas)
