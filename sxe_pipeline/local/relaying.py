"""The relay of a tier as a process of its own, without Dagster.

Here: passes until somebody ends it, and what it says of itself. What a pass does is
`handoff.queue.relay`'s.
"""

import time
from collections.abc import Callable

from sxe_pipeline.errors import Transient
from sxe_pipeline.handoff.queue import relay
from sxe_pipeline.local import family, health
from sxe_pipeline.settings import Settings

PAUSE_S = 5.0


def run(
    settings: Settings,
    login: str,
    *,
    health_host: str,
    health_port: int,
    say: Callable[[str], None],
) -> None:
    """Send what is due, again and again, until SIGINT or SIGTERM.

    A broker that is away is said once, and asked again at each turn.

    Args:
        settings: With the login of the tier and the address of its broker.
        login: Of the tier, such as 'social_dsn'.
        health_host: Where /livez and /readyz are answered.
        health_port: Its port.
        say: Takes a line when what there is to say changes.

    Raises:
        BadConfig: The address of the broker is none that is served.
        BadInput: The port is taken.
    """
    stop = family.Stop()
    said = ""
    with health.served(health_host, health_port) as spoken:
        while not stop.asked:
            try:
                now, is_ready = relay.run_pass(settings, login), True
            except Transient as error:
                now, is_ready = str(error), False
            if now != said:
                say(said := now)
            spoken.beat(is_ready=is_ready)
            end = time.monotonic() + PAUSE_S
            while not stop.asked and time.monotonic() < end:
                time.sleep(0.2)
