"""Account ids that a spreadsheet or a script has rounded, recognised within a file.

One id that ends in zeros is chance; a file of them was saved by a program that keeps 15 digits
(spreadsheets) or 53 bits (scripts), and then several people share one id. Here: what to believe of
an id, given the others of its file. Not here: what becomes of a row (`read`).
"""

from collections.abc import Sequence

_KEPT = 15
"""Digits that a spreadsheet keeps."""
_LONG = 18
"""From so many digits on, three zeros at the end are rare enough to say something."""
_SOME = 3
_SHARE = 20
"""`_SOME` short ids, and one in so many, are no chance any more."""
_MOST = 20_000
"""Nor are more than these in one file; so many are ever doubtful."""


class Rounding:
    """The ids of one file, as they come."""

    def __init__(self) -> None:
        self._long = 0
        self._short = 0
        self._exact = 0
        self._handles: dict[str, str] = {}
        self._held: set[str] = set()
        self._is_rounded = False

    @property
    def _is_mixed(self) -> bool:
        """Whether an id was seen that no float holds: no script has saved the file."""
        return self._exact < self._long

    def doubted(self, ids: Sequence[str | None], handles: Sequence[str | None]) -> list[int]:
        """Which of the next rows have an id that may be rounded, by place; `is_lost` says it later.

        Args:
            ids: Their digits; null and short ones are whole.
            handles: The handles that they stand beside.
        """
        if self._is_mixed and not any(each and each[-1] == "0" and _is_short(each) for each in ids):
            if not self._is_rounded:
                self._long += sum(1 for each in ids if each and len(each) >= _LONG)
            return []
        pairs = enumerate(zip(ids, handles, strict=True))
        return [at for at, (platform_id, handle) in pairs if self._doubts(platform_id, handle)]

    def _doubts(self, platform_id: str | None, handle: str | None) -> bool:
        if platform_id is None or len(platform_id) <= _KEPT:
            return False
        is_short = _is_short(platform_id)
        if len(platform_id) >= _LONG and not self._is_rounded:
            self._count(platform_id, handle, is_short=is_short)
        return is_short or (len(platform_id) >= _LONG and not self._is_mixed)

    def _count(self, platform_id: str, handle: str | None, *, is_short: bool) -> None:
        if is_short:
            self._weigh(platform_id, handle)
        elif self._is_mixed:
            # Once an id was seen that no float holds, the others need not be looked at.
            self._long += 1
        elif platform_id not in self._held:
            self._held.add(platform_id)
            self._long += 1
            self._exact += _is_exact(platform_id)

    def _weigh(self, platform_id: str, handle: str | None) -> None:
        known = self._handles.get(platform_id)
        if known is None:
            # An account that is seen again is no further witness.
            self._long += 1
            self._exact += 1
            self._short += 1
            self._handles[platform_id] = known = handle or ""
        is_shared = bool(known and handle) and known.casefold() != str(handle).casefold()
        is_frequent = self._short >= _SOME and self._short * _SHARE >= self._long
        if is_shared or is_frequent or self._short > _MOST:
            self._is_rounded = True

    def is_lost(self, platform_id: str | None) -> bool:
        """Whether an id that was doubted is rounded, after all that was seen so far."""
        if platform_id is None:
            return False
        if not self._is_mixed and self._long >= _SOME:
            return True
        is_all = self._short > 1 and self._short == self._long
        return _is_short(platform_id) and (self._is_rounded or is_all)


def _is_short(platform_id: str) -> bool:
    """Whether nothing but zeros stands behind the digits that a spreadsheet keeps."""
    return len(platform_id) > _KEPT and not platform_id[_KEPT:].strip("0")


def _is_exact(platform_id: str) -> bool:
    """Whether a float gives these digits back: as a whole number, or as it is printed."""
    number = float(platform_id)
    if int(number) == int(platform_id):
        return True
    digits = repr(number).partition("e")[0].replace(".", "").rstrip("0")
    return platform_id.rstrip("0") == digits
