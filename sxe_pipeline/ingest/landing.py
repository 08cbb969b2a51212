"""How a registered file of the landing tier is read.

Here: finding it unchanged, and the mapping that its collection brings, where it brings one. Not
here: which files there are (`register`), what a file holds (`read`).
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from sxe_pipeline.errors import BadInput, Busy, LandingGone, NotFound, SxeError
from sxe_pipeline.errors import StoreUnavailable as Unavailable
from sxe_pipeline.ingest import look as looking
from sxe_pipeline.ingest import read as reading
from sxe_pipeline.ingest import register
from sxe_pipeline.ingest.collection import MAPPING
from sxe_pipeline.ingest.mapping import Mappings, mappings
from sxe_pipeline.schema.landed import Landed, LandingFile
from sxe_pipeline.store.objects import Objects


class LandingTier:
    """The landing store, seen by its readers."""

    def __init__(self, url: str) -> None:
        self._objects = Objects(url)
        self._mappings: dict[tuple[str, str], Mappings] = {}

    def read(self, file: LandingFile) -> Iterator[Landed]:
        """The mapped rows and the rejects of one file, in batches.

        Raises:
            LandingGone: The file is registered, and no longer there as it was.
            StoreUnavailable: The landing store failed.
            Busy: Its collection's mapping was broken since the file was registered.
        """
        with self._opened(file) as whole:
            if register.sha256_of(whole) != file.file_sha256:
                raise LandingGone(
                    f"landing file {file.file_sha256[:12]} of collection {file.collection} was "
                    f"overwritten; restore it, or take it out: `{_withdraw(file)}` (what stands "
                    "there now is a file of its own)"
                )
        chosen = self._mapping_of(file)
        with self._opened(file) as stream:
            yield from reading.read_file(
                stream,
                name=file.path,
                file_sha256=file.file_sha256,
                collection=file.collection,
                registered_at=file.registered_at,
                mappings=chosen,
            )

    def look(self, file: LandingFile) -> looking.Look | None:
        """What stands in the way of a file; None where it can no longer be read.

        Raises:
            StoreUnavailable: The landing store failed.
        """
        try:
            chosen = self._mapping_of(file)
            with self._opened(file) as stream:
                return looking.look(stream, file.path, file.collection, chosen)
        except (LandingGone, Busy):
            return None

    @contextmanager
    def _opened(self, file: LandingFile) -> Iterator[BinaryIO]:
        try:
            stream = self._objects.open(file.path)
        except NotFound:
            raise LandingGone(
                f"landing file {file.file_sha256[:12]} of collection {file.collection} is gone; "
                f"restore it, or take it out: `{_withdraw(file)}`"
            ) from None
        with stream:
            yield cast(BinaryIO, _Steady(stream))

    def _mapping_of(self, file: LandingFile) -> Mappings:
        """Fetched once for each version of it that the register knows."""
        if file.mapping_sha256 is None:
            return mappings(None)
        known = (file.collection, file.mapping_sha256)
        if known in self._mappings:
            return self._mappings[known]
        text = self._mapping_text(file)
        try:
            found = mappings(text)
        except BadInput:
            raise Busy(
                f"the {MAPPING} of collection {file.collection} was broken since its files were "
                "registered; run it again: the collection is set aside then until it is mended"
            ) from None
        if text is not None and hashlib.sha256(text).hexdigest() == file.mapping_sha256:
            self._mappings[known] = found
        return found

    def _mapping_text(self, file: LandingFile) -> bytes | None:
        folder, slash, _ = file.path.partition("/")
        for key in (f"{folder}/{MAPPING}", MAPPING) if slash else (MAPPING,):
            try:
                return self._objects.get(key)
            except NotFound:
                continue
        return None


class _Steady:
    """A stream of the landing store, whose failure is never taken for one of the file."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except SxeError:
            raise
        except Exception as why:  # noqa: BLE001 - each kind of store raises its own
            raise Unavailable(
                f"reading the landing store failed ({type(why).__name__}); check its disk and "
                "connection, then run it again"
            ) from None


def _withdraw(file: LandingFile) -> str:
    return f"sxe landing withdraw {file.file_sha256[:12]} --reason TEXT"
