"""Objects: bytes under a key, written once and never changed.

Here: the few calls that a local folder and S3 answer alike. No object attributes and no conditional
update: a local store has neither, so what matters about an object stands inside it.
"""

import io
import mmap
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, S3Store

from sxe_pipeline.errors import BadInput, NotFound, StoreUnavailable, is_full
from sxe_pipeline.store.disk import flush, local_path, private_folder

_STAGED = re.compile(r"#\d+$", re.ASCII)
"""What obstore names a file that it is writing; it lists none of them."""

_REASONS = {
    "169.254.169.254": "no credentials are set for it",  # where a machine of the cloud asks
    "NoSuchBucket": "there is no such bucket",
    "InvalidAccessKeyId": "its access key is unknown",
    "SignatureDoesNotMatch": "its secret key is wrong",
    "status code: 401": "its access key is unknown",
    "status code: 403": "its key has no right to do that",
    "status code: 404": "there is no such bucket",
    "status code: 501": "it cannot write only what is new (If-None-Match)",
    "status code: 500": "it is out of order",
    "status code: 502": "it is out of order",
    "status code: 503": "it is busy or out of order",
    "status code: 504": "it is out of order",
    "status code: 429": "it was asked too often",
    "status code: 400": "it does not understand the request, perhaps of another region",
    "redirect": "it is of another region",
    "builder error": "its endpoint is http:// and would be read on the way; begin it with https://",
    "error sending request": "nobody answers at its endpoint",
}
"""Part of the client's text -> why; the text itself may hold what was sent."""

_ONCE_MORE: dict[str, Any] = {
    "retry_config": {"max_retries": 1, "retry_timeout": timedelta(seconds=5)}
}

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Entry:
    """One object of a listing."""

    key: str
    size: int
    modified: datetime


