"""Verbs of the machine where the engine runs: demo, migrate, doctor, env, down, ui.

Here: what somebody does with this machine and its `SXE_HOME`. Not here: work on data, which is the
other modules' and is the same on any machine.
"""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sxe_pipeline import settings
from sxe_pipeline.cli import progress
from sxe_pipeline.cli.output import PORT, SEQUENCE, answer, as_json, dry_run, table
from sxe_pipeline.errors import BadConfig, BadInput, NotFound
from sxe_pipeline.local.program import program
from sxe_pipeline.settings.variables import PROCESSES

if TYPE_CHECKING:
    from sxe_pipeline.store.migrate import Migrated

_CHILD_S = 20
"""How long a command that is interrupted may take to end."""

_FEWEST, _MOST = 200, 1_000_000
"""Accounts of a demo: of fewer there may be no card to ask for, more do not fit into its time."""


@click.command()
@click.argument("inputs", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--accounts",
    type=click.IntRange(_FEWEST, _MOST),
    default=12_000,
    show_default=True,
    help="Generated accounts.",
)
@click.option(
    "--seed",
    type=SEQUENCE,
    default=20_261_124,
    show_default=True,
    help="Seed of the generator.",
)
@click.option(
    "--managed", is_flag=True, help="On the empty, migrated database of the URLs that are set."
)
@as_json
@click.pass_context
def demo(
    ctx: click.Context,
    inputs: tuple[Path, ...],
    accounts: int,
    seed: int,
    managed: bool,
    as_json: bool,
) -> None:
    """The whole pipeline on generated profiles, or on your own landing folders INPUTS.

    Its database is an embedded one of its own, whatever URLs are set.
    """
    from sxe_pipeline.demo import run as walk

    root = ctx.find_root()
    names = root.command.list_commands(root) if isinstance(root.command, click.Group) else ()
    given = settings.load() if managed else settings.load().logged_out()
    report = walk.run(given, inputs=inputs, accounts=accounts, seed=seed, verbs=names)
    answer("demo", report.as_dict(), as_json, report.lines())
    sys.exit(0 if report.is_good else 1)


@click.command()
@dry_run
@as_json
def migrate(dry_run: bool, as_json: bool) -> None:
    """Bring the database to this package: roles, tables, functions, grants, Dagster's tables."""
    from sxe_pipeline.cli.logins import dagster_instance
    from sxe_pipeline.local import attach, runs
    from sxe_pipeline.store import migrate as store
    from sxe_pipeline.store import sql

    progress.say("reaching the database")
    with attach.attached(settings.load(), *attach.ROLES, is_checked=False) as held:
        progress.say("tables, functions and grants")
        given = held.settings
        passwords = attach.passwords(given)
        done = store.upgrade(given.need("admin_dsn"), passwords, is_dry_run=dry_run)
        # Without its search path Dagster would make its tables elsewhere, or fail to.
        if given.dagster_dsn and not dry_run and not done.role_statements:
            sql.connect(given.dagster_dsn).close()  # what is wrong with it, in one sentence
            progress.say("Dagster's tables")
            with dagster_instance(given) as instance:
                runs.make_tables(instance)
    data = {**dataclasses.asdict(done), "dry_run": dry_run}
    answer("migrate", data, as_json, _migrated_lines(done, is_plan=dry_run))
    sys.exit(BadConfig.exit_code if done.role_statements else 0)


def _migrated_lines(done: "Migrated", *, is_plan: bool) -> Iterator[str]:
    would = "would be " if is_plan else ""
    for number in done.revisions:
        yield f"revision {number}: {would}run"
    yield f"{len(done.files)} files of living SQL {would}replayed"
    yield from (f"{would}dropped: {identity}, which stands in no file" for identity in done.dropped)
    if done.role_statements:
        yield (
            "this login may not alter these roles: run the statements as who may (the service's "
            "panel made them), then `sxe migrate` again, which makes Dagster's tables:"
        )
        yield from (f"  {statement}" for statement in done.role_statements)


