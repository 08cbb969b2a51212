"""A seekable copy of a stream, for formats that are read from their end.

It has no name, lies in memory while it is small, and dies with its reader.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from sxe_pipeline.errors import StoreUnavailable

_IN_MEMORY = 32 << 20


@contextmanager
def spooled(pieces: Iterator[bytes]) -> Iterator[BinaryIO]:
    """The copy, at its beginning.

    Raises:
        StoreUnavailable: The folder for temporary files is full.
    """
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        for piece in pieces:
            try:
                spool.write(piece)
            except OSError as why:
                raise StoreUnavailable(
                    f"a file could not be unpacked ({type(why).__name__}); make room in the folder "
                    "for temporary files (TMPDIR), then run it again"
                ) from None
        spool.seek(0)
        yield cast(BinaryIO, spool)
