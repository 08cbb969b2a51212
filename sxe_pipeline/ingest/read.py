"""One landing file becomes batches of landed rows and typed rejects; nothing is stored here.

Here: `read_file`. Not here: formats (`records`), shapes (`mapping`), batches (`pending`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats.chunks import CHUNK
from sxe_pipeline.ingest.formats.records import Record, Weight, records
from sxe_pipeline.ingest.mapping import Mappings
from sxe_pipeline.ingest.pending import EMPTY, Pending
from sxe_pipeline.schema.landed import Landed, Reject

_TOGETHER = 64
"""Records that are mapped at once; as many are held whole in memory, unless they are large."""
_HEAVY = 2 * CHUNK
"""Bytes beyond which no further record joins those that are mapped at once."""
_WIDE = 1 << 14
"""Cells beyond which none does."""


def unreadable() -> Landed:
    """What a file that cannot be opened becomes."""
    return Landed(EMPTY, [Reject(0, None, Fault.UNREADABLE.reason)])


def read_file(
    stream: BinaryIO,
    *,
    name: str,
    file_sha256: str,
    collection: str,
    registered_at: datetime,
    mappings: Mappings,
    batch_rows: int = 10_000,
) -> Iterator[Landed]:
    """Read and map one landing file in bounded memory.

    Args:
        stream: The file as it landed, compressed or not.
        name: Its path or name; the extension says the format.
        file_sha256: The hash it is known by.
        collection: Where it came from.
        registered_at: Its time of observation where the file gives none, and the bound of what it
            may give.
        mappings: The shapes to recognise.
        batch_rows: Rows and rejects per batch.

    Yields:
        Batches in file order; together their rows and rejects are exactly the file's records,
        numbered from 1.

    Raises:
        StoreUnavailable: The landing store, or the folder for temporary files, failed; nothing that
            stands in the file raises.
    """
    pending = Pending(file_sha256, collection, registered_at.astimezone(UTC))
    weight = Weight()
    found = records(stream, name, mappings.needs, weight)
    while some := _some(found, weight, min(_TOGETHER, batch_rows - len(pending))):
        pending.add(mappings.over(some))
        some.clear()  # before others are decoded
        if len(pending) >= batch_rows:
            yield pending.take()
    if len(pending):
        yield pending.take()


def _some(found: Iterator[Record | Fault], weight: Weight, most: int) -> list[Record | Fault]:
    """The next records, few where they are large."""
    some: list[Record | Fault] = []
    heavy, cells = weight.size + _HEAVY, 0
    for record in found:
        some.append(record)
        cells += len(record) if type(record) is dict else 1
        if len(some) >= most or weight.size > heavy or cells > _WIDE:
            break
    return some
