"""Verbs of the audit: search the record, and check that it still stands.

Here: reading arguments, the verdict as an exit code. Not here: a verb that changes the record;
there is none.
"""

import sys
from contextlib import suppress
from datetime import UTC, datetime

import click

from sxe_pipeline.cli import progress
from sxe_pipeline.cli.logins import api_connection, dagster_instance, logged_in
from sxe_pipeline.cli.output import answer, as_json, parse_day, table

CANNOT_TELL = 9


@click.group()
def audit() -> None:
    """What was done, by whom, and whether the record of it still stands."""


@audit.command("search")
@click.option("--kind", help="Such as batch.published.")
@click.option("--actor", help="Such as cli:ingest.")
@click.option("--subject", help="Such as a batch id.")
@click.option("--since", help="A day, YYYY-MM-DD.")
@click.option("--limit", default=50, show_default=True)
@as_json
def audit_search(as_json: bool, limit: int, since: str | None, **terms: str | None) -> None:
    """Events, newest first."""
    from sxe_pipeline.audit import search

    start = datetime.combine(parse_day(since), datetime.min.time(), UTC) if since else None
    with api_connection() as conn:
        rows = [e.as_dict() for e in search.search(conn, **terms, since=start, limit=limit)]
    shown = [{k: r[k] for k in ("recorded_at", "kind", "actor", "subject")} for r in rows]
    answer("audit search", {"rows": rows}, as_json, table(shown))


@audit.command("verify")
@as_json
def audit_verify(as_json: bool) -> None:
    """Check hashes, facts, coverage, mirror and guards. Exit 0 whole, 1 tampered, 9 cannot tell."""
    from sxe_pipeline import face
    from sxe_pipeline.audit import verify
    from sxe_pipeline.errors import Refused
    from sxe_pipeline.store import catalogue, sql

    with (
        logged_in("api", "dagster") as given,
        dagster_instance(given) as instance,
        sql.open_unchecked(given.need("api_dsn")) as conn,
    ):
        with suppress(Refused):  # changed by hand: a finding, not a reason to look no further
            catalogue.require_fit(conn)
        progress.say("reading every event and the mirror")
        seen = verify.verify(conn, lambda keys: face.materializations(instance, keys))
    answer("audit verify", seen.as_dict(), as_json, seen.lines())
    sys.exit({"whole": 0, "tampered": 1}.get(seen.status, CANNOT_TELL))
