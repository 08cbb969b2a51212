"""Where batches are read from by who verifies or pulls them: a folder, a bucket, a web server.

Here: an address becomes what `verify` and `pull` read. Not here: any check of what is read.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import HTTPStore

from sxe_pipeline.errors import BadInput, NotFound, StoreUnavailable, Tampered
from sxe_pipeline.handoff.reader.verify import Prefix
from sxe_pipeline.settings import StoreUrl
from sxe_pipeline.settings.variables import is_loopback, parts_of
from sxe_pipeline.store.disk import local_path
from sxe_pipeline.store.objects import Entry, Objects

_IN_MEMORY = 32 << 20
"""A larger file lies on the disk while it is read."""
_CHUNK = 1 << 20


class Web:
    """Files below an address that a web server answers; it lists none."""

    def __init__(self, url: str) -> None:
        """Open the address; http:// is for this machine alone.

        Raises:
            BadInput: It is none.
        """
        self.url = url
        scheme, host = parts_of(url) or ("", None)
        if not host or not (scheme == "https" or (scheme == "http" and is_loopback(host))):
            raise BadInput("a batch is fetched over https://; correct the address")
        self._store = HTTPStore.from_url(url, client_options={"allow_http": scheme == "http"})

    def list(self, prefix: str = "") -> Sequence[Entry]:
        """Nothing: whoever reads from here reads what the manifest lists."""
        del prefix
        return []

    def open(self, key: str) -> BinaryIO:
        """The whole file, seekable.

        Raises:
            NotFound: The server has none of that name.
            StoreUnavailable: It does not answer, or refuses.
        """
        with contextlib.ExitStack() as unread:
            spooled = unread.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
            for chunk in self.chunks(key):
                spooled.write(chunk)
            spooled.seek(0)
            unread.pop_all()
        return cast(BinaryIO, spooled)

    def chunks(self, key: str) -> Iterator[bytes]:
        """The file as it comes; who reads no further closes the connection.

        Raises:
            NotFound: As of `open`.
            StoreUnavailable: As of `open`.
        """
        try:
            for chunk in obstore.get(self._store, key).stream():
                yield bytes(chunk)
        except FileNotFoundError:
            raise NotFound(f"{key} is not there") from None
        except (BaseError, OSError):
            raise StoreUnavailable(
                f"{self.url} does not hand out {key}; check the address and your right to it"
            ) from None


class Source(Protocol):
    """Files below an address, read once from front to end."""

    def chunks(self, key: str) -> Iterator[bytes]:
        """The bytes of a file. Raises NotFound where there is none."""
        ...


class _Disk:
    """Files below a folder: regular ones, as whoever fills the folder may put a pipe there."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def chunks(self, key: str) -> Iterator[bytes]:
        try:
            opened = os.open(self._root / key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"{key} is not there") from None
        except OSError as error:
            raise StoreUnavailable(f"{key} cannot be read ({type(error).__name__})") from None
        with os.fdopen(opened, "rb") as stream:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise Tampered(f"{key} is no regular file; ask the sender")
            while chunk := stream.read(_CHUNK):
                yield chunk


class _Bucket:
    """Files below a prefix of a bucket."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def chunks(self, key: str) -> Iterator[bytes]:
        with self._objects.open(key) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk


def store_of(address: str | Path, known: Iterable[StoreUrl] = ()) -> Source:
    """All batches of a sender: the folder, prefix or address above `<contract>/v<major>`.

    Args:
        address: A folder, `file:///folder`, `s3://bucket/path` or `https://host/path`.
        known: As of `source_of`.

    Raises:
        BadInput: It is none.
    """
    if isinstance(address, Path):
        return _Disk(address)
    if address.startswith("file://"):
        return _Disk(local_path(address) or Path())
    if not address.startswith("s3://"):
        return Web(address.rstrip("/"))
    bucket, _, path = address.removeprefix("s3://").rstrip("/").partition("/")
    if not bucket:
        raise BadInput("batches in a bucket are at s3://BUCKET/...; correct the address")
    where = f"s3://{bucket}/{path}" if path else f"s3://{bucket}"
    return _Bucket(Objects(StoreUrl(where, _options(bucket, known))))


def read(source: Source, key: str, most: int) -> bytes:
    """A small file as a whole.

    Raises:
        NotFound: There is none of that name.
        Tampered: It is larger than any that we write; no more of it was read.
    """
    data = bytearray()
    for chunk in source.chunks(key):
        data += chunk
        if len(data) > most:
            raise Tampered(f"{key} is larger than any that we write; ask the sender")
    return bytes(data)


def source_of(address: str, known: Iterable[StoreUrl] = ()) -> Prefix:
    """The batch at an address.

    Args:
        address: `s3://bucket/path/BATCH_ID` or `https://host/path/BATCH_ID`: the folder of its
            `_manifest.json`.
        known: Stores of this process; one of that bucket lends its identity and endpoint.

    Raises:
        BadInput: It is no such address.
    """
    above, _, folder = address.rstrip("/").rpartition("/")
    if not address.startswith("s3://"):
        return Prefix(Web(above), folder)
    bucket, _, path = address.removeprefix("s3://").rstrip("/").partition("/")
    if not bucket or not path:
        raise BadInput("a batch in a bucket is s3://BUCKET/.../BATCH_ID; correct the address")
    return Prefix(Objects(StoreUrl(f"s3://{bucket}", _options(bucket, known))), path)


def _options(bucket: str, known: Iterable[StoreUrl]) -> Mapping[str, str]:
    return next((url.options for url in known if f"{url}/".startswith(f"s3://{bucket}/")), {})
