"""The engine of tomorrow, as a program: more columns stated in the tables, and nothing else done.

Run with a login, a Tier 1 store, a landing store and a landing day; it rebuilds the profiles,
registers and observes what landed, and rebuilds them again. `--without-redaction` and
`--without-scan` switch a detector off. The columns are stated before any stage is imported, as if
they stood in the file.
"""

import contextlib
import sys
from dataclasses import replace
from datetime import UTC, date, datetime

from sxe_pipeline.schema import tables
from sxe_pipeline.schema.columns import Column

ADDED = (
    Column("headline", "string", "text"),
    Column("motto", "string"),
    Column("mottos", "list", children=(Column("element", "string", "text", nullable=False),)),
    Column("homepage", "string", "link"),
    Column("shops", "list", children=(Column("element", "string", "link", nullable=False),)),
)
MAPPING = """
platform: x
shapes:
  - name: tomorrow
    match: {has: [user, headline]}
    columns:
      platform_id: id
      handle: user
      headline: headline
      motto: motto
      mottos: mottos[*]
      homepage: homepage
      shops: shops[*]
"""


def main(dsn: str, tier1: str, landing: str, day: str, *switches: str) -> None:
    for name in ("LANDED_ROW", "OBSERVATION", "SIGHTING", "PROFILE"):
        table = getattr(tables, name)
        setattr(tables, name, replace(table, columns=(*table.columns, *ADDED)))
    run(dsn, tier1, landing, date.fromisoformat(day), *switches)


def run(dsn: str, tier1: str, landing: str, day: date, *switches: str) -> None:
    """What the jobs do with a landing day, in this process."""
    import pyarrow as pa

    from sxe_pipeline.errors import NotFound
    from sxe_pipeline.ingest import register
    from sxe_pipeline.ingest.landing import LandingTier
    from sxe_pipeline.redact import Redacted
    from sxe_pipeline.social import observe, profiles
    from sxe_pipeline.social.detectors import Detectors
    from sxe_pipeline.store import objects, sql

    def unredacted(texts: pa.Array, places: pa.Array) -> Redacted:
        kinds = pa.nulls(len(texts), pa.list_(pa.string()))
        return Redacted(texts, pa.array([0] * len(texts), pa.int32()), kinds)

    def blind(texts: pa.Array) -> pa.Array:
        return pa.nulls(len(texts), pa.string())

    detectors = Detectors()
    if "--without-redaction" in switches:
        detectors = replace(detectors, redact_array=unredacted)
    if "--without-scan" in switches:
        detectors = replace(detectors, scan_array=blind)
    tier = LandingTier(landing)
    with sql.connect(dsn) as conn:
        now = datetime.now(UTC)
        with contextlib.suppress(NotFound):
            profiles.rebuild(conn, tier1, actor="test", now=now)
        register.register_all(conn, objects.Objects(landing), actor="test")
        files = {day: register.day_of(conn, day).files}
        conn.commit()
        observe.observe(
            conn,
            tier1,
            days=[day],
            files_by_day=files,
            read=tier.read,
            now=now,
            actor="test",
            detectors=detectors,
        )
        profiles.rebuild(conn, tier1, actor="test", now=now)


if __name__ == "__main__":
    main(*sys.argv[1:])
