"""The files of a batch before they are put: hashed while they are written, without a name.

Here: small ones in memory, large ones on the disk, in files that no folder ever lists and that are
gone with the process, whatever ends it. Not here: what stands in them (`encode`).
"""

import hashlib
import io
import mmap
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, cast

import polars as pl

from sxe_pipeline import settings
from sxe_pipeline.errors import StoreUnavailable, is_full

Holds = Literal["rows", "removes"]

FOLDERS = {"parquet": "parquet", "jsonl": "_jsonl"}
"""Format -> the folder of rows in a batch. Readers of folders leave out what begins with an
underscore."""
ABOVE = {"rows": "", "removes": "_removes/"}
"""What a file holds -> what stands before its folder: removes lie as rows do, apart from them."""
IN_MEMORY_BYTES = 16 << 20
"""Rows up to this size stay in memory as files, too: a request's contact values do."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a batch. `name`, its path below that, carries 16 hex of the hash of its bytes."""

    name: str
    format: str
    holds: Holds
    rows: int
    sha256: str
    size: int
    file: BinaryIO = field(compare=False, repr=False)

    def entry(self) -> dict[str, str | int]:
        """The file's entry in the manifest."""
        return {
            "name": self.name,
            "format": self.format,
            "holds": self.holds,
            "bytes": self.size,
            "rows": self.rows,
            "sha256": self.sha256,
        }

    def data(self) -> bytes | mmap.mmap:
        """All its bytes; those on the disk are mapped, not read."""
        if isinstance(self.file, io.BytesIO):
            return self.file.getvalue()
        return mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)

    def chunks(self) -> Iterator[bytes]:
        """All its bytes, a megabyte at a time."""
        self.file.seek(0)
        yield from chunks(self.file)


@dataclass(frozen=True, slots=True)
class Content:
    """All files of a batch, and what they hold. `close` gives back what they take.

    `versions`: each column of the contract named `*_version` -> its values, sorted, nulls left out.
    `remove_count` is null for a full batch. `keys_sha256`: the proof of reading it.
    """

    parts: Sequence[Part]
    row_count: int
    versions: Mapping[str, Sequence[str]]
    keys_sha256: str
    remove_count: int | None = None

    @property
    def kind(self) -> Literal["full", "delta"]:
        """All rows, or what changed since the batch before."""
        return "full" if self.remove_count is None else "delta"

    def entries(self) -> list[dict[str, str | int]]:
        """The files as the manifest lists them."""
        return [part.entry() for part in self.parts]

    def lines(self, holds: Holds) -> Iterator[bytes]:
        """The JSON Lines of the rows or of the removes, a megabyte at a time."""
        for part in self.parts:
            if (part.format, part.holds) == ("jsonl", holds):
                yield from part.chunks()

    def close(self) -> None:
        """Delete the files."""
        for part in self.parts:
            part.file.close()


def unnamed(byte_count: int) -> BinaryIO:
    """A new file without a name, in memory or on the disk.

    Args:
        byte_count: How large the rows are that it is for.

    Raises:
        BadConfig: `SXE_SPILL_DIR` cannot be used.
    """
    if byte_count <= IN_MEMORY_BYTES:
        return io.BytesIO()
    return tempfile.TemporaryFile(dir=settings.engine_limits().spill)


def written(
    file: BinaryIO,
    number: int,
    kind: str,
    holds: Holds,
    rows: int,
    write: Callable[[BinaryIO], None],
) -> Part:
    """A file once it is written.

    Args:
        file: A new one.
        number: Its place among the files of its format that hold the same.
        kind: Its format.
        holds: Rows of the contract, or removes.
        rows: How many it holds.
        write: Writes it, from its beginning to its end.

    Raises:
        StoreUnavailable: The disk for temporary files is full.
    """
    hashed = _Hashed(file)
    try:
        write(cast(BinaryIO, hashed))
        file.flush()
    except (OSError, pl.exceptions.PolarsError) as error:
        if not is_full(error):
            raise
        raise StoreUnavailable(
            "the disk for temporary files is full; make room there or set SXE_SPILL_DIR, then run "
            "it again; nothing was published"
        ) from None
    sha256 = hashed.digest.hexdigest()
    name = f"{ABOVE[holds]}{FOLDERS[kind]}/part-{number:05d}-{sha256[:16]}.{kind}"
    return Part(name, kind, holds, rows, sha256, hashed.size, file)


class _Hashed(io.RawIOBase):
    """What hashes and counts all that goes through it into a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest, self.size = hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        size = self._file.write(data)
        self.size += size
        return size

    def tell(self) -> int:
        return self.size


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """What is left of a stream, a megabyte at a time."""
    while chunk := stream.read(_CHUNK):
        yield chunk
