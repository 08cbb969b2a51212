"""A number for the content of rows, whoever computed them and in whichever order.

Here: a hash of ours; no engine's own one is the same in another. It tells apart what differs by
accident, and withstands nobody who wants two contents to look alike.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_AT_ONCE = 4_096
_STEP = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0x6E756C6C)
_NAN = np.float64("nan").view(np.uint64)


def checksum(batches: Iterable[pa.RecordBatch]) -> int:
    """The sum of the hashes of all rows, modulo 2^64.

    A whole number, a date, a moment (microseconds) and a boolean are mix(value), a double mix(its
    bits), where -0.0 is 0.0 and one NaN every other. A list is mix(sum of mix(item + position *
    STEP) + length), positions from 1; a text is the list of the bytes of its UTF-8, each plus one.
    A struct, and so a row, begins with its number of fields and takes mix(so far ^ field) for each
    in their order. Null is one number everywhere. `mix` is the finaliser of splitmix64, STEP its
    increment; all is modulo 2^64.

    Example:
        >>> one, two = pa.record_batch({"n": [1, 2]}), pa.record_batch({"n": [2, 1]})
        >>> checksum([one]) == checksum([two]), checksum([one]) == checksum([two[:1]])
        (True, False)
    """
    total = 0
    for batch in batches:
        for at in range(0, batch.num_rows, _AT_ONCE):
            rows = batch.slice(at, _AT_ONCE).to_struct_array()
            total += int(_hashes(rows).sum(dtype=np.uint64))
    return total % 2**64


def _hashes(values: pa.Array) -> Any:
    kind = values.type
    if pa.types.is_struct(kind):
        found = np.full(len(values), kind.num_fields, dtype=np.uint64)
        for number in range(kind.num_fields):
            found = _mix(found ^ _hashes(pc.struct_field(values, [number])))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = _numbers(pc.list_value_length(values))
        found = _in_order(_hashes(pc.list_flatten(values)), lengths)
    elif pa.types.is_floating(kind):
        plain = np.asarray(values.cast(pa.float64()).fill_null(0)) + 0.0
        found = _mix(np.where(np.isnan(plain), _NAN, plain.view(np.uint64)))
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        found = _mix(_numbers(values))
    elif pa.types.is_timestamp(kind):
        in_zone = pa.timestamp("us", kind.tz)
        found = _hashes(values.cast(in_zone).cast(pa.int64()))
    elif pa.types.is_date(kind):
        found = _hashes(values.cast(pa.date32()).cast(pa.int32()))
    else:
        found = _of_bytes(values.cast(pa.large_binary()).fill_null(b""))
    return np.where(np.asarray(values.is_null()), _NULL, found)


def _of_bytes(values: pa.Array) -> Any:
    _, ends, data = values.buffers()
    offsets = np.frombuffer(ends, np.int64)[values.offset : values.offset + len(values) + 1]
    held = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    return _in_order(held.astype(np.uint64) + np.uint64(1), np.diff(offsets).astype(np.uint64))


def _in_order(items: np.ndarray, lengths: np.ndarray) -> Any:
    """A hash of each list: of the hashes of its items, which lie one list after the other."""
    ends = np.cumsum(lengths, dtype=np.uint64)
    starts = ends - lengths
    positions = np.arange(1, len(items) + 1, dtype=np.uint64) - np.repeat(
        starts, lengths.astype(int)
    )
    sums = np.concatenate(([np.uint64(0)], np.cumsum(_mix(items + positions * _STEP))))
    return _mix(sums[ends.astype(int)] - sums[starts.astype(int)] + lengths)


def _numbers(values: pa.Array) -> Any:
    return np.asarray(values.cast(pa.int64()).fill_null(0)).astype(np.uint64)


def _mix(values: Any) -> Any:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
