"""The rules in force on landed rows, as values: a test switches one off by handing in another."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from sxe_pipeline import redact
from sxe_pipeline.redact import scan


@dataclass(frozen=True)
class Detectors:
    """What redacts a text, a link, a seam and a handle, and the second detector beside it."""

    redact_array: Callable[..., redact.Redacted] = redact.redact_array
    redact_links: Callable[[pa.Array], redact.RedactedLinks] = redact.redact_links
    redact_seam: Callable[[pa.Array, pa.Array], redact.Joined] = redact.redact_seam
    contact_shaped: Callable[[pa.Array], pa.Array] = redact.contact_shaped
    scan_array: Callable[[pa.Array], pa.Array] = scan.scan_array
    ruleset_version: str = redact.RULESET_VERSION
