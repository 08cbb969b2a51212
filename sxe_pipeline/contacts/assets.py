"""The face of the contact tier: one partition per request."""

from uuid import UUID

import dagster as dg

from sxe_pipeline import audit, face
from sxe_pipeline.contacts import enrich
from sxe_pipeline.contacts.sensors import ATTEMPT
from sxe_pipeline.contacts.tier import ContactTier
from sxe_pipeline.ops.runs import RunLease
from sxe_pipeline.store import catalogue

VALUES = "contacts.contact_point"


@dg.asset(
    key_prefix="contacts",
    group_name=face.TIER2,
    deps=[["cards", "enrichment_candidates"]],
    partitions_def=face.request_partitions,
    kinds={"postgres"},
    owners=["team:data-ops"],
    tags={"sxe/tier": "contact"},
    code_version="1",
    metadata=face.table(VALUES, catalogue.columns_of(VALUES)),
)
@face.speaking_dagster
def contact_points(
    context: dg.AssetExecutionContext,
    run_lease: dg.ResourceParam[RunLease],
    contact_tier: dg.ResourceParam[ContactTier],
) -> dg.MaterializeResult[None]:
    """Contact values of one approved request, each paid for under a permit; stored encrypted.

    A run that the gate did not launch (by hand, a backfill, a second daemon) calls no provider.
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
            note=contact_tier.note,
        )
        attestation = audit.attest(
            conn, "contacts/contact_points", context.run.run_id, subject=str(request_id)
        )
    shown = {
        name.removesuffix("_micros"): face.money(n) if name.endswith("_micros") else n
        for name, n in report.numbers().items()
    }
    return dg.MaterializeResult(
        metadata={
            **face.counts(state=report.state, **shown),
            **face.row_counts(report.values),
            **attestation.metadata,
            **face.summary("Enrichment", {**shown, "state": report.state, **report.stops}),
        }
    )
