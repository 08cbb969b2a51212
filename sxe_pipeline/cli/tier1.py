"""Verbs of Tier 1, in the order of the flow: ingest, redact, resolve, label.

Here: reading arguments, one call into a stage, the answer. Not here: anything a stage decides,
building (`build`), markets (`market`), and what leaves Tier 1 (`handoff`).
"""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from sxe_pipeline import contracts_root
from sxe_pipeline.cli import progress
from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import answer, as_json, dry_run, fields_of, plain
from sxe_pipeline.errors import BadInput

_TOLD_ROWS = 1_000


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--collection", help="Collection of single files (default: their folder's name).")
@click.option("--to-jsonl", is_flag=True, help="Only print the mapped rows, NOT yet redacted.")
@click.option(
    "--quarantine",
    type=click.File("wb", lazy=False),
    help="With --to-jsonl: rejects as JSON Lines; what the file held before goes.",
)
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

    told = progress.current()
    with logged_in("social") as given, sql.connect(given.need("social_dsn")) as conn:
        landing = objects.Objects(given.landing_url)
        now = sql.now(conn)
        told.say("copying into the landing store")
        landed = land.land(
            landing,
            paths,
            collection=collection,
            day=now.astimezone(UTC).date(),
            dry_run=dry_run,
            progress=lambda files: told.add(files, "files"),
        )
        data: dict[str, Any] = {
            "landed": landed.new,
            "collections": landed.collections,
            "declarations": landed.declarations,
            "dry_run": dry_run,
        }
        unreadable = landed.unreadable
        if not dry_run:
            told.say("registering what is new")
            done = register.register_all(conn, landing, actor="cli:ingest", again=landed.keys)
            data |= {"registered": done.new, "days": [d.isoformat() for d in done.days]}
            data["set_aside"] = [fields_of(each) for each in done.set_aside]
            unreadable += done.unreadable
        if unreadable:
            data["unreadable"] = f"{unreadable} files; check their rights and names, then again"
    lines = [f"{name}: {value}" for name, value in data.items() if name != "set_aside"]
    aside = [str(each) for each in done.set_aside] if not dry_run else []
    answer("ingest", data, as_json, map(plain, [*lines, *aside]))


def _stream_rows(paths: tuple[Path, ...], quarantine: BinaryIO | None, strict: bool) -> None:
    from sxe_pipeline.ingest import stream

    if sys.stdout.isatty():
        raise BadInput("rows are printed before redaction; send them to a file or a pipe")
    written = stream.to_jsonl(
        paths, out=sys.stdout.buffer, quarantine=quarantine, now=datetime.now(UTC)
    )
    for column, rows in sorted(written.nulled.items()):
        click.echo(f"{column}: {rows} rows hold a value that cannot be read; it is null", err=True)
    if written.set_aside:
        names = (f"{name}: {problem}" for name, problem in written.set_aside.items())
        raise BadInput(f"{len(written.set_aside)} collections were not read: {'; '.join(names)}")
    if written.quarantined and strict:
        sys.exit(6)


@click.command()
@click.option("--field", default="text", show_default=True, help="The field that holds the text.")
def redact(field: str) -> None:
    """Find contact data: JSON Lines on stdin, the same with `redacted` and `spans` on stdout."""
    from sxe_pipeline.redact import stream

    _stream(stream.redact_lines(sys.stdin.buffer, field), field)


@click.command()
def resolve() -> None:
    """Find accounts that are one person: JSON Lines of profiles on stdin, pairs on stdout."""
    from sxe_pipeline.social import stream

    _stream(stream.resolve_lines(sys.stdin.buffer))


@click.command()
@click.option("--field", default="bio", show_default=True, help="The field that holds the text.")
@click.option("--rules-only", is_flag=True, help="Only phrases, no trained weights.")
def label(field: str, rules_only: bool) -> None:
    """Label texts: JSON Lines on stdin, the same with persona, tribe and evidence on stdout."""
    from sxe_pipeline.cards import stream, taxonomy
    from sxe_pipeline.cards.labeler import weights

    labels = taxonomy.load(contracts_root() / "taxonomy")
    trained = None if rules_only else weights.shipped(labels)
    _stream(stream.label_lines(sys.stdin, field, labels, trained), field)


def _stream(rows: Iterable[dict[str, Any]], field: str = "") -> None:
    import msgspec

    encode = msgspec.json.Encoder().encode
    out, told = sys.stdout.buffer, progress.current()
    if not sys.stdout.isatty():
        told.say(click.get_current_context().info_name or "")
    at, has_text = 0, not field
    for at, row in enumerate(rows, start=1):
        # The texts of a card that is given by its accounts stand there.
        has_text = has_text or isinstance(row.get(field), str) or "accounts" in row
        out.write(encode(row) + b"\n")
        if not at % _TOLD_ROWS:
            told.add_rows(_TOLD_ROWS)
    out.flush()
    if at and not has_text:
        warning = f"none of {at} lines holds a text in the field {field!r}; name another by --field"
        click.echo(f"sxe: warning: {warning}", err=True)
