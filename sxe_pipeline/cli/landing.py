"""Verbs of the landing store: what landed, what became of it, and how a file is taken out again.

Here: reading arguments and printing. Not here: what a file brought (`ingest.inventory`), how it is
withdrawn (`ingest.mend`), landing and building (`tier1`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import (
    ROWS,
    answer,
    as_json,
    dry_run,
    fields_of,
    parse_day,
    plain,
    reason,
    table,
)

if TYPE_CHECKING:
    import psycopg

    from sxe_pipeline.ingest.inventory import FileReport, Line
    from sxe_pipeline.ingest.look import Look
    from sxe_pipeline.settings import Settings
    from sxe_pipeline.store.objects import Objects

ACTOR = "cli:landing"
_SHORT = 12


@click.group()
def landing() -> None:
    """Landed files: what became of each, what was refused, and how one is taken out again."""


@contextmanager
def _store() -> "Iterator[tuple[psycopg.Connection, Objects, Settings]]":
    from sxe_pipeline.store import objects, sql

    with logged_in("social") as given, sql.connect(given.need("social_dsn")) as conn:
        yield conn, objects.Objects(given.landing_url), given


@landing.command("list")
@click.option("--day", help="Of this landing day only.")
@click.option("--collection", help="Of this collection only.")
@as_json
def landing_list(day: str | None, collection: str | None, as_json: bool) -> None:
    """The registered files and their counts; collections that are set aside, and why."""
    from sxe_pipeline.ingest import inventory

    with _store() as (conn, _, _given):
        lines = inventory.lines(conn, day=parse_day(day) if day else None, collection=collection)
        problems = inventory.problems(conn)
    shown = [
        {
            "day": each.landed_day,
            "collection": each.collection,
            "file": each.file_sha256[:_SHORT],
            "state": each.state + (", expired" if each.is_expired else ""),
            "records": each.input_count,
            "observations": each.observation_count,
            "posts": each.post_count,
            "quarantine": each.quarantine_count,
            "path": each.path,
        }
        for each in lines
    ]
    aside = [{"collection": name, "problem": problem} for name, problem in problems.items()]
    said = [f"collection {each['collection']} is set aside: {each['problem']}" for each in aside]
    data = {"rows": [fields_of(each) for each in lines], "set_aside": aside}
    answer("landing list", data, as_json, map(plain, [*table(shown), *said]))


@landing.command("show")
@click.argument("file")
@as_json
def landing_show(file: str, as_json: bool) -> None:
    """One FILE: its rows, what was refused and why, and how each mapped column is filled."""
    from sxe_pipeline.ingest import inventory, mend

    with _store() as (conn, store, given):
        known = mend.find(conn, store, file)
        found = inventory.report(conn, known)
        seen = inventory.look(conn, given.landing_url, found)
    data = {
        "file": fields_of(known),
        "state": found.line.state,
        "records": found.line.input_count,
        "observations": found.line.observation_count,
        "posts": found.line.post_count,
        "quarantine": found.line.quarantine_count,
        "reasons": found.reasons,
        "columns": [fields_of(each) for each in found.columns],
        "warnings": list(found.warnings()),
        "look": fields_of(seen) if seen else None,
    }
    lines = chain(_show_lines(found, known.withdrawn_reason), _look_lines(seen, line=found.line))
    answer("landing show", data, as_json, map(plain, lines))


def _show_lines(found: "FileReport", withdrawn: str | None) -> Iterator[str]:
    line = found.line
    yield f"file: {line.file_sha256}"
    yield f"path: {line.path}"
    yield f"collection: {line.collection}"
    yield f"landed on: {line.landed_day}"
    yield f"state: {line.state}" + (" (expired)" if line.is_expired else "")
    if withdrawn:
        yield f"withdrawn: {withdrawn}"
    if line.input_count is None:
        yield "its day was not built with it; run `sxe build`"
        return
    yield f"records: {line.input_count}"
    yield f"observations: {line.observation_count}, {line.post_count} of them posts"
    yield f"quarantine: {line.quarantine_count}"
    if found.reasons:
        yield from table([{"reason": r, "rows": n} for r, n in sorted(found.reasons.items())])
    if found.columns:
        yield from table([fields_of(each) for each in found.columns])
    for warning in found.warnings():
        yield f"look: {warning}"


def _look_lines(seen: "Look | None", line: "Line") -> Iterator[str]:
    if seen is None:
        return
    for advice, count in seen.advice.items():
        yield f"look: {count} of the first {seen.records} records: {advice}"
    if seen.proposal:
        yield (
            f"look: {seen.unknown} of the first {seen.records} records are of a shape that nobody "
            f"mapped; a start for {line.collection}/_mapping.yaml:"
        )
        yield from seen.proposal.splitlines()
    if seen.hidden:
        yield f"look: {seen.hidden} names of columns are not shown: they are no plain names"


@landing.command("quarantine")
@click.option("--day", help="Of this landing day only.")
@click.option("--file", help="Of this file only: its path, or the beginning of its hash.")
@click.option("--limit", type=ROWS, default=1_000, show_default=True)
@as_json
def landing_quarantine(day: str | None, file: str | None, limit: int, as_json: bool) -> None:
    """Records that are no observation: file, row, shape and reason; never what they hold."""
    from sxe_pipeline.ingest import inventory, mend

    with _store() as (conn, store, given):
        known = mend.find(conn, store, file) if file else None
        rows, total = inventory.quarantine(
            conn, given.tier1_url, day=parse_day(day) if day else None, file=known, limit=limit
        )
    shown = [{**row, "file_sha256": row["file_sha256"][:_SHORT]} for row in rows]
    rest = [f"{len(rows)} of {total} rows; --limit shows more"] if total > len(rows) else []
    lines = [*table(shown), *rest]
    answer("landing quarantine", {"rows": rows, "total": total}, as_json, map(plain, lines))


@landing.command("withdraw")
@click.argument("file")
@reason
@dry_run
@as_json
def landing_withdraw(file: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Take FILE out: its day is built again without its rows. Audited; the file stays on disk."""
    from sxe_pipeline.ingest import mend

    words = mend.reason_of(reason)
    with _store() as (conn, store, _given):
        known = mend.find(conn, store, file)
        is_new = known.withdrawn_at is None
        if not dry_run:
            is_new = mend.withdraw(conn, known, reason=words, actor=ACTOR).is_new
        data = _plan(conn, known, is_new=is_new, dry_run=dry_run)
    answer("landing withdraw", data, as_json, map(plain, _mended_lines(data)))


