"""The background tasks of the handoff: heads that are true and not run out, notices that are sent.

Here: ticks of bounded work for the process of one tier. What a head lists is `heads`'s, the order
of notices `relay`'s.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg
import psycopg

from sxe_pipeline import face
from sxe_pipeline.handoff import heads, record
from sxe_pipeline.handoff.queue import relay
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects

KeepCount = Callable[[psycopg.Connection, Settings], None]
"""Brings the stores of the process's tier up to what the database counted; refuses the reverse."""


def renewed_heads(name: str, login: str, store: Callable[[Settings], str]) -> dg.SensorDefinition:
    """The sensor that keeps the heads of a tier.

    Args:
        name: Of the sensor.
        login: Of its tier, as in the settings.
        store: The URL of its handoff store.
    """

    @dg.sensor(
        name=name,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Signs which batches are the newest, before the last such word runs out.",
    )
    @face.speaking_dagster
    def renewed(
        context: dg.SensorEvaluationContext,
        settings: dg.ResourceParam[Settings],
        keep_count: dg.ResourceParam[KeepCount],
    ) -> dg.SkipReason:
        with sql.connect(settings.need(login)) as conn:
            if not heads.published(conn):
                return dg.SkipReason("nothing is published yet")
            signer = record.signer_of(conn, settings)
            conn.commit()
            done = list(
                heads.renew(
                    conn,
                    Objects(store(settings)),
                    signer=signer,
                    actor=name,
                    now=datetime.now(UTC),
                )
            )
            if any(each.is_new for each in done):
                keep_count(conn, settings)
        return dg.SkipReason(heads.sentence(done))

    return renewed


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
