"""Verbs of the keyset that seals contact values: a new one, another key in it, old values anew.

Here: reading arguments, and where a secret is printed. They are typed where the contact process
runs, which alone holds the keyset. Not here: signing keys (`keys`).
"""

import sys
from pathlib import Path
from typing import Any

import click

from sxe_pipeline import settings
from sxe_pipeline.cli import progress
from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import answer, as_json
from sxe_pipeline.errors import BadInput

to_file = click.option(
    "--to",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it into a new file, for its owner alone.",
)
yes = click.option("--yes", is_flag=True, help="Print it although a terminal may be looked at.")


@click.command("keyset")
@to_file
@yes
@as_json
def keys_keyset(file: Path | None, yes: bool, as_json: bool) -> None:
    """Make a keyset for SXE_KEYSET; nothing is changed."""
    from sxe_pipeline import definitions

    _refuse_to_show(file, yes)
    _hand_out("keys keyset", definitions.new_keyset(), file, as_json)


@click.command("rotate")
@click.option("--finish", is_flag=True, help="Leave out the old keys, when no value needs them.")
@to_file
@yes
@as_json
def keys_rotate(finish: bool, file: Path | None, yes: bool, as_json: bool) -> None:
    """The keyset of this process with a new primary key; old values stay readable."""
    keys = _keys()
    if not keys.text.startswith("file:"):
        _refuse_to_show(file, yes)
    if finish:
        from sxe_pipeline.store import sql

        with logged_in("contacts") as given, sql.connect(given.need("contacts_dsn")) as conn:
            text = keys.narrowed(conn)
    else:
        text = keys.rotated()
    _hand_out("keys rotate", text, file, as_json)


@click.command("reseal")
@as_json
def keys_reseal(as_json: bool) -> None:
    """Seal contact values of an old key by the primary one; a run that ended early is run again."""
    from sxe_pipeline.store import sql

    keys = _keys()
    with logged_in("contacts") as given, sql.connect(given.need("contacts_dsn")) as conn:
        done = keys.reseal(conn, lambda points: progress.say(f"{points} values sealed anew"))
    data = {"points": done.points, "left": done.left}
    answer("keys reseal", data, as_json, (f"{name}: {value}" for name, value in data.items()))


def _keys() -> Any:
    """The keyset of this process; its class is the contact tier's, which no verb imports."""
    from sxe_pipeline import definitions
    from sxe_pipeline.local import contact

    return definitions.contact_keys(contact.keyset(settings.load()))


def _refuse_to_show(file: Path | None, yes: bool) -> None:
    if file is None and not yes and sys.stdout.isatty():
        raise BadInput("this prints a secret to a terminal; --to FILE keeps it, --yes prints it")


def _hand_out(verb: str, text: str | None, file: Path | None, as_json: bool) -> None:
    """Print a keyset, or say where it is."""
    data: dict[str, Any] = {"keyset": text}
    if text is None:
        data = {"kept": "in the file of SXE_KEYSET"}
    elif file is not None:
        from sxe_pipeline.store.disk import read_or_create

        if read_or_create(file, text.encode) != text.encode():
            raise BadInput(f"{file} is there already; name a new file")
        data = {"file": str(file)}
    lines = [text] if "keyset" in data and text else [f"{k}: {v}" for k, v in data.items()]
    answer(verb, data, as_json, lines)