@click.command()
@click.option(
    "--as",
    "process",
    type=click.Choice(list(PROCESSES)),
    help="What this process of a deployment needs, by its environment alone.",
)
@as_json
def doctor(process: str | None, as_json: bool) -> None:
    """Look at everything a run needs, and say what to do where something is missing."""
    from sxe_pipeline.local import doctor as checks
    from sxe_pipeline.local import doctor_of_process

    progress.say("looking at stores and database")
    found = doctor_of_process.examine(process) if process else checks.examine(settings.load())
    rows = [{"check": c.name, "state": c.state, "seen": c.seen, "fix": c.fix} for c in found]
    answer("doctor", {"rows": rows}, as_json, table(rows))
    sys.exit(3 if any(c.state == "fail" for c in found) else 0)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@as_json
def env(command: tuple[str, ...], as_json: bool) -> None:
    """Print the variables that `dg` needs, or run COMMAND with them and the database up."""
    import shlex
    import subprocess

    from sxe_pipeline.local import attach, interrupts, variables

    with attach.attached(settings.load(), "social", "api", "dagster") as held:
        given = variables.since_first_landing(held.settings)
        exports = variables.exports(given, variables.dagster_home(given))
        if command:
            told = settings.inherited() | exports
            try:
                child = subprocess.Popen(list(command), env=told, pass_fds=held.descriptors)
            except OSError as error:
                why = f"{command[0]} cannot be run ({error.strerror}); correct its name"
                raise BadInput(why) from None
            sys.exit(interrupts.wait(child, patience_s=_CHILD_S))
    lines = (f"export {name}={shlex.quote(value)}" for name, value in exports.items())
    answer("env", {"variables": exports}, as_json, lines)
    if held.descriptors:
        hint = f"# the embedded database stops with its last user: {program()} env -- bash"
        click.echo(hint, err=True)


@click.command()
@click.option("--reset", is_flag=True, help="Delete the embedded database and all embedded state.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run
@as_json
def down(reset: bool, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Stop the embedded database, and with --reset delete everything below SXE_HOME.

    Says what is still there; exit 1 where something is.
    """
    from sxe_pipeline.local import home as homes

    given = settings.load()
    databases, left = homes.servers(given), list[Path]()
    if not (homes.is_there(given) if reset else databases):
        done = "nothing was there" if reset else "nothing ran"
    elif dry_run:
        done = "would be deleted" if reset else "would be stopped"
    elif reset:
        if not yes:
            click.confirm(f"Delete {given.home.resolve()} and its database?", abort=True)
        left = homes.delete(given)
        done = "deleted, but for what follows" if left else "deleted"
    else:
        homes.stop(given)
        done = "stopped"
    data = {
        "home": str(given.home),
        "databases": databases,
        "done": done,
        "left": list(map(str, left)),
        "dry_run": dry_run,
    }
    answer("down", data, as_json, [done, *(f"  still there: {path}" for path in left)])
    sys.exit(1 if left else 0)


@click.command()
@click.option("--port", type=PORT, default=3000, show_default=True)
@click.option("--demo", "of_demo", is_flag=True, help="Over the state of the last demo.")
@click.option(
    "--read-only", is_flag=True, help="Only look: no daemon, no login but Dagster's, no change."
)
def ui(port: int, of_demo: bool, read_only: bool) -> None:
    """The Dagster UI with code server and daemon, until Ctrl-C.

    The printed address holds a token; a browser that opened it keeps a cookie until the end.
    """
    from sxe_pipeline.local import ui as dagster_ui

    given = settings.load()
    if of_demo:
        # Whoever hears the broker waits for batches of people, not of invented ones.
        given = dataclasses.replace(given.under(given.home / "demo"), broker_url=None)
        if not given.home.exists():
            raise NotFound("there is no demo yet; run `make demo` first")
    dagster_ui.serve(
        given,
        port=port,
        say=lambda text: click.echo(_where_to_click(text)),
        is_read_only=read_only,
    )


def _where_to_click(url: str) -> str:
    """What to look at behind an address; what is none stays as it is."""
    if "://" not in url:
        return url
    here = url.partition("/?")[0]
    return "\n".join(
        [
            f"Dagster UI: {url}   (Ctrl-C ends it)",
            f"  the drawing        {here}/asset-groups",
            f"  one table          {here}/assets/cards/lead_cards   numbers that plot, checks",
            f"  what was paid      {here}/assets/contacts/contact_points   one partition a request",
            f"  what ran           {here}/runs",
            f"  what waits         {here}/automation   landed_files, approved_requests, every_day",
        ]
    )
