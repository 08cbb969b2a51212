"""The sensors of the handoff: bounded ticks over rows of ours."""

import dagster as dg

from sxe_pipeline import face
from sxe_pipeline.handoff import relay
from sxe_pipeline.settings import Settings


def relayed_notices(location: str, login: str) -> dg.SensorDefinition:
    """The sensor that sends what the outbox of a tier holds to its broker.

    Args:
        location: The code location whose sensor it is.
        login: Of its tier: it relays its own contracts alone.
    """

    @dg.sensor(
        name=f"relayed_{location}_notices",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the broker which batches were published, in order and at least once.",
    )
    @face.speaking_dagster
    def relayed(
        context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
    ) -> dg.SkipReason:
        return dg.SkipReason(relay.run_pass(settings, login))

    return relayed
