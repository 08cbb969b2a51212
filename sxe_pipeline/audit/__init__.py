"""Audit: the record of what was done, beside every stage.

In:     facts of a stage, inside the transaction that they describe
Out:    audit.event (append-only), audit.cover (which materialization answers for which events)
Never:  a value from a profile or a contact; an update; a delete
"""

from sxe_pipeline.audit.append import KINDS, append
from sxe_pipeline.audit.cover import Cover, cover

__all__ = ["KINDS", "Cover", "append", "cover"]
