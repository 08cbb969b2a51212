"""Verbs of the keys that sign batches: make them, register them, hand out the public half.

Here: reading arguments and printing. Not here: how a key signs (`sign`), where it is kept
(`store.key_files`), the keyset of contact values (`keyset`), the tokens of people (`people`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sxe_pipeline import settings
from sxe_pipeline.cli import keyset
from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import answer, as_json, dry_run, reason, table
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    from sxe_pipeline.handoff.record import Key


@click.group()
def keys() -> None:
    """Signing keys, whose public halves consumers pin, and the keyset of contact values."""


for command in (keyset.keys_keyset, keyset.keys_rotate, keyset.keys_reseal):
    keys.add_command(command)


@keys.command("create")
@click.option(
    "--print", "printed", is_flag=True, help="Print it for SXE_SIGNING_KEY, keep no file."
)
@dry_run
@as_json
def keys_create(printed: bool, dry_run: bool, as_json: bool) -> None:
    """Make the signing key of this home; an existing one stays."""
    from sxe_pipeline import sign
    from sxe_pipeline.store import key_files

    given = settings.load()
    if dry_run and not printed:
        file = key_files.public_file(given.home)
        plan = {"public_key_file": str(file), "exists": file.exists(), "dry_run": True}
        answer("keys create", plan, as_json, (f"{k}: {v}" for k, v in plan.items()))
        return
    if not printed:
        given.refuse_to_make("key file", "type `sxe keys create --print` and keep what it prints")
    signer = sign.Signer.generate() if printed else key_files.of_home(given.home)
    data = {"key_id": signer.key_id}
    if printed:
        data["signing_key"] = signer.text()
    else:
        data["public_key_file"] = str(key_files.public_file(given.home))
    answer("keys create", data, as_json, (f"{k}: {v}" for k, v in data.items()))


for_contracts = click.option(
    "--contract", "contracts", multiple=True, help="What it signs, such as lead_card; repeatable."
)


@keys.command("public")
@for_contracts
@click.option("--audit", is_flag=True, help="Of the key that seals the audit log.")
def keys_public(contracts: tuple[str, ...], audit: bool) -> None:
    """The public key as PEM, for a consumer to pin, or for who verifies the audit log."""
    from sxe_pipeline.errors import BadInput
    from sxe_pipeline.store import key_files

    given = settings.load()
    if audit and contracts:
        raise BadInput("the key of the audit log signs no contract; leave one of both out")
    if audit:
        click.echo(key_files.audit_of_settings(given).public_pem().decode(), nl=False)
        return
    key_files.refuse_unknown(contracts)
    said = contracts or (() if given.signing_key else key_files.SOCIAL)
    click.echo(key_files.of_settings(given).public_pem(said).decode(), nl=False)


@keys.command("register")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@for_contracts
@dry_run
@as_json
def keys_register(
    files: tuple[Path, ...], contracts: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """Register this home's public keys, or those in PEM FILES, by the admin's login.

    A key signs the contracts that it was registered for, and no other tier's; a registration stays,
    and is refused where it differs from the one that stands.
    """
    from sxe_pipeline import sign
    from sxe_pipeline.local import keys as home_keys
    from sxe_pipeline.store import sql

    pems = [file.read_bytes() for file in files]
    pinned = [(sign.public_key(pem), contracts or sign.contracts_of(pem)) for pem in pems]
    public_keys = pinned or list(home_keys.of_home(settings.load()))
    with logged_in("admin") as given, sql.connect(given.need("admin_dsn")) as conn:
        home_keys.refuse_unfit(conn, public_keys)
        registered = home_keys.register(conn, public_keys, actor="cli:keys", now=datetime.now(UTC))
        if dry_run:
            conn.rollback()
    rows = [{"key_id": key_id, "is_new": is_new} for key_id, is_new in registered.items()]
    shown = [{"key": row["key_id"], "new": "yes" if row["is_new"] else "no"} for row in rows]
    answer("keys register", {"rows": rows, "dry_run": dry_run}, as_json, table(shown))


@keys.command("announce")
@click.option("--contact", is_flag=True, help="Of the contact tier; typed with its environment.")
@as_json
def keys_announce(contact: bool, as_json: bool) -> None:
    """Tell consumers that the first key of SXE_SIGNING_KEY takes over from the others.

    It writes _keys/<n>.json, signed by both, into the tier's handoff store: who pinned an old key
    follows to the new one. Typed twice it writes nothing new.
    """
    from sxe_pipeline.handoff import record, rotation
    from sxe_pipeline.store import key_files, sql
    from sxe_pipeline.store.objects import Objects

    login = "contacts" if contact else "social"
    with logged_in(login) as given, sql.connect(given.need(f"{login}_dsn")) as conn:
        if contact and given.signing_key is None and given.is_embedded:
            signer = key_files.of_file(key_files.contact_file(given.home), key_files.CONTACT)
        else:
            signer = record.signer_of(conn, given)
        now = sql.now(conn)
        conn.commit()
        done = rotation.write(
            conn,
            Objects(given.contact_handoff_url if contact else given.handoff_url),
            signer=signer,
            contracts=key_files.CONTACT if contact else key_files.SOCIAL,
            actor="rotation",
            now=now,
        )
    rows = [
        {"old_key_id": old, "new_key_id": signer.key_id, "statement": number, "is_new": is_new}
        for old, number, is_new in done
    ]
    shown = [
        {
            "from": old[:12],
            "to": signer.key_id[:12],
            "statement": rotation.key_of(number),
            "new": "yes" if is_new else "no",
        }
        for old, number, is_new in done
    ]
    answer("keys announce", {"rows": rows}, as_json, table(shown))


@keys.command("list")
@as_json
def keys_list(as_json: bool) -> None:
    """Which keys sign, which did, and what each signed; by the admin's login."""
    from sxe_pipeline.handoff import record
    from sxe_pipeline.store import sql

    with logged_in("admin") as given, sql.connect(given.need("admin_dsn")) as conn:
        found = record.keys(conn)
    shown = [
        {
            "key": key.key_id[:12],
            "for": ", ".join(key.contracts or ["any contract"]),
            "signs": "yes" if key.retired_at is None else f"until {key.retired_at:%Y-%m-%d %H:%M}",
            "batches": key.batch_count,
            "last day": key.last_day or "-",
        }
        for key in found
    ]
    answer("keys list", {"rows": found}, as_json, table(shown))


