"""The verb of the API: `serve`.

Here: reading arguments. Not here: what it runs (`local.serve`).
"""

import click

from sxe_pipeline import settings
from sxe_pipeline.cli.output import PORT


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The interface.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="Of it.")
def serve(host: str, port: int) -> None:
    """The API for consumers: heads, batches, files, acknowledgements.

    Reads with the login `serve` alone, and the bucket of card batches. SIGTERM ends it when what is
    under way was answered.
    """
    from sxe_pipeline.local import serve as serving

    given = settings.load(process="api")
    serving.run(given, host=host, port=port, say=lambda text: click.echo(text, err=True))
