"""JSON as people's programs write it: lines, arrays, commas after lines, NaN, a script's data.

Here: one decoded value or one `Fault` per record; an object that says two things under one key is
none. Not here: bytes and memory (`chunks`), what a record means.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np

from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats.chunks import RECORD_LIMIT, Splitter, blocks, peeked

_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NO_NUMBER = re.compile(rb"\b(?:NaN|Infinity)\b")
_SCRIPT = re.compile(
    rb"\s*(?:window|self|globalThis|var|let|const|module)\b[\w.\s\"'\[\]-]{0,200}=\s*(?=[\[{])"
)
_APART = re.compile(rb"\}(?:,|\xef\xbb\xbf)?\{")
_SHORT = 2_048
"""Bytes that are counted as fast one by one as many at once."""
_MARK = b"\xef\xbb\xbf"
_LINE_ENDS = b", \t\r"

Record = Any


def begin(first: bytes) -> bytes:
    """The beginning of a JSON text without what may stand before it."""
    text = first.removeprefix(_MARK).lstrip()
    script = _SCRIPT.match(text)
    return text[script.end() :] if script else text


def documents(pieces: Iterator[bytes], *, is_lines: bool) -> Iterator[Record | Fault]:
    """Everything that a JSON text holds, in order.

    Args:
        pieces: The text as UTF-8.
        is_lines: Its name says that each line is a document; a text that begins otherwise is not
            taken at its word.

    Yields:
        A decoded value, or the fault that stands in its place.
    """
    first, everything = peeked(pieces, _is_enough)
    text = begin(first)
    if len(text) < len(first):
        everything = _without(len(first) - len(text), everything)
    if _in_lines(text, is_lines=is_lines):
        for block in blocks(everything):
            values = None if isinstance(block, Fault) else _at_once(block)
            if values is None:
                yield from _decoded([block] if isinstance(block, Fault) else block.split(b"\n"))
            else:
                yield from values
        return
    if not text:
        if not is_lines:
            yield Fault.MALFORMED
        return
    if text[:1] == b"<":
        yield Fault.SCRIPT
        return
    yield from _decoded(Splitter().documents(everything))


def _is_enough(held: bytes) -> bool:
    """Two lines say how a text is written, unless they are long ones."""
    return held.lstrip().count(b"\n") > 1 or len(held) > RECORD_LIMIT


def _without(count: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces)
    yield first[count:]
    yield from pieces


def _in_lines(text: bytes, *, is_lines: bool) -> bool:
    head, _, rest = text.partition(b"\n")
    head, rest = head.strip(_LINE_ENDS), rest.lstrip()
    if head in (b"", b"{", b"["):
        return is_lines and not head
    value = _decode(head)
    if not isinstance(value, Fault):
        return is_lines or (bool(rest) and type(value) in (dict, list))
    if head[:1] == b"[":
        return False
    if head[:1] == b"{":
        # A line that is cut, or the beginning of one object over many lines.
        return is_lines and (not rest or rest[:1] == b"{")
    return is_lines


def _decoded(found: Iterable[bytes | Fault]) -> Iterator[Record | Fault]:
    for text in found:
        if isinstance(text, Fault):
            yield text
            continue
        if text[-1:] in (b",", b" ", b"\t", b"\r"):
            text = text.rstrip(_LINE_ENDS)
        # Files that were joined bring their marks along, to the next line or to the same.
        text = text.removeprefix(_MARK)
        if not text or text.isspace():
            continue
        value = _decode(text)
        if isinstance(value, Fault) and _holds_several(text):
            yield from _decoded(Splitter().documents(iter([text])))
        elif _repeats_a_key(text, value):
            yield Fault.SAID_TWICE
        elif type(value) is list:
            yield from value
        else:
            yield value


def _holds_several(text: bytes) -> bool:
    """Whether a line may be documents side by side, each of which can be cut out."""
    return text[:1] == b"{" and text[-1:] == b"}" and _APART.search(text) is not None


_json = msgspec.json.Decoder()
_written = msgspec.json.Encoder()


def _decode(text: bytes) -> Record | Fault:
    try:
        return _json.decode(text)
    except UnicodeDecodeError:
        return Fault.ENCODING
    except Exception:  # noqa: BLE001 - a bad document costs a document
        if _LONE_SURROGATE.search(text):
            return Fault.ENCODING
        return _with_no_numbers(text) if _NO_NUMBER.search(text) else Fault.NO_JSON


def _with_no_numbers(text: bytes) -> Record | Fault:
    """NaN and Infinity are no JSON, and what every data frame writes: they say nothing."""
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return Fault.NO_JSON


def _at_once(block: bytes) -> list[Record] | None:
    """The objects of a block that holds one a line and nothing else; null for any other block.

    No object goes on over an end of a line where each line begins with `{` and ends with `}`: no
    JSON has one after the other. What is wrong with a block is found line by line.
    """
    lines = block.split(b"\n")
    if {line[:1] + line[-1:] for line in lines} != {b"{}"}:
        return None
    try:
        values = _json.decode_lines(block)
    except Exception:  # noqa: BLE001 - a bad document costs a document
        return None
    is_one_each = len(values) == len(lines)
    return values if is_one_each and _has_all_colons(block, values) else None


def _has_all_colons(text: bytes, value: Record) -> bool:
    """Whether a value says all that its text says; escapes that may hide colons count as no."""
    return b"\\u003" not in text and _colons(text) == _colons(_written.encode(value))


def _colons(text: bytes) -> int:
    if len(text) < _SHORT:
        return text.count(b":")
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord(":")))


def _repeats_a_key(text: bytes, value: Record | Fault) -> bool:
    """Whether an object says two things under one key; the decoder keeps the last in silence.

    Written anew, a value has as many colons, unless a key went with its value; only then is the
    text read again.
    """
    if isinstance(value, Fault):
        return False
    if _colons(text) < 2 or _has_all_colons(text, value):
        return False
    try:
        json.loads(text, object_pairs_hook=_unique)
    except _RepeatedKey:
        return True
    except (ValueError, RecursionError):
        return False
    return False


class _RepeatedKey(Exception):
    """An object holds one key twice."""


def _unique(pairs: list[tuple[str, Record]]) -> dict[str, Record]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedKey
    return found
