"""Verbs of the audit: search the record, and check that it still stands.

Here: reading arguments, the verdict as an exit code. Not here: a verb that changes the record;
there is none.
"""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from sxe_pipeline.cli import progress
from sxe_pipeline.cli.logins import api_connection, dagster_instance, logged_in
from sxe_pipeline.cli.output import ROWS, SEQUENCE, answer, as_json, parse_day, table

CANNOT_TELL = 9

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_since = click.option(
    "--since",
    type=SEQUENCE,
    default=0,
    metavar="SEAL_NO",
    help="Only what was sealed after that seal.",
)


@click.group()
def audit() -> None:
    """What was done, by whom, and whether the record of it still stands."""


@audit.command("search")
@click.option("--kind", help="Such as batch.published.")
@click.option("--actor", help="Such as cli:ingest.")
@click.option("--subject", help="Such as a batch id.")
@click.option("--since", help="A day, YYYY-MM-DD.")
@click.option("--limit", type=ROWS, default=50, show_default=True)
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
@click.option(
    *("--key", "keys"),
    multiple=True,
    type=_FILE,
    help="The public half of a key that sealed; default: keys/audit.pub of the home, if there.",
)
@click.option(
    *("--checkpoint", "kept"),
    multiple=True,
    type=_FILE,
    help="A checkpoint, or a head that carries one, as somebody kept it.",
)
@_since
@as_json
def audit_verify(as_json: bool, since: int, kept: tuple[Path, ...], keys: tuple[Path, ...]) -> None:
    """Check hashes, seals, facts, coverage, mirror and guards.

    Exit 0 whole, 1 tampered, 9 cannot tell.
    """
    from sxe_pipeline import face, sign
    from sxe_pipeline.audit import checkpoints, verify
    from sxe_pipeline.errors import Refused
    from sxe_pipeline.store import catalogue, key_files, objects, sql

    with (
        logged_in("api", "dagster") as given,
        dagster_instance(given) as instance,
        sql.open_unchecked(given.need("api_dsn")) as conn,
    ):
        with suppress(Refused):  # changed by hand: a finding, not a reason to look no further
            catalogue.require_fit(conn)
        own = key_files.audit_file(given.home).with_suffix(".pub")
        pinned = [
            sign.public_key(file.read_bytes()) for file in keys or ([own] if own.is_file() else [])
        ]
        progress.say("reading every event and the mirror")
        seen = verify.verify(
            conn,
            lambda keys: face.materializations(instance, keys),
            public_keys=pinned,
            store=objects.Objects(given.audit_url) if "audit_url" in given.stores else None,
            kept=[
                checkpoints.read(checkpoints.kept_in(file.read_bytes()), pinned or None)
                for file in kept
            ],
            since=since,
        )
    answer("audit verify", seen.as_dict(), as_json, seen.lines())
    sys.exit({"whole": 0, "tampered": 1}.get(seen.status, CANNOT_TELL))


@audit.command("export")
@_since
def audit_export(since: int) -> None:
    """The sealed log as JSON Lines, for whoever checks it elsewhere: each event with its proof.

    The first line is the newest checkpoint. There is no personal data in the log.
    """
    import json

    from sxe_pipeline.audit import export

    with api_connection() as conn:
        for line in export.export(conn, since):
            click.echo(json.dumps(line, ensure_ascii=False))
