"""Where large tables get their memory from."""

import pyarrow as pa


def pool() -> pa.MemoryPool:
    """Arrow's jemalloc where this build of it has that, else its default.

    The default gives pages back at once and gets them anew for the next piece of a table: a tenth
    of the CPU of an export (`bench/export.py`), and more memory at its peak.
    """
    try:
        return pa.jemalloc_memory_pool()
    except NotImplementedError:
        return pa.default_memory_pool()
