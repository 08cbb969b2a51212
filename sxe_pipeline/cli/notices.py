"""The verb of the queue: telling a consumer again.

Here: reading arguments. Not here: sending (`worker relay`, the sensors).
"""

import click

from sxe_pipeline.cli.logins import authenticated
from sxe_pipeline.cli.output import SEQUENCE, answer, as_json


@click.command()
@click.argument("consumer")
@click.option("--contract", default="lead_card", show_default=True, help="Of this contract.")
@click.option(
    "--since",
    default=1,
    show_default=True,
    type=SEQUENCE,
    help="From this number of `sxe batch list` on.",
)
@as_json
def replay(consumer: str, contract: str, since: int, as_json: bool) -> None:
    """Tell CONSUMER of batches again, dead notices and older ones included; needs scope admin.

    They go out under the ids that they had: a consumer that drops what it saw forgets those first.
    """
    from sxe_pipeline.handoff.queue import outbox

    with authenticated() as (conn, token):
        sent = outbox.replay(conn, token, consumer, contract, since)
    data = {"consumer": consumer, "contract": contract, "since": since, "notices": sent}
    answer("batch replay", data, as_json, [f"{sent} notices go out again, from number {since}"])
