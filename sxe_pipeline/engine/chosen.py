"""Which engine a run maps its rows on.

Here: engines by their names, and how many processes of this machine are worth having. Not here:
what an engine does (`local`, `spark`), who chooses (`sxe build --engine`, the tag of a run).
"""

from sxe_pipeline.engine.local import Local
from sxe_pipeline.engine.rows import Engine
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.schema import container
from sxe_pipeline.settings import Settings

LOCAL, SPARK = "local", "spark"
PROCESS_BYTES = 1 << 30
"""A process that maps takes about half of it; the rest is for what hands out and gathers."""
PATIENCE_S = 3.0
"""What the start of two processes costs: few rows are done sooner, and never pay for it."""


def chosen(name: str, settings: Settings) -> Engine:
    """The engine of that name.

    Raises:
        BadConfig: There is none, or it is not installed here.
    """
    if name == LOCAL:
        return Local(settings.processes or processes(), PATIENCE_S)
    if name != SPARK:
        raise BadConfig(f"there is no such engine; take {LOCAL} or {SPARK}")
    from sxe_pipeline.engine import spark

    return spark.Spark(spark.session(settings.spark_master))


def processes() -> int:
    """How many processes map where nothing is set: one a core, as far as memory goes."""
    return max(1, min(container.cores(), container.memory_bytes() // PROCESS_BYTES))
