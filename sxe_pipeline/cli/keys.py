"""Verbs of keys: make one, and show what others may know of it.

Here: reading arguments and printing. Not here: where a key is kept and how it signs.
"""

import click

from sxe_pipeline import settings
from sxe_pipeline.cli.words import answer, as_json, dry_run


@click.group()
def keys() -> None:
    """Signing keys: made here, pinned by consumers."""


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
    signer = sign.Signer.generate() if printed else sign.of_home(given.home)
    data = {"key_id": signer.key_id}
    if printed:
        data["signing_key"] = signer.text()
    else:
        data["public_key_file"] = str(sign.public_file(given.home))
    answer("keys create", data, as_json, (f"{k}: {v}" for k, v in data.items()))


@keys.command("public")
def keys_public() -> None:
    """The public key as PEM, for a consumer to pin."""
    from sxe_pipeline.handoff import sign

    click.echo(sign.of_settings(settings.load()).public_pem().decode(), nl=False)
