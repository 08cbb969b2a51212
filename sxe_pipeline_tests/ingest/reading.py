"""One call that lands bytes, for the tests of this folder."""

import io
from datetime import UTC, datetime
from typing import Any

from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file
from sxe_pipeline.schema.landed import Reject

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def land(
    data: bytes, name: str, mapping: bytes | None = None, batch_rows: int = 1_000
) -> tuple[list[dict[str, Any]], list[Reject]]:
    """All rows and rejects of a file with these bytes and this name."""
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for landed in read_file(
        io.BytesIO(data),
        name=name,
        file_sha256="0" * 64,
        collection="invented",
        registered_at=NOW,
        mappings=mappings(mapping),
        batch_rows=batch_rows,
    ):
        landed.rows.validate(full=True)
        rows += landed.rows.to_pylist()
        rejects += landed.rejects
    return rows, rejects
