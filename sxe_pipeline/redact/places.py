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


def is_in_reach(text: str, place: str = "") -> bool:
    """Whether a short number in this text is likely a phone number.

    Args:
        text: A skeleton.
        place: Where the account says it is.
    """
    return _places().search(text) is not None or bool(place and _is_short_place(place))


@lru_cache(maxsize=4096)
def _is_short_place(place: str) -> bool:
    return _places().search(skeleton(place)[0]) is not None
