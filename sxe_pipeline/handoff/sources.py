"""Where a batch is read from when somebody verifies it: a folder, a bucket, a web server.

Here: an address becomes what `verify` reads. Not here: any check of what is read.
"""

import contextlib
import tempfile
from collections.abc import Iterable, Sequence
from typing import BinaryIO, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import HTTPStore

from sxe_pipeline.errors import BadInput, NotFound, StoreUnavailable
from sxe_pipeline.handoff.verify import Prefix
from sxe_pipeline.settings import StoreUrl
from sxe_pipeline.settings.variables import is_loopback, parts_of
from sxe_pipeline.store.objects import Entry, Objects

_IN_MEMORY = 32 << 20
"""A larger file lies on the disk while it is read."""


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
        try:
            with contextlib.ExitStack() as unread:
                spooled = unread.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
                for chunk in obstore.get(self._store, key).stream():
                    spooled.write(chunk)
                spooled.seek(0)
                unread.pop_all()
        except FileNotFoundError:
            raise NotFound(f"{key} is not there") from None
        except (BaseError, OSError):
            raise StoreUnavailable(
                f"{self.url} does not hand out {key}; check the address and your right to it"
            ) from None
        return cast(BinaryIO, spooled)


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
    options = next((url.options for url in known if f"{url}/".startswith(f"s3://{bucket}/")), {})
    return Prefix(Objects(StoreUrl(f"s3://{bucket}", options)), path)
