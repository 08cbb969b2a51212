"""Files that are read without a key, for a while, at an address that was made for one.

Here: the addresses, which this process alone can make and read, and the files that it computed for
them. Not here: what stands in a file (`sharing`), how an address is let in (`door`).
"""

import io
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

from cryptography.fernet import Fernet, InvalidToken

from sxe_pipeline.errors import Busy
from sxe_pipeline.handoff.files import parts
from sxe_pipeline.handoff.lending import LENT_S

MOST_BYTES = 1 << 30
"""Of computed files on the disk; the one that was longest unused goes, and is made anew if asked
for."""

WAIT_S = 5.0
"""For another file to be computed, before the caller is asked to come again."""

_KEY_BYTES = 32

Write = Callable[[BinaryIO], None]


class Addresses:
    """Tokens of five minutes: sealed, signed (HMAC) by a secret that nobody else ever has.

    One stands for a key and one thing that it may read. It hides both.
    """

    def __init__(self) -> None:
        self._sealed = Fernet(Fernet.generate_key())

    def made(self, key_sha256: bytes, what: str) -> str:
        """A token that fits into a path."""
        return self._sealed.encrypt(key_sha256 + what.encode()).decode()

    def opened(self, token: str) -> tuple[bytes, str]:
        """The key's hash and what may be read; of a token that is none, or too old, nothing."""
        try:
            said = self._sealed.decrypt(token.encode(), ttl=LENT_S)
        except (InvalidToken, UnicodeEncodeError):
            return b"", ""
        return said[:_KEY_BYTES], said[_KEY_BYTES:].decode()


class Computed:
    """Files without a name that were computed from batches, which never change: nor do these.

    They end with the last address that leads to them: what is deleted in the store lies here no
    longer either.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, keep_s: float = LENT_S) -> None:
        self._most, self._keep_s = most_bytes, keep_s
        self._files = OrderedDict[str, tuple[parts.Part, float]]()
        self._lock, self._one = threading.Lock(), threading.Lock()
        self._timer: threading.Timer | None = None

    def entry(self, what: str, write: Write) -> Mapping[str, Any]:
        """What a manifest would say of the file: `format`, `bytes`, `sha256`; as `opened`."""
        stream, entry = self.opened(what, write)
        stream.close()
        return entry

    def opened(self, what: str, write: Write) -> tuple[BinaryIO, Mapping[str, Any]]:
        """A reader of the file with a place of its own, and its entry.

        Args:
            what: Its name among all.
            write: Writes it, the same bytes each time, if it is not there.

        Raises:
            Busy: Another one takes long: one at a time is computed.
            StoreUnavailable: The disk for temporary files is full.
        """
        if (found := self._found(what)) is not None:
            return found
        if not self._one.acquire(timeout=WAIT_S):
            raise Busy("another file is being computed; try again")
        try:
            return self._found(what) or self._made(what, write)
        finally:
            self._one.release()

    def sweep(self) -> None:
        """Let go of what no address leads to any more."""
        with self._lock:
            self._timer = None
            end = time.monotonic() - self._keep_s
            while self._files and next(iter(self._files.values()))[1] <= end:
                self._let_go()
            self._watch()

    def close(self) -> None:
        """Let go of all."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            while self._files:
                self._let_go()

    def _found(self, what: str) -> tuple[BinaryIO, Mapping[str, Any]] | None:
        with self._lock:
            return self._read(self._files[what][0], what) if what in self._files else None

    def _made(self, what: str, write: Write) -> tuple[BinaryIO, Mapping[str, Any]]:
        file = parts.unnamed(parts.IN_MEMORY_BYTES + 1)  # on the disk, however small
        try:
            part = parts.written(file, 0, "parquet", "rows", 0, write)
        except BaseException:
            file.close()
            raise
        with self._lock:
            found = self._read(part, what)
            sizes = sum(part.size for part, _ in self._files.values())
            while len(self._files) > 1 and sizes > self._most:
                sizes -= self._let_go()
            self._watch()
        return found

    def _read(self, part: parts.Part, what: str) -> tuple[BinaryIO, Mapping[str, Any]]:
        self._files[what] = part, time.monotonic()
        self._files.move_to_end(what)
        return cast(BinaryIO, _Reader(os.dup(part.file.fileno()))), part.entry()

    def _let_go(self) -> int:
        """Close the one that was longest unused; whoever reads it reads on. Its size."""
        _, (part, _) = self._files.popitem(last=False)
        part.file.close()
        return part.size

    def _watch(self) -> None:
        if self._files and self._timer is None:
            self._timer = threading.Timer(self._keep_s, self.sweep)
            self._timer.daemon = True
            self._timer.start()


class _Reader(io.RawIOBase):
    def __init__(self, number: int) -> None:
        self._number, self._at = number, 0

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset
        return offset

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._number, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            os.close(self._number)
        super().close()
