"""The face of the contact tier: one partition per request."""

from uuid import UUID

import dagster as dg

from sxe_pipeline import audit, face
from sxe_pipeline.contacts import enrich
from sxe_pipeline.contacts.sensors import ATTEMPT
from sxe_pipeline.contacts.tier import ContactTier
from sxe_pipeline.ops.runs import RunLease


@dg.asset(
    key_prefix="contacts",
    group_name="contacts",
    deps=[["cards", "enrichment_candidates"]],
    partitions_def=face.request_partitions,
    kinds={"postgres"},
    owners=["team:data-ops"],
    tags={"sxe/tier": "contact"},
    code_version="1",
)
@face.speaking_dagster
def contact_points(
    context: dg.AssetExecutionContext,
    run_lease: dg.ResourceParam[RunLease],
    contact_tier: dg.ResourceParam[ContactTier],
) -> dg.MaterializeResult[None]:
    """Contact values of one approved request, each paid for under a permit; stored encrypted.

    A run that the gate did not launch (by hand, a backfill, a second daemon) calls no provider.

    Args:
        context: The run, with its request.
        run_lease: Its connection.
        contact_tier: The keyset and the providers.
    """
    request_id = UUID(context.partition_key)
    attempt = context.run.tags.get(ATTEMPT)
    with run_lease.connect() as conn:
        report = enrich.enrich(
            conn,
            contact_tier.vault(),
            contact_tier.providers(),
            request_id=request_id,
            attempt=int(attempt) if attempt else None,
            run_id=context.run.run_id,
        )
        attestation = audit.attest(
            conn, "contacts/contact_points", context.run.run_id, subject=str(request_id)
        )
    return dg.MaterializeResult(
        metadata={
            **face.counts(state=report.state, **report.numbers()),
            **attestation.metadata,
            **face.summary(
                "Enrichment", report.numbers() | {"state": report.state, **report.stops}
            ),
        }
    )