@keys.command("retire")
@click.argument("digits")
@reason
@dry_run
@as_json
def keys_retire(digits: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Let a key sign nothing more, by the first DIGITS of its id; by the admin's login."""
    from sxe_pipeline.handoff import record
    from sxe_pipeline.store import sql

    with logged_in("admin") as given, sql.connect(given.need("admin_dsn")) as conn:
        key_id = record.retire_key(conn, digits, reason, actor="cli:keys")
        found = record.keys(conn)
        if dry_run:
            conn.rollback()
    [retired] = [key for key in found if key.key_id == key_id]
    lost = _without_key(found)
    data = {"key": retired, "without_key": lost, "dry_run": dry_run}
    answer("keys retire", data, as_json, _retired_lines(retired, lost, dry_run))


def _without_key(found: "list[Key]") -> list[str]:
    """The contracts whose registered keys are all retired."""
    from sxe_pipeline.store import key_files

    every = key_files.SOCIAL + key_files.CONTACT
    live = {c for key in found if key.retired_at is None for c in key.contracts or every}
    return sorted({c for key in found for c in key.contracts or every} - live)


def _retired_lines(key: "Key", without_key: list[str], dry_run: bool) -> Iterator[str]:
    yield f"{'would retire' if dry_run else 'retired'}: {key.key_id[:12]} signs nothing more"
    if key.batch_count:
        last = f", the last of {key.last_day}," if key.last_day else ""
        yield f"{key.batch_count} batches that it signed{last} stay good: consumers keep it pinned"
    yield (
        "if it got out, they unpin it and take no batch by it any more: who holds it can sign "
        "under any day, and the files do not show when"
    )
    if without_key:
        yield f"no registered key signs {', '.join(without_key)} now: {program()} keys register"
