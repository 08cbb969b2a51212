"""Naming a version of a table as its writer does: with an event of its kind."""

import json
import secrets

from sxe_pipeline.ops import versions

_ODD = {
    "quarantine": "observations",
    "enrichment_candidates": "candidates",
    "others": "lead_cards",
    "post_terms": "profiles",
}


def name(conn, table, version, **given):
    """`versions.name`, whatever the table is called."""
    base = table.split("/")[1]
    said = {"kind": f"{_ODD.get(base, base)}.written", "actor": "test", "subject": table}
    event = json.dumps(said | {"key": secrets.token_hex(8), "data": {}})
    versions.name(conn, table, version, event=event, **given)
