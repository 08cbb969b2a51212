"""How a registered file of the landing tier is read.

Here: finding it unchanged, and the mapping that its collection brings, where it brings one. Not
here: which files there are (`register`), what a file holds (`read`).
"""

from collections.abc import Iterator
from typing import BinaryIO

from sxe_pipeline.errors import LandingGone, NotFound
from sxe_pipeline.ingest import read as reading
from sxe_pipeline.ingest import register
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.schema.landed import Landed, LandingFile
from sxe_pipeline.store.objects import Objects

MAPPING = "_mapping.yaml"


class LandingTier:
    """The landing store, seen by its readers."""

    def __init__(self, url: str) -> None:
        self._objects = Objects(url)

    def read(self, file: LandingFile) -> Iterator[Landed]:
        """The mapped rows and the rejects of one file, in batches.

        Raises:
            LandingGone: The file is registered and no longer there.
        """
        with self._opened(file) as whole:
            if register.sha256_of(whole) != file.file_sha256:
                raise LandingGone(
                    f"landing file {file.file_sha256[:12]} of collection {file.collection} was "
                    "overwritten; a landed file does not change: restore it, and land the new "
                    "content under another name"
                )
        with self._opened(file) as stream:
            yield from reading.read_file(
                stream,
                name=file.path,
                file_sha256=file.file_sha256,
                collection=file.collection,
                registered_at=file.registered_at,
                mappings=mappings(self._own_mapping(file)),
            )

    def _opened(self, file: LandingFile) -> BinaryIO:
        try:
            return self._objects.open(file.path)
        except NotFound:
            raise LandingGone(
                f"landing file {file.file_sha256[:12]} of collection {file.collection} is gone; "
                "its day cannot be built again: restore the file, or leave the day as it stands"
            ) from None

    def _own_mapping(self, file: LandingFile) -> bytes | None:
        folder = file.path.split("/", 1)[0]
        for key in (f"{folder}/{MAPPING}", MAPPING):
            if self._objects.exists(key):
                return self._objects.get(key)
        return None
