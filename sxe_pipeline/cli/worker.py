"""The verb of a container: `worker`.

Here: reading arguments. Not here: what it runs (`local.worker`).
"""

from pathlib import Path

import click

from sxe_pipeline import settings


@click.command()
@click.argument(
    "kinds", nargs=-1, required=True, type=click.Choice(["social", "contact", "daemon", "seal"])
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Of the code server.")
@click.option("--port", default=0, help="Of the code server; default 4001 social, 4002 contact.")
@click.option(
    "--health-port", default=8080, show_default=True, help="Answers /livez and /readyz; 0 is none."
)
@click.option(
    "--workspace",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Where the daemon finds the code servers; default: the shipped workspace.yaml.",
)
@click.option("--grace", default=570, show_default=True, help="Seconds that the end may take.")
@click.option("--once", is_flag=True, help="Do what waits, then end (seal).")
def worker(
    kinds: tuple[str, ...],
    host: str,
    port: int,
    health_port: int,
    workspace: Path | None,
    grace: int,
    once: bool,
) -> None:
    """The process of a container: a tier's code server, the daemon, or both; or who seals.

    Told by the environment alone; needs a database of its own, but for `seal`, which also seals
    the log of an embedded one. SIGTERM drains it.
    """
    from sxe_pipeline.errors import BadInput
    from sxe_pipeline.local import sealer
    from sxe_pipeline.local import worker as processes

    given = settings.load(process=processes.process_of(kinds))
    if once and "seal" not in kinds:
        raise BadInput("--once is of `sxe worker seal`; the others end by SIGTERM")
    if once:
        click.echo(sealer.once(given).sentence())
        return
    if "seal" in kinds:
        sealer.run(
            given,
            health_host=processes.Where().health_host,
            health_port=health_port,
            say=lambda text: click.echo(text, err=True),
        )
        return
    where = processes.Where(host=host, port=port, health_port=health_port, workspace=workspace)
    say = click.echo
    processes.run(given, kinds, where=where, grace_s=grace, say=lambda text: say(text, err=True))