@landing.command("replace")
@click.argument("file")
@click.argument("newfile", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@reason
@dry_run
@as_json
def landing_replace(file: str, newfile: Path, reason: str, dry_run: bool, as_json: bool) -> None:
    """Land NEWFILE on the day of FILE, which counts no more from then on. Audited."""
    from sxe_pipeline.ingest import mend

    words = mend.reason_of(reason)
    with _store() as (conn, store, _given):
        known = mend.find(conn, store, file)
        is_new, by, is_landed = known.withdrawn_at is None, None, False
        if dry_run:
            mend.replacement(store, known, newfile)
        else:
            done = mend.replace(conn, store, known, newfile, reason=words, actor=ACTOR)
            is_new, by, is_landed = done.is_new, done.replaced_by, done.is_landed
        data = _plan(conn, known, is_new=is_new, dry_run=dry_run)
        data |= {"replaced_by": by, "is_landed": is_landed}
    answer("landing replace", data, as_json, map(plain, _mended_lines(data)))


def _plan(conn: "psycopg.Connection", known: Any, *, is_new: bool, dry_run: bool) -> dict[str, Any]:
    from sxe_pipeline.ingest import inventory

    line = inventory.report(conn, known).line
    return {
        "file_sha256": known.file_sha256,
        "path": known.path,
        "landed_day": known.landed_day,
        "is_new": is_new,
        "dry_run": dry_run,
        "observations": line.observation_count or 0,
    }


def _mended_lines(data: dict[str, Any]) -> Iterator[str]:
    name = f"{data['file_sha256'][:_SHORT]} ({data['path']})"
    if data.get("is_landed"):
        yield f"{data['replaced_by'][:_SHORT]} is landed in its place"
    if not data["is_new"]:
        yield f"{name} had been withdrawn before; nothing is changed about it"
        return
    yield f"{name} {'would be' if data['dry_run'] else 'is'} withdrawn"
    yield (
        f"{data['observations']} observations go when {data['landed_day']} is built again: "
        "`sxe build`, or by itself"
    )
