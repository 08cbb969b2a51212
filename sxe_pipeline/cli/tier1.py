"""Verbs of Tier 1, in the order of the flow: ingest, build, redact, label, market.

Here: reading arguments, one call into a stage, the answer. Not here: anything a stage decides, and
what leaves Tier 1 (`handoff`).
"""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from sxe_pipeline import contracts_root
from sxe_pipeline.cli.logins import api_connection, dagster_instance, logged_in
from sxe_pipeline.cli.output import answer, as_json, dry_run, parse_day, table
from sxe_pipeline.errors import BadInput, NotFound


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--collection", help="Collection of single files (default: their folder's name).")
@click.option("--to-jsonl", is_flag=True, help="Only print the mapped rows, NOT yet redacted.")
@click.option("--quarantine", type=click.File("wb"), help="With --to-jsonl: rejects as JSON Lines.")
@click.option("--strict", is_flag=True, help="With --to-jsonl: exit 6 if a row was rejected.")
@dry_run
@as_json
def ingest(
    paths: tuple[Path, ...],
    collection: str | None,
    to_jsonl: bool,
    quarantine: BinaryIO | None,
    strict: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Land files or folders PATHS, and register them by their SHA-256."""
    if to_jsonl:
        _stream_rows(paths, quarantine, strict)
        return
    from sxe_pipeline.ingest import land, register
    from sxe_pipeline.store import objects, sql

    today = datetime.now(UTC).date()
    with logged_in("social") as given:
        landing = objects.Objects(given.landing_url)
        landed = land.land(landing, paths, collection=collection, day=today, dry_run=dry_run)
        data: dict[str, Any] = {"landed": landed, "dry_run": dry_run}
        if not dry_run:
            with sql.connect(given.need("social_dsn")) as conn:
                done = register.register_all(conn, landing, actor="cli:ingest")
            data |= {"registered": done.new, "days": [d.isoformat() for d in done.days]}
            if done.unreadable:
                data["unreadable"] = f"{done.unreadable} files; check their rights, then again"
    answer("ingest", data, as_json, (f"{name}: {value}" for name, value in data.items()))


def _stream_rows(paths: tuple[Path, ...], quarantine: BinaryIO | None, strict: bool) -> None:
    from sxe_pipeline.ingest import stream

    if sys.stdout.isatty():
        raise BadInput("rows are printed before redaction; send them to a file or a pipe")
    written = stream.to_jsonl(
        paths, out=sys.stdout.buffer, quarantine=quarantine, now=datetime.now(UTC)
    )
    if written.quarantined and strict:
        sys.exit(6)


@click.command()
@click.option("--day", "days", multiple=True, help="Landing day; default: every pending day.")
@click.option("--publish", is_flag=True, help="Publish the batches of the day as well (tier1_day).")
@dry_run
@as_json
def build(days: tuple[str, ...], publish: bool, dry_run: bool, as_json: bool) -> None:
    """Build Tier 1, cards and pools of the pending days, in this process."""
    from sxe_pipeline import definitions
    from sxe_pipeline.ingest import register
    from sxe_pipeline.local import runs
    from sxe_pipeline.store import objects, sql

    job = definitions.DAY if publish else definitions.INTAKE
    with logged_in("social", "dagster") as given:
        with sql.connect(given.need("social_dsn")) as conn:
            if not dry_run:
                landing = objects.Objects(given.landing_url)
                register.register_all(conn, landing, actor="cli:build")
            wanted = [_landing_day(d) for d in days] or [
                p.day for p in register.pending_days(conn, given.pace) if given.builds(p.day)
            ]
        stretches = runs.stretches(wanted, is_single=publish)
        done: list[dict[str, Any]] = []
        if wanted and not dry_run:
            tier = definitions.assemble(given)
            with dagster_instance(given) as instance:
                for stretch in stretches:
                    run = runs.run(tier, instance, job, stretch)
                    done.append(
                        {
                            "days": [day.isoformat() for day in stretch],
                            "run_id": run.run_id,
                            "ok": run.is_success,
                            "failure": run.failure,
                            "failed_checks": run.failed_checks,
                        }
                    )
    data = {"job": job, "days": [d.isoformat() for d in sorted(wanted)], "runs": done}
    answer("build", data, as_json, _run_lines(data))
    sys.exit(0 if all(r["ok"] for r in done) else 1)


def _landing_day(text: str) -> date:
    from sxe_pipeline.schema.tables import FIRST_DAY

    day, today = parse_day(text), datetime.now(UTC).date()
    if not FIRST_DAY <= day <= today:
        raise BadInput(f"a landing day lies between {FIRST_DAY} and {today}")
    return day


def _run_lines(data: dict[str, Any]) -> Iterator[str]:
    if not data["days"]:
        yield "nothing is pending: every registered file has been observed"
    for run in data["runs"] or [{"days": [d], "ok": None} for d in data["days"]]:
        state = {True: "done", False: f"failed: {run.get('failure')}", None: "would run"}[run["ok"]]
        days = run["days"][0] if len(run["days"]) == 1 else f"{run['days'][0]} to {run['days'][-1]}"
        yield f"{data['job']} {days}: {state}"
        for check in run.get("failed_checks") or ():
            yield f"  check failed: {check}"


@click.command()
@click.option("--field", default="text", show_default=True, help="The field that holds the text.")
def redact(field: str) -> None:
    """Find contact data: JSON Lines on stdin, the same with `redacted` and `spans` on stdout."""
    from sxe_pipeline.redact import stream

    _stream(stream.redact_lines(sys.stdin.buffer, field))


@click.command()
@click.option("--field", default="bio", show_default=True, help="The field that holds the text.")
def label(field: str) -> None:
    """Label texts: JSON Lines on stdin, the same with persona, tribe and evidence on stdout."""
    from sxe_pipeline.cards import stream, taxonomy

    labels = taxonomy.load(contracts_root() / "taxonomy")
    _stream(stream.label_lines(sys.stdin, field, labels))


def _stream(rows: Iterable[dict[str, Any]]) -> None:
    import msgspec

    encode = msgspec.json.Encoder().encode
    out = sys.stdout.buffer
    for row in rows:
        out.write(encode(row) + b"\n")
    out.flush()


@click.command()
@click.argument("slug", required=False)
@as_json
def market(slug: str | None, as_json: bool) -> None:
    """The markets and how big, ready and well labeled they are; one market's pools with SLUG."""
    from sxe_pipeline.cards import market as markets

    with api_connection() as conn:
        rows = markets.pools(conn, slug) if slug else markets.markets(conn)
    if slug and not rows:
        raise NotFound(f"there is no market {slug}; `sxe market` lists them")
    answer("market", {"rows": rows}, as_json, table(rows))
