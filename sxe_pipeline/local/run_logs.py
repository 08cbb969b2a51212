"""Where Dagster keeps what a run printed: nowhere, unless this process names a bucket for it.

Here: the choice. One `dagster.yaml` serves every process and travels with each run, so the process
that captures decides by its own environment: the contact tier, which names none, keeps nothing.
"""

from collections.abc import Mapping
from typing import Any

from dagster._core.storage.compute_log_manager import ComputeLogManager
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

from sxe_pipeline import settings


class RunLogs(NoOpComputeLogManager):
    """The `compute_logs` of the shipped `dagster.yaml`."""

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: Any, config_value: Mapping[str, Any]
    ) -> ComputeLogManager:
        """Keep nothing, or `kept_logs` in the bucket of `SXE_RUN_LOG_STORE_URL`."""
        url = settings.run_log_store()
        if url is None:
            return NoOpComputeLogManager(inst_data)
        from sxe_pipeline.local.kept_logs import KeptLogs  # half a second, for who asked for it

        return KeptLogs(url, inst_data)
