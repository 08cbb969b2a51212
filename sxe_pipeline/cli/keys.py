"""Verbs of the keys that sign batches: make them, register them, hand out the public half.

Here: reading arguments and printing. Not here: where a key is kept and how it signs
(`handoff.sign`), the keyset of contact values (`keyset`), the tokens of people (`people`).
"""

from datetime import UTC, datetime
from pathlib import Path

import click

from sxe_pipeline import settings
from sxe_pipeline.cli import keyset
from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import answer, as_json, dry_run, table


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
    from sxe_pipeline.handoff import sign

    given = settings.load()
    if dry_run and not printed:
        file = sign.public_file(given.home)
        plan = {"public_key_file": str(file), "exists": file.exists(), "dry_run": True}
        answer("keys create", plan, as_json, (f"{k}: {v}" for k, v in plan.items()))
        return
    if not printed:
        given.refuse_to_make("key file", "type `sxe keys create --print` and keep what it prints")
    signer = sign.Signer.generate() if printed else sign.of_home(given.home)
    data = {"key_id": signer.key_id}
    if printed:
        data["signing_key"] = signer.text()
    else:
        data["public_key_file"] = str(sign.public_file(given.home))
    answer("keys create", data, as_json, (f"{k}: {v}" for k, v in data.items()))


for_contracts = click.option(
    "--contract", "contracts", multiple=True, help="What it signs, such as lead_card; repeatable."
)


@keys.command("public")
@for_contracts
def keys_public(contracts: tuple[str, ...]) -> None:
    """The public key as PEM, for a consumer to pin."""
    from sxe_pipeline.handoff import sign

    given = settings.load()
    said = contracts or (() if given.signing_key else sign.SOCIAL)
    click.echo(sign.of_settings(given).public_pem(said).decode(), nl=False)


@keys.command("register")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@for_contracts
@dry_run
@as_json
def keys_register(
    files: tuple[Path, ...], contracts: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """Register this home's public keys, or those in PEM FILES, by the admin's login.

    A key signs the contracts that it was registered for, and no other tier's.
    """
    from sxe_pipeline.handoff import sign
    from sxe_pipeline.local import keys as home_keys
    from sxe_pipeline.store import sql

    pems = [file.read_bytes() for file in files]
    pinned = [(sign.public_key(pem), contracts or sign.contracts_of(pem)) for pem in pems]
    public_keys = pinned or home_keys.of_home(settings.load())
    with logged_in("admin") as given, sql.connect(given.need("admin_dsn")) as conn:
        registered = home_keys.register(conn, public_keys, actor="cli:keys", now=datetime.now(UTC))
        if dry_run:
            conn.rollback()
    rows = [{"key_id": key_id, "is_new": is_new} for key_id, is_new in registered.items()]
    shown = [{"key": row["key_id"], "new": "yes" if row["is_new"] else "no"} for row in rows]
    answer("keys register", {"rows": rows, "dry_run": dry_run}, as_json, table(shown))
