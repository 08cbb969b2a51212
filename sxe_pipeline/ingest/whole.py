"""Transforms over the values of many records at once: what each alone gives, for less.

A transform has to take whatever people wrote; the values of one column in one file are nearly
always of one plain type, and as they should be. Where a question about all of them together says
so, they stand as they are; else each goes through the transform alone. Here: these questions. Not
here: what a value means (`values`), how values are found (`batch`).
"""

import re
from collections.abc import Callable
from typing import Any

from sxe_pipeline.ingest import paths, times, values
from sxe_pipeline.ingest.counts import INT64_MAX, count
from sxe_pipeline.ingest.plain import PLAIN, SPREADSHEET_ERRORS, BadValue, is_plain, plain

Read = tuple[list[Any], dict[int, Exception]]
"""Values, None where one cannot be read; the places of those, and why."""
_Ask = Callable[[list[Any], type, values.Transform], list[Any] | None]
"""From values of one type to what a transform makes of them; None where that is not said so."""

_CONTROLS = bytes(code for code in range(128) if values.CONTROL.match(chr(code)))
_LONGEST_ID, _LONGEST_COUNT = 24, 18
_HANDLES = re.compile(r"(?:[\w.]{1,64}\n)*")


class Quirky:
    """A transform before which one vendor's words, and masked names, are nothing."""

    def __init__(
        self, transform: values.Transform, words: frozenset[str], mask: str | None
    ) -> None:
        self.transform = transform
        self._words = words
        self._mask = mask

    def __call__(self, value: Any) -> Any:
        """What the transform makes of a value, null for nothing."""
        if type(value) is str and (
            value in self._words or (self._mask is not None and self._mask in value)
        ):
            return None
        return self.transform(value)

    def without_nothing(self, found: list[str | None]) -> list[str | None]:
        """Texts with None in place of what the vendor writes where it has nothing."""
        words, mask = self._words, self._mask
        if not words.isdisjoint(found):
            found = [None if text in words else text for text in found]
        if mask is not None:
            found = [None if text is None or mask in text else text for text in found]
        return found


def read(value: Any, transform: values.Transform) -> Any:
    """What a transform makes of one value of a payload.

    Raises:
        BadValue: It cannot be read, or not be what the transform says.
    """
    if value is None:
        return None
    if not is_plain(value):
        if value is paths.UNREAD:
            raise BadValue
        value = plain(value)
    return transform(value)


def over(found: list[Any], transform: values.Transform) -> Read:
    """What a transform makes of each of some values.

    Args:
        found: The values of one place in many records, None where there is none.
        transform: Takes one of them.

    Example:
        >>> over([3, None, -1, "x"], values.count)[0]
        [3, None, None, None]
    """
    kinds = set(map(type, found))
    is_full = type(None) not in kinds
    kinds.discard(type(None))
    if not kinds:
        return found, {}
    if len(kinds) == 1 and kinds <= PLAIN:
        done = _whole(found, kinds.pop(), is_full, transform)
        if done is not None:
            return done, {}
    return _each(found, transform)


def _whole(
    found: list[Any], kind: type, is_full: bool, transform: values.Transform
) -> list[Any] | None:
    """Values of one type; None where one of them needs to be read alone."""
    if isinstance(transform, Quirky):
        if kind is str:
            found = transform.without_nothing(found)
            is_full = is_full and None not in found
        transform = transform.transform
    held = found if is_full else [value for value in found if value is not None]
    if not held:
        return found
    done = of_kind(held, kind, transform)
    if done is None:
        return None
    if done is held or is_full:
        return found if done is held else done
    filled = iter(done)
    return [None if value is None else next(filled) for value in found]


def of_kind(held: list[Any], kind: type, transform: values.Transform) -> list[Any] | None:
    """What a transform makes of values of one type; None where one of them cannot be read."""
    ask = _by_distinct if isinstance(transform, values.Words) else _ASKED.get(transform)
    try:
        done = ask(held, kind, transform) if ask else None
        return list(map(transform, held)) if done is None else done
    except Exception:  # noqa: BLE001 - one of them is bad; which one is found one by one
        return None


def _each(found: list[Any], transform: values.Transform) -> Read:
    done: list[Any] = []
    bad: dict[int, Exception] = {}
    for at, value in enumerate(found):
        try:
            done.append(read(value, transform))
        except Exception as why:  # noqa: BLE001 - BadValue, or whatever a value does to its transform
            done.append(None)
            bad[at] = why
    return done, bad


def _is_clean(held: list[str]) -> bool:
    """Whether no text holds a control character that goes, or is a spreadsheet's error."""
    if not SPREADSHEET_ERRORS.isdisjoint(held):
        return False
    joined = "".join(held).encode()
    return len(joined.translate(None, _CONTROLS)) == len(joined)


def _texts(held: list[Any], kind: type, _: values.Transform) -> list[Any] | None:
    if kind is int:
        return list(map(str, held))
    return held if kind is str and _is_clean(held) else None


def _words(held: list[Any], kind: type, _: values.Transform) -> list[Any] | None:
    return [text.strip() or None for text in held] if kind is str and _is_clean(held) else None


def _are_digits(held: list[Any], longest: int) -> bool:
    joined = "".join(held)
    return (
        joined.isascii() and joined.isdigit() and all(held) and len(max(held, key=len)) <= longest
    )


def _ids(held: list[Any], kind: type, _: values.Transform) -> list[Any] | None:
    if kind is int and min(held) > 0 and max(held) < 10**_LONGEST_ID:
        return list(map(str, held))
    if kind is not str or not _are_digits(held, _LONGEST_ID):
        return None
    return None if any(text[0] == "0" for text in held) else held


def _handles(held: list[Any], kind: type, _: values.Transform) -> list[Any] | None:
    if kind is not str or not _HANDLES.fullmatch("\n".join([*held, ""])):
        return None
    return held if values.BLANK.isdisjoint(map(str.lower, held)) else None


def _counts(held: list[Any], kind: type, _: values.Transform) -> list[Any] | None:
    if kind is int and min(held) >= 0 and max(held) <= INT64_MAX:
        return held
    return list(map(int, held)) if kind is str and _are_digits(held, _LONGEST_COUNT) else None


def _links(held: list[Any], kind: type, _: values.Transform) -> list[Any] | None:
    if kind is not str or not all([text.startswith(values.WEB) for text in held]):
        return None
    is_bare = "".join(held).isprintable() and " " not in {text[-1] for text in held}
    return held if is_bare else None


def _x_urls(held: list[Any], kind: type, _: values.Transform) -> list[Any] | None:
    found = [entity.get("expanded_url") for entity in held] if kind is dict else []
    return _links(found, str, values.link) if set(map(type, found)) == {str} else None


def _times(held: list[Any], kind: type, _: values.Transform) -> list[Any] | None:
    return times.seconds(held) if kind is int else times.of_x(held) if kind is str else None


def _flags(held: list[Any], kind: type, transform: values.Transform) -> list[Any] | None:
    return held if kind is bool else _by_distinct(held, kind, transform)


def _by_distinct(held: list[Any], kind: type, transform: values.Transform) -> list[Any] | None:
    """Words of which there are few: each is read once."""
    if kind is float:
        return None
    known = {value: transform(value) for value in set(held)}
    return [known[value] for value in held]


_ASKED: dict[values.Transform, _Ask] = {
    values.text: _texts,
    values.word: _words,
    values.account_id: _ids,
    values.handle: _handles,
    count: _counts,
    values.flag: _flags,
    values.true_or_null: _by_distinct,
    values.link: _links,
    values.x_url: _x_urls,
    times.when: _times,
}
