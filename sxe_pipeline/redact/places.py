"""Where phone numbers are too short to be told from other numbers without a place.

Belongs here: places and words of trade anywhere in a text, or the account's own place. The words
directly before a number are in `context`.
"""

import re
from functools import lru_cache

from sxe_pipeline.redact.ruleset import bounded, raw_words, words
from sxe_pipeline.redact.skeleton import skeleton


@lru_cache(maxsize=1)
def _places() -> re.Pattern[str]:
    listed = raw_words("short_numbers", "places")
    codes = {name for name in listed if len(name) == 2 and name.isascii()}
    flags = {"".join(chr(0x1F1E6 + ord(char) - 97) for char in code) for code in codes}
    names = words("short_numbers", "places") - codes | {"sg", "hk"}
    traded = words("trade_words")
    return re.compile(f"{bounded(names | traded)}|{'|'.join(sorted(flags))}")


def is_in_reach(text: str) -> bool:
    """Whether a skeleton names a place with short numbers, or a trade that takes orders."""
    return _places().search(text) is not None


@lru_cache(maxsize=65536)
def has_short_numbers(place: str | None) -> bool:
    """Whether an account's own place has phone numbers of six to eight digits.

    Args:
        place: As the account states it; null is nowhere.

    Example:
        >>> has_short_numbers("Oslo, Norge"), has_short_numbers("Austin, TX")
        (True, False)
    """
    return place is not None and is_in_reach(skeleton(place)[0])
