"""What runs in a container: the code server of one tier, Dagster's daemon, or both.

One that seals the audit log runs without Dagster (`sealer`).

Everything comes from the environment: the home may be empty and is gone with the container. There
is no embedded server here, and no key is made. A daemon runs while its engine holds the lease; one
that stands by is alive and ready, so that a new container is taken for good while the old one still
drains. The end: no daemon, so nothing is launched any more; then the runs that this code server
began are waited for; then the rest ends.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from sxe_pipeline import settings as environment
from sxe_pipeline.errors import BadInput
from sxe_pipeline.local import contact, family, health, lender, variables
from sxe_pipeline.ops.engine import Engine
from sxe_pipeline.settings import Settings
from sxe_pipeline.settings.variables import PROCESSES
from sxe_pipeline.store import sql

KINDS = ("social", "contact", "daemon")
RELAYS = {"relay": "social", "contact_relay": "contacts"}
"""Kinds that need no Dagster (`relaying`), with the login of their tier."""
PORTS = {"social": 4001, "contact": 4002}
"""Where `deploy/workspace.yaml` looks for the code servers."""
GRACE_S = 570
"""Below the 600 seconds that App Platform waits at most before it kills."""


@dataclass(frozen=True, slots=True)
class Where:
    """How a worker is reached and what it reaches.

    `host`, `port`: of the code server; port 0 is its tier's. `workspace`: of the daemon.
    """

    host: str = "127.0.0.1"
    port: int = 0
    health_host: str = "0.0.0.0"  # noqa: S104 - the platform asks from outside of the container
    health_port: int = 8080
    workspace: Path | None = None


def process_of(kinds: Collection[str]) -> str:
    """Whose environment such a worker has: a key of `PROCESSES`.

    Raises:
        BadInput: No kind, or two tiers in one process, or something beside contact data or seals.
    """
    if len(set(kinds)) > 1 and (alone := {"contact", "seal", *RELAYS} & set(kinds)):
        raise BadInput(
            f"{' and '.join(sorted(alone))} shares its container with nothing: give it one of its "
            "own"
        )
    if not kinds:
        raise BadInput(f"name what is to run: {', '.join((*KINDS, 'seal', *RELAYS))}")
    return next((kind for kind in kinds if kind in PROCESSES), "web")


def run(
    settings: Settings,
    kinds: Collection[str],
    *,
    where: Where,
    grace_s: float = GRACE_S,
    say: Callable[[str], None],
) -> None:
    """Run until SIGINT or SIGTERM, and then until the runs ended, or the grace is over.

    Args:
        settings: Of this container; a database of its own is given.
        kinds: Of `KINDS`.
        where: Addresses.
        grace_s: How long the end may take; a second signal ends at once.
        say: Takes what an operator wants to know, line by line.

    Raises:
        BadConfig: A login of the process is not set.
        BadInput: Kinds that do not share a process, or a port that is taken.
    """
    process = PROCESSES[process_of(kinds)]
    settings.need_all(
        login for login, name in environment.DATABASES.items() if name in process.needs
    )
    stop = family.Stop()
    home = variables.dagster_home(settings)
    tier = next((kind for kind in kinds if kind in PORTS), None)
    address = (where.host, where.port or PORTS.get(tier or "", 0))
    server = f"{tier}_tier"
    if tier:
        family.must_be_free(address)
    with (
        health.served(where.health_host, where.health_port) as spoken,
        lender.served(where.host, settings) if "contact" in kinds else contextlib.nullcontext(),
        family.family(stop) as kin,
        contextlib.closing(_Daemon(settings, kin, home, where.workspace, say)) as daemon,
    ):
        if tier:
            reached = ("127.0.0.1" if address[0] == "0.0.0.0" else address[0], address[1])  # noqa: S104
            start = functools.partial(
                family.start,
                family.code_server(server, address),
                told(settings, tier, home),
                umask=contact.UMASK,
            )
            kin.start(server, start, functools.partial(family.listens, reached))
        while not stop.asked:
            kin.revive()
            is_ready = kin.are_reached()
            if "daemon" in kinds and is_ready:
                daemon.turn()
            spoken.beat(is_ready=is_ready)
            time.sleep(0.5)
        end = time.monotonic() + grace_s - family.STOP_S
        daemon.close()
        while tier and stop.times < 2 and time.monotonic() < end and kin.runs(server):
            spoken.beat(is_ready=False)
            time.sleep(0.5)


def told(settings: Settings, kind: str, home: Path) -> dict[str, str]:
    """What a child of a worker knows: nothing that belongs to another process.

    Args:
        settings: Of the container.
        kind: Of `KINDS`.
        home: DAGSTER_HOME.
    """
    process = PROCESSES.get(kind) or PROCESSES["web"]
    known = environment.inherited(process.holds)
    dsn = settings.need("dagster_dsn")
    return known | {
        "DAGSTER_HOME": str(home),
        "DAGSTER_STORAGE_URL": sql.with_driver(dsn, "psycopg2"),
    }


class _Daemon:
    """Dagster's daemon, while this engine is the one that works."""

    def __init__(
        self,
        settings: Settings,
        kin: family.Family,
        home: Path,
        workspace: Path | None,
        say: Callable[[str], None],
    ) -> None:
        self._engine = Engine(settings.need("dagster_dsn"), settings.pace.run_lease)
        self._kin, self._say = kin, say
        file = workspace or variables.deploy_file("workspace.yaml")
        self._start = functools.partial(
            family.start, family.daemon(file.absolute()), told(settings, "daemon", home)
        )
        self._works: bool | None = None

    def turn(self) -> None:
        works = self._engine.works()
        if works:
            self._kin.start("daemon", self._start)
        else:
            self._kin.stop("daemon")
        if works is not self._works:
            self._works = works
            self._say("this engine works" if works else "another engine works; this one stands by")

    def close(self) -> None:
        """Launch nothing any more, and let another engine take over."""
        self._kin.stop("daemon")
        self._engine.rest()
