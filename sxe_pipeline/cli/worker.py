"""The verb of a container: `worker`.

Here: reading arguments. Not here: what it runs (`local.worker`).
"""

from pathlib import Path

import click

from sxe_pipeline import settings


@click.command()
@click.argument(
    "kinds", nargs=-1, required=True, type=click.Choice(["social", "contact", "daemon"])
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Of the code server.")
@click.option("--port", default=0, help="Of the code server; default 4001 social, 4002 contact.")
@click.option("--health-port", default=8080, show_default=True, help="Answers /livez and /readyz.")
@click.option(
    "--workspace",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Where the daemon finds the code servers; default: the shipped workspace.yaml.",
)
@click.option("--grace", default=570, show_default=True, help="Seconds that the end may take.")
def worker(
    kinds: tuple[str, ...],
    host: str,
    port: int,
    health_port: int,
    workspace: Path | None,
    grace: int,
) -> None:
    """The process of a container: a tier's code server, the daemon, or social and daemon.

    Told by the environment alone; needs a database of its own. SIGTERM drains it.
    """
    from sxe_pipeline.local import worker as processes

    given = settings.load(process=processes.process_of(kinds))
    where = processes.Where(host=host, port=port, health_port=health_port, workspace=workspace)
    say = click.echo
    processes.run(given, kinds, where=where, grace_s=grace, say=lambda text: say(text, err=True))
