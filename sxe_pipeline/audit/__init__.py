"""Audit: the record of what was done, beside every stage.

In:     facts of a stage, inside the transaction that they describe
Out:    audit.event (append-only), audit.attestation (which materialization answers for what),
        audit.leaf and audit.seal (the log sealed), checkpoints outside of the database
Never:  a value from a profile or a contact; an update; a delete
"""

from sxe_pipeline.audit.append import DAILY, KINDS, append, record
from sxe_pipeline.audit.attest import Attestation, attest, attest_days
from sxe_pipeline.audit.checkpoints import newest_checkpoint

__all__ = [
    "DAILY",
    "KINDS",
    "Attestation",
    "append",
    "attest",
    "attest_days",
    "newest_checkpoint",
    "record",
]