class Objects:
    """A store of objects below one URL (`file:///...` or `s3://bucket/prefix`)."""

    def __init__(self, url: str, *, is_patient: bool = True) -> None:
        """Open the store; a local folder is made where it is missing, for its owner alone.

        Args:
            url: Where it is; a `StoreUrl` brings what only this store needs to be reached.
            is_patient: A service that is busy is asked again for minutes; False: once more.

        Raises:
            StoreUnavailable: The folder cannot be made, or the URL names no store we know.
        """
        self.url = url
        self.unlisted = 0
        self._folder = local_path(url)
        self._store: LocalStore | S3Store
        try:
            if self._folder is not None:
                private_folder(self._folder.absolute())
                self._store = LocalStore(prefix=self._folder.absolute())
            else:
                own = cast(Any, getattr(url, "options", {}))
                retry = {} if is_patient else _ONCE_MORE
                self._store = S3Store.from_url(url, config=own, **retry)
        except (BaseError, OSError, ValueError):
            raise StoreUnavailable(f"object store {url} cannot be opened; check its URL") from None

    def put_new(self, key: str, data: bytes | mmap.mmap) -> bool:
        """Write an object that does not exist yet; of two racing writers exactly one gets True.

        Args:
            key: Where.
            data: What. It goes in one piece: no store takes an object in several and only where
                there is none. A large one is a mapped file, which is read while it is sent.

        Returns:
            False when the key is taken; the object there is untouched.
        """
        with self._translated_errors(key):
            try:
                obstore.put(self._store, _checked(key), data, mode="create")
            except AlreadyExistsError:
                return False
        if self._folder is not None:
            flush([self._folder / key])
        return True

    def get(self, key: str) -> bytes:
        """The whole object. Raises NotFound where there is none."""
        with self._translated_errors(key):
            return obstore.get(self._store, _checked(key)).bytes().to_bytes()

    def exists(self, key: str) -> bool:
        """Whether the key holds an object."""
        with self._translated_errors(key):
            try:
                obstore.head(self._store, _checked(key))
            except FileNotFoundError:
                return False
        return True

    def list(self, prefix: str = "") -> Sequence[Entry]:
        """Every object below a folder, in the order of the keys.

        What a local store cannot list is left out and counted in `unlisted`: a file whose name no
        key can hold, a folder without rights.
        """
        inside = _checked(prefix.rstrip("/")) if prefix else None
        self.unlisted = 0
        with self._translated_errors(prefix):
            try:
                found = [
                    Entry(meta["path"], meta["size"], meta["last_modified"])
                    for page in obstore.list(self._store, inside)
                    for meta in page
                ]
            except BaseError:
                if self._folder is None:
                    raise
                # One such name or folder ends the listing of obstore.
                found = list(self._walked(self._folder, inside))
        return sorted(found, key=lambda entry: entry.key)

    def _walked(self, root: Path, inside: str | None) -> Iterator[Entry]:
        seen: set[str] = set()
        start = root / (inside or ".")
        os.scandir(start).close()
        for at, folders, names in os.walk(start, onerror=self._leave_out, followlinks=True):
            if (real := os.path.realpath(at)) in seen:
                folders.clear()
                continue
            seen.add(real)
            for file in (Path(at) / name for name in names):
                key = file.relative_to(root).as_posix()
                if not is_key(key):
                    self.unlisted += 1
                elif file.is_file() and not _STAGED.search(key):
                    stat = file.stat()
                    yield Entry(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))

    def _leave_out(self, _: OSError) -> None:
        self.unlisted += 1

    def open(self, key: str) -> BinaryIO:
        """A stream over the object, for files that are larger than memory. Seekable.

        Raises:
            NotFound: There is no such object.
        """
        with self._translated_errors(key):
            if self._folder is not None:
                return (self._folder / _checked(key)).open("rb")
            reader = obstore.open_reader(self._store, _checked(key))
            source = _Source(reader, lambda: self._translated_errors(key))
            return cast(BinaryIO, io.BufferedReader(source, buffer_size=1 << 20))

    def presigned(self, key: str, seconds: float) -> str | None:
        """An address that lets its holder read one object for a while; None of a local store.

        Raises:
            StoreUnavailable: There is no identity to sign with.
        """
        if not isinstance(self._store, S3Store):
            return None
        with self._translated_errors(key):
            return obstore.sign(self._store, "GET", _checked(key), timedelta(seconds=seconds))

    def delete(self, key: str) -> None:
        """Remove the object; an absent one is fine."""
        with self._translated_errors(key):
            try:
                obstore.delete(self._store, _checked(key))
            except FileNotFoundError:
                return

    def drop_half_written(self, before: datetime, folder: str = "") -> None:
        """Remove what writers that were killed left of an object, which no listing names.

        Only a local store keeps any.

        Args:
            before: What was touched later may still be written.
            folder: Below which; all of the store without one.
        """
        if self._folder is None:
            return
        with self._translated_errors(folder):
            for file in (self._folder / folder).rglob("*"):
                if _STAGED.search(file.name) and file.stat().st_mtime < before.timestamp():
                    file.unlink(missing_ok=True)

    @contextmanager
    def _translated_errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._failure(key, error) from None
            raise NotFound(f"object {key} is not in {self.url}") from None
        except (BaseError, OSError) as error:
            if is_full(error):
                raise StoreUnavailable(
                    f"the disk of object store {self.url} is full; make room there, then run it "
                    "again"
                ) from None
            raise self._failure(key, error) from None

    def _failure(self, key: str, error: Exception) -> StoreUnavailable:
        if self._folder is not None:
            return StoreUnavailable(
                f"object store {self.url} failed on {key} ({type(error).__name__}); check space "
                "and rights, then try again"
            )
        text = str(error)
        reason = next((words for part, words in _REASONS.items() if part in text), None)
        return StoreUnavailable(
            f"object store {self.url} failed on {key}: {reason or type(error).__name__}; check its "
            "URL, endpoint and key, then try again"
        )


class _Source(io.RawIOBase):
    """An obstore reader in the clothes of the standard library."""

    def __init__(self, reader: Any, translated: Callable[[], AbstractContextManager[None]]) -> None:
        self._reader, self._translated = reader, translated

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with self._translated():
            data = self._reader.read(len(buffer))
        buffer[: len(data)] = memoryview(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())


def is_key(name: str) -> bool:
    """Whether a name can be (part of) a key: no control character, nothing that is no UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return _CONTROL.search(name) is None


def _checked(key: str) -> str:
    parts = key.split("/")
    if not key or "\0" in key or any(part in ("", ".", "..") for part in parts):
        raise BadInput("an object key must be a relative path without empty, '.' or '..' parts")
    return key
