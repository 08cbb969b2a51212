"""Verbs of what crosses the border: the batches and the contracts that they keep.

Here: listing, checking, printing. Not here: publishing (`tier1.build`) and the keys that sign
(`keys`).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sxe_pipeline import contracts_root, settings
from sxe_pipeline.cli import acks, progress
from sxe_pipeline.cli.addresses import Address, pem_of, pinned_key
from sxe_pipeline.cli.logins import api_connection
from sxe_pipeline.cli.notices import replay
from sxe_pipeline.cli.output import answer, as_json, dry_run, fields_of, table
from sxe_pipeline.errors import BadInput

if TYPE_CHECKING:
    from sxe_pipeline.handoff.reader.pull import Pulled


@click.group()
def batch() -> None:
    """Batches that were handed off."""


batch.add_command(acks.batch_ack)
batch.add_command(acks.batch_status)
batch.add_command(replay)


@batch.command("list")
@click.option("--market", help="Only this market.")
@as_json
def batch_list(market: str | None, as_json: bool) -> None:
    """Published batches, oldest first."""
    from sxe_pipeline.handoff import batches

    with api_connection() as conn:
        rows = [
            {
                "contract": b.contract,
                "number": b.published_seq,
                "market": b.market,
                "day": b.day.isoformat(),
                "request_id": str(b.request_id) if b.request_id else None,
                "seq": b.seq,
                "kind": b.kind,
                "rows": b.row_count,
                "removes": b.remove_count,
                "batch_id": b.batch_id,
                "folder": b.folder,
            }
            for b in batches.list_batches(conn, market=market)
        ]
    answer("batch list", {"rows": rows}, as_json, table(rows))


@batch.command("affected")
@as_json
def batch_affected(as_json: bool) -> None:
    """Batches in which the redaction rules in force find contacts; exit 1 where one stands.

    It stands until later batches of its market leave none of these rows: run `sxe build --publish`,
    and tell whoever fetched it to drop it.
    """
    from sxe_pipeline.handoff import affected
    from sxe_pipeline.store.objects import Objects

    progress.say("reading the batches of older rules")
    with api_connection() as conn:
        store = Objects(settings.load().handoff_url)
        found = affected.affected(conn, store, progress=progress.current().add_rows)
    rows = [
        {
            "contract": one.batch.contract,
            "market": one.batch.market,
            "day": one.batch.day.isoformat(),
            "rows": one.rows,
            "batch_id": one.batch.batch_id,
            "replaced_by": one.replaced_by,
        }
        for one in found
    ]
    answer("batch affected", {"rows": rows}, as_json, table(rows))
    sys.exit(any(one.replaced_by is None for one in found))


@batch.command("verify")
@click.argument("address", metavar="BATCH", type=Address())
@pinned_key
@click.option(
    "--contract",
    multiple=True,
    help="What you pinned the key for, such as lead_card. Default: what its file says, else any.",
)
@as_json
def batch_verify(address: Path | str, key: Path, contract: tuple[str, ...], as_json: bool) -> None:
    """Check signature, files, hashes, rows and schema of a BATCH.

    That is the folder with its _manifest.json, or the address of one: s3://bucket/..., https://...
    """
    from sxe_pipeline import sign
    from sxe_pipeline.handoff.reader import sources, verify

    known = settings.load().stores.values() if isinstance(address, str) else ()
    source = address if isinstance(address, Path) else sources.source_of(address, known)
    progress.say("checking signature, files and rows")
    pinned = pem_of(key)
    seen = verify.verify(source, sign.public_key(pinned), contract or sign.contracts_of(pinned))
    data = {
        "batch_id": seen.batch_id,
        "contract": seen.contract,
        "kind": seen.kind,
        "rows": seen.row_count,
        "removes": seen.remove_count,
        "market": seen.market,
        "day": seen.day,
        "verified": True,
    }
    answer("batch verify", data, as_json, (f"{name}: {value}" for name, value in data.items()))


@batch.command("pull")
@click.argument("address", metavar="SOURCE", type=Address())
@pinned_key
@click.option("--contract", required=True, help="What you pinned the key for, such as lead_card.")
@click.option(
    "--into",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Your own folder for what was verified; also how the next pull knows what you have.",
)
@click.option(
    "--major",
    type=click.IntRange(0, 10_000),
    help="Of the contract's version. Default: of the newest here.",
)
@as_json
def batch_pull(
    address: Path | str, key: Path, contract: str, into: Path, major: int | None, as_json: bool
) -> None:
    """Take over from SOURCE what is newest, verified; again: what is new since.

    SOURCE is where the contracts' folders are: a folder, s3://bucket/..., https://... Exit 10: the
    newest word of the sender has run out, and nothing is taken over.
    """
    from datetime import UTC, datetime

    from sxe_pipeline import schema, sign
    from sxe_pipeline.handoff.files import head
    from sxe_pipeline.handoff.reader import pull, sources

    pinned = pem_of(key)
    said = sign.contracts_of(pinned)
    if said and contract not in said:
        raise BadInput(f"the key is pinned for {', '.join(said)}; name one of these, or its key")
    known = settings.load().stores.values() if isinstance(address, str) else ()
    progress.say("looking for the newest head")
    done = pull.pull(
        sources.store_of(address, known),
        sign.public_key(pinned),
        contract=contract,
        major=head.major_of(schema.load(contract).version) if major is None else major,
        into=into,
        now=datetime.now(UTC),
        progress=lambda byte_count: progress.current().add(byte_count, "bytes"),
    )
    rows = [fields_of(each) for each in done.batches]
    data = {**fields_of(done), "batches": rows, "gone": list(done.gone)}
    shown = [
        {name: row[name] for name in ("market", "day", "kind", "row_count", "folder")}
        for row in rows
    ]
    answer("batch pull", data, as_json, [*_pulled_lines(done), *table(shown)])


def _pulled_lines(done: "Pulled") -> Iterator[str]:
    yield (
        f"head {done.head_seq} of {done.contract}, good until {done.expires_at}: "
        f"{len(done.batches)} batches are new"
    )
    if done.gone:
        yield f"{len(done.gone)} older batches are no longer kept by the sender"
    if done.new_key_id:
        yield (
            f"the sender signs with a new key, {done.new_key_id}: pin that, and the old one for "
            "what it signed"
        )


@click.group()
def contracts() -> None:
    """The contracts of what crosses the border."""


@contracts.command("list")
@as_json
def contracts_list(as_json: bool) -> None:
    """Contracts and versions."""
    from sxe_pipeline import schema

    rows = [
        {"contract": c.id, "version": c.version, "columns": len(c.columns)}
        for c in schema.load_all()
    ]
    answer("contracts list", {"rows": rows}, as_json, table(rows))


@contracts.command("show")
@click.argument("contract")
@click.option("--version", help="Default: the newest.")
@click.option("--json-schema", is_flag=True, help="As JSON Schema instead of Markdown.")
def contracts_show(contract: str, version: str | None, json_schema: bool) -> None:
    """A contract, as a page or as JSON Schema."""
    from sxe_pipeline import schema
    from sxe_pipeline.schema import docs

    loaded = schema.load(contract, version)
    click.echo(json.dumps(loaded.json_schema(), indent=2) if json_schema else docs.render(loaded))


@contracts.command("check")
@as_json
def contracts_check(as_json: bool) -> None:
    """Check classes, generated files, released versions and compatibility; exit 6 if not."""
    from sxe_pipeline import schema
    from sxe_pipeline.errors import ContractBroken
    from sxe_pipeline.schema import releases, tables
    from sxe_pipeline.schema.columns import CLASSES
    from sxe_pipeline.schema.lead_card import LEAD_CARD
    from sxe_pipeline.schema.table import unclassified

    if unstated := unclassified([*tables.TABLES, LEAD_CARD]):
        raise ContractBroken(
            f"{len(unstated)} columns state no class that fits their type ({', '.join(unstated)}) "
            f"and would be handled as text; write one of {', '.join(CLASSES)} where the column is "
            "declared: in schema/tables.py, or in the contract"
        )
    stale = schema.generate(contracts_root(), check=True)
    if stale:
        raise ContractBroken(
            f"{len(stale)} generated contract files differ; run `sxe contracts build`"
        )
    if broken := list(releases.broken(contracts_root())):
        raise ContractBroken(
            f"{len(broken)} promises of released contracts are broken: " + "; ".join(broken[:10])
        )
    answer("contracts check", {"stale": stale}, as_json, ["up to date"])


@contracts.command("diff")
@click.argument("contract")
@click.argument("old")
@click.argument("new", required=False)
@as_json
def contracts_diff(contract: str, old: str, new: str | None, as_json: bool) -> None:
    """What changes of CONTRACT from version OLD to NEW (default: the newest), and what that breaks.

    Exit 6 where the step between the two numbers is too small for what changes.
    """
    from sxe_pipeline import schema
    from sxe_pipeline.errors import ContractBroken
    from sxe_pipeline.schema import compat, releases

    before, after = schema.load(contract, old), schema.load(contract, new)
    rows = [
        {
            "path": c.path,
            "change": c.what,
            "level": c.level.name.lower(),
            "breaks": c.breaks or None,
        }
        for c in compat.compare(before, after)
    ]
    answer("contracts diff", {"rows": rows}, as_json, table(rows))
    if old != after.version and (grave := releases.too_much(before, after)):
        raise ContractBroken(
            f"{len(grave)} changes are more than the step from {old} to {after.version} allows; "
            "give the new version a number that does"
        )


@contracts.command("release")
@click.argument("contract")
@click.argument("version")
@dry_run
@as_json
def contracts_release(contract: str, version: str, dry_run: bool, as_json: bool) -> None:
    """Make a draft active and lock its files: from then on it never changes."""
    from sxe_pipeline.schema import releases

    files = releases.release(contract, version, contracts_root(), check=dry_run)
    answer("contracts release", {"files": files, "dry_run": dry_run}, as_json, files)


@contracts.command("build")
@dry_run
@as_json
def contracts_build(dry_run: bool, as_json: bool) -> None:
    """Generate JSON Schemas and pages from the contracts."""
    from sxe_pipeline import schema

    changed = schema.generate(contracts_root(), check=dry_run)
    data = {"changed": changed, "dry_run": dry_run}
    answer("contracts build", data, as_json, changed or ["up to date"])
