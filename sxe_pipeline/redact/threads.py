"""A thread for each group of patterns, so that no pattern is compiled twice.

Polars keeps the 32 patterns that a thread used last. The rules have more; of a longer round none is
found again, and compiling all of them costs as much as asking them of 10,000 texts.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from typing import ParamSpec, TypeVar

PATTERNS = 32
"""What a thread keeps compiled."""

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


def on_thread(name: str) -> Callable[[Callable[_Given, _Answer]], Callable[_Given, _Answer]]:
    """Let a function run on the thread of this name; all that do may ask up to `PATTERNS` patterns.

    The caller waits; what the function raises, the caller gets. None may call another of its name.

    Example:
        >>> on_thread("lengths")(len)("abc")
        3
    """

    def named(ask: Callable[_Given, _Answer]) -> Callable[_Given, _Answer]:
        @wraps(ask)
        def asked(*given: _Given.args, **more: _Given.kwargs) -> _Answer:
            return _thread(name).submit(ask, *given, **more).result()

        return asked

    return named


@cache
def _thread(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)


# Threads do not come along into a child that is forked.
os.register_at_fork(after_in_child=_thread.cache_clear)
