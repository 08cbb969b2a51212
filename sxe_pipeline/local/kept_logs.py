"""What a run printed, in a bucket: without contact data, by an identity of its own.

Here: the bucket, and what is taken out on the way there. Not here: who keeps it (`run_logs`).
"""

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dagster_aws.s3 import S3Resource
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager

from sxe_pipeline import logs, settings
from sxe_pipeline.settings import StoreUrl

_ENDS = {"stdout": "out", "stderr": "err"}
_LONGEST = 1 << 16


class KeptLogs(S3ComputeLogManager):
    """Dagster's own manager for S3, which uploads no line before it was looked at.

    Our log keeps contact data out by itself; what a library prints may hold anything.
    """

    def __init__(self, url: StoreUrl, inst_data: Any) -> None:
        """Take a folder that is this process's alone for what is not looked at yet.

        Args:
            url: `s3://bucket/prefix`, with the identity that is good for it.
            inst_data: As Dagster gives it.
        """
        parts = urlsplit(url)
        # For this user alone, and gone with this object.
        folder = tempfile.mkdtemp(prefix="sxe-run-logs-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        super().__init__(
            bucket=parts.netloc,
            prefix=parts.path.strip("/"),
            local_dir=folder,
            skip_empty_files=True,
            inst_data=inst_data,
        )
        reached = settings.object_store() | url.options
        self._s3_session = S3Resource(
            endpoint_url=reached.get("AWS_ENDPOINT_URL"),
            region_name=reached.get("AWS_REGION"),
            aws_access_key_id=reached.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=reached.get("AWS_SECRET_ACCESS_KEY"),
        ).get_client()

    def upload_to_cloud_storage(
        self, log_key: Sequence[str], io_type: Any, partial: bool = False
    ) -> None:
        """Take contact data out of what was captured, and upload the rest."""
        captured = self.local_manager.get_captured_local_path(log_key, _ENDS[io_type.value])
        if Path(captured).exists():
            _scrub(Path(captured))
        super().upload_to_cloud_storage(log_key, io_type, partial)


def _scrub(file: Path) -> None:
    """Line by line, as a run may print without end; of a long line the beginning stays."""
    clean = file.with_suffix(".clean")
    with file.open(encoding="utf-8", errors="replace") as printed, clean.open("w") as kept:
        while line := printed.readline(_LONGEST):
            kept.write(logs.scrub(line))
    clean.replace(file)
