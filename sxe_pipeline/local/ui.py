"""The Dagster UI on this machine: two code servers, webserver, daemon and sealer, and their parent.

The code servers are ours, not Dagster's: then each has exactly the logins of its tier, and they end
with us. They start one after the other and before those that ask them: the first makes Dagster's
tables, and two that make them at once leave a location that stays broken.
"""

import contextlib
import functools
import secrets
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from pathlib import Path

from sxe_pipeline import settings as environment
from sxe_pipeline.errors import StoreUnavailable
from sxe_pipeline.local import attach, contact, family, sealer, variables
from sxe_pipeline.ops import days
from sxe_pipeline.ops.engine import Engine
from sxe_pipeline.ops.runs import LOCATIONS
from sxe_pipeline.settings import Settings
from sxe_pipeline.settings.variables import BROKER
from sxe_pipeline.store import disk, sql

OLDER_S = 15.0
"""How often it is looked whether an older day landed than the first one that is shown."""


def serve(
    settings: Settings, *, port: int, say: Callable[[str], None], is_read_only: bool = False
) -> None:
    """Run until SIGINT or SIGTERM; `say` gets the address once it answers.

    Args:
        settings: As loaded.
        port: Of this machine, which alone can reach it.
        say: Takes the address, which holds the token that opens it, and what happens later.
        is_read_only: For looking at an engine that works elsewhere: no daemon, no login of a
            tier, and the UI refuses every change.

    Raises:
        BadInput: The port is taken.
        StoreUnavailable: The UI does not answer in time.
    """
    family.must_be_free(("127.0.0.1", port))
    stop = family.Stop()
    tiers = () if is_read_only else ("social", "contacts", "sealer")
    with (
        attach.attached(settings, *tiers, "dagster") as held,
        # Not in the home: a Unix socket's path may have about 100 characters.
        tempfile.TemporaryDirectory(prefix="sxe-ui-") as short,
    ):
        given = held.settings if is_read_only else variables.since_first_landing(held.settings)
        home = variables.dagster_home(given)
        both, environments = _environments(given, home, is_read_only)
        sockets = {location: Path(short) / f"{location}.sock" for location in LOCATIONS}
        workspace, key = home / f"workspace.{port}.yaml", home / f"ui.{port}.token"
        workspace.write_text(
            "load_from:\n"
            + "".join(
                f"  - grpc_server:\n      socket: {socket}\n      location_name: {location}\n"
                for location, socket in sockets.items()
            )
        )
        token = secrets.token_urlsafe(24)
        disk.write_secret(key, token)
        with contextlib.ExitStack() as ends:
            ends.callback(key.unlink, missing_ok=True)
            ends.callback(workspace.unlink, missing_ok=True)
            engine = None
            if not is_read_only:
                engine = Engine(given.need("social_dsn"), given.pace.run_lease)
                ends.callback(engine.rest)
            kin = ends.enter_context(family.family(stop))
            for location, socket in sockets.items():
                listens = functools.partial(family.listens, socket)
                log = home / f"{location}.log"
                start = functools.partial(
                    family.start,
                    family.code_server(location, socket),
                    environments[location],
                    log=log,
                    descriptors=held.descriptors,
                    umask=contact.UMASK if location == "contact_tier" else -1,
                )
                kin.start(location, start, listens)
                kin.wait_until(listens, log)
            web, daemon = (
                functools.partial(
                    family.start,
                    arguments,
                    both,
                    log=home / f"{name}.log",
                    descriptors=held.descriptors,
                )
                for name, arguments in (
                    ("web", _web(port, workspace, key, is_read_only)),
                    ("daemon", family.daemon(workspace)),
                )
            )
            if given.sealer_dsn:
                seal = functools.partial(
                    family.start,
                    ["-m", "sxe_pipeline.cli", "worker", "seal", "--health-port", "0"],
                    sealer.told(given),
                    log=home / "seal.log",
                    descriptors=held.descriptors,
                )
                kin.start("seal", seal)
            kin.start("web", web)
            kin.wait_until(functools.partial(_answers, port), home / "web.log")
            if not stop.asked:
                say(f"http://127.0.0.1:{port}/?token={token}")
            older = functools.partial(show_older_days, given, environments["social_tier"], kin)
            is_moving = settings.first_day is None and not is_read_only
            _until_asked(stop, held, kin, engine, daemon, say, older if is_moving else None)


def show_older_days(given: Settings, social: dict[str, str], kin: family.Family) -> None:
    """Start the social code server anew where an older day landed than the first that it shows.

    Not while it has runs under way, which would end with it.

    Args:
        given: With the social tier's login.
        social: The environment of that code server, which its next start takes.
        kin: Holds it.
    """
    shown = social.get("SXE_FIRST_DAY")
    with sql.connect(given.need("social_dsn")) as conn:
        oldest = days.oldest(conn)
    is_older = shown is not None and oldest is not None and oldest < date.fromisoformat(shown)
    if oldest and is_older and not kin.runs("social_tier"):
        social["SXE_FIRST_DAY"] = oldest.isoformat()
        kin.renew("social_tier")


def _until_asked(
    stop: family.Stop,
    held: attach.Attached,
    kin: family.Family,
    engine: Engine | None,
    daemon: "Callable[[], subprocess.Popen[bytes]]",
    say: Callable[[str], None],
    older: Callable[[], None] | None,
) -> None:
    """Keep everything up; the daemon, while this is the engine that works."""
    stands_by, looked_at = False, time.monotonic()
    while not stop.asked:
        with contextlib.suppress(StoreUnavailable):  # as with a full disk: tried again
            held.keep_up()
            if older and time.monotonic() - looked_at > OLDER_S:
                looked_at = time.monotonic()
                older()
        if engine and engine.works():
            kin.start("daemon", daemon)
            stands_by = False
        elif engine and not stands_by:
            kin.stop("daemon")
            say("another engine works on this database; this one stands by")
            stands_by = True
        kin.revive()
        time.sleep(0.5)


def _environments(
    given: Settings, home: Path, is_read_only: bool
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """What webserver and daemon may know, and what each code server may, by its location."""
    inherited, exports = environment.inherited(), variables.exports(given, home)
    social, dagster = (environment.DATABASES[f"{name}_dsn"] for name in ("social", "dagster"))
    others = {*environment.DATABASES.values()} - {dagster}
    only_dagster = {k: v for k, v in exports.items() if k not in others}
    both = inherited | only_dagster
    if is_read_only:
        return both, dict.fromkeys(LOCATIONS, both)
    # One process has one broker, of the social tier: the other tier's is a vhost that this one must
    # not know.
    broker = {BROKER: given.broker_url} if given.broker_url else {}
    return both, {
        "social_tier": environment.inherited((environment.ALERT_WEBHOOK, "SXE_SIGNING_KEY"))
        | only_dagster
        | {social: given.need("social_dsn")}
        | broker,
        "contact_tier": contact.variables(given),
    }


def _web(port: int, workspace: Path, key: Path, is_read_only: bool) -> list[str]:
    return [
        *("-m", "sxe_pipeline.local.webserver", str(key)),
        *("-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)),
        *(["--read-only"] if is_read_only else []),
    ]


def _answers(port: int) -> bool:
    """Whether the webserver is up and asks for its token: one that lets anybody in never is."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2).close()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code == HTTPStatus.UNAUTHORIZED
    except OSError:
        return False
    return False
