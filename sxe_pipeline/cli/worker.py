"""The verb of a container: `worker`.

Here: reading arguments. Not here: what it runs (`local.worker`).
"""

from pathlib import Path

import click

from sxe_pipeline import settings
from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import PORT
from sxe_pipeline.errors import BadInput

_PORT = click.IntRange(0, PORT.max)


@click.command()
@click.argument(
    "kinds",
    nargs=-1,
    required=True,
    type=click.Choice(["social", "contact", "daemon", "seal", "relay", "contact_relay"]),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Of the code server.")
@click.option(
    "--port", type=_PORT, default=0, help="Of the code server; default 4001 social, 4002 contact."
)
@click.option(
    "--health-port",
    type=_PORT,
    default=8080,
    show_default=True,
    help="Answers /livez and /readyz; 0 is none.",
)
@click.option(
    "--workspace",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Where the daemon finds the code servers; default: the shipped workspace.yaml.",
)
@click.option(
    "--grace",
    type=click.IntRange(0, 86_400),
    default=570,
    show_default=True,
    help="Seconds that the end may take.",
)
@click.option("--once", is_flag=True, help="Of seal or a relay: do what is due, and end.")
def worker(
    kinds: tuple[str, ...],
    host: str,
    port: int,
    health_port: int,
    workspace: Path | None,
    grace: int,
    once: bool,
) -> None:
    """The process of a container: a tier's code server, the daemon, or both; or one duty alone.

    `seal` seals the audit log; `relay` and `contact_relay` send a tier's notices to its broker,
    where no Dagster does. Told by the environment alone; all but these need a database of their
    own. SIGTERM drains it.
    """
    from sxe_pipeline.local import worker as processes

    process = processes.process_of(kinds)
    given = settings.load(process=process)
    if process == "seal":
        _seal(given, health_port, once=once)
        return
    if process in processes.RELAYS:
        _relay(processes.RELAYS[process], health_port, once=once)
        return
    if once:
        raise BadInput("--once is of seal or a relay; the others run until they are ended")
    where = processes.Where(host=host, port=port, health_port=health_port, workspace=workspace)
    say = click.echo
    processes.run(given, kinds, where=where, grace_s=grace, say=lambda text: say(text, err=True))


def _seal(given: settings.Settings, health_port: int, *, once: bool) -> None:
    from sxe_pipeline.local import sealer, worker

    if once:
        click.echo(sealer.once(given).sentence())
        return
    sealer.run(
        given,
        health_host=worker.Where().health_host,
        health_port=health_port,
        say=lambda text: click.echo(text, err=True),
    )


def _relay(tier: str, health_port: int, *, once: bool) -> None:
    from sxe_pipeline.handoff.queue import relay
    from sxe_pipeline.local import relaying, worker

    login = f"{tier}_dsn"
    with logged_in(tier) as given:
        if once:
            click.echo(relay.run_pass(given, login))
            return
        relaying.run(
            given,
            login,
            health_host=worker.Where().health_host,
            health_port=health_port,
            say=lambda text: click.echo(text, err=True),
        )
