"""The only reader of the environment.

Every name is optional; unset means the embedded default below `SXE_HOME`. What a process is told is
read by `load` and handed on as a frozen object; what is needed before that, or by a child, is read
by a function of its own. Secrets stay in here: `repr` shows none of them.
"""

import dataclasses
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.settings import variables
from sxe_pipeline.settings.variables import (
    ALERT_WEBHOOK,
    DATABASES,
    ENV,
    MODES,
    PACE,
    PRODUCTION,
    PROVIDERS,
    SECRETS,
    STORES,
)

__all__ = [
    "ALERT_WEBHOOK",
    "DATABASES",
    "PACE",
    "PROVIDERS",
    "SECRETS",
    "SPARK_MASTER",
    "STORES",
    "EngineLimits",
    "Pace",
    "Settings",
    "StoreUrl",
    "engine_limits",
    "enter",
    "examined",
    "inherited",
    "load",
    "misspelt",
    "object_store",
    "of_machine",
    "of_worker",
    "run_log_store",
    "withheld",
    "without_logins",
]
"""The names of variables are `variables`'; whoever reads settings reads them here."""

SPARK_MASTER = "local-cluster[2,1,1024]"
"""Two processes of Spark on this machine, of a core and 1,024 MB each."""


@dataclass(frozen=True)
class Pace:
    """How long operations wait, in seconds.

    Attributes:
        run_lease: A run that does not beat for so long is lost.
        start_grace: What was launched takes up its lease by then, or is lost.
        retry_pause: Before the second attempt; it doubles with every other one.
        settle: Files of a day are gathered until none came for so long,
        settle_at_most: and never longer than this.
        version_grace: A table version that is not named any more stays for whoever reads it still.
    """

    run_lease: float = 60
    start_grace: float = 300
    retry_pause: float = 60
    settle: float = 120
    settle_at_most: float = 900
    version_grace: float = 86_400


@dataclass(frozen=True)
class EngineLimits:
    """What DuckDB may use; None is its opener's choice.

    Attributes:
        memory_bytes: Held before it spills.
        spill: Folder that exists, to spill to.
    """

    memory_bytes: int | None = None
    spill: Path | None = None


class StoreUrl(str):
    """The address of an object store, with what S3 clients need to reach that one.

    Attributes:
        options: Environment variable of an S3 client -> value for this store alone; what is not
            here they read from the environment. Secret: no text of the address shows them.
    """

    options: dict[str, str]

    def __new__(cls, url: str, options: Mapping[str, str] | None = None) -> "StoreUrl":
        """Attach identity, region and endpoint to an address."""
        made = super().__new__(cls, url)
        made.options = dict(options or {})
        return made


@dataclass(frozen=True)
class Settings:
    """What one process may know. A login that is None belongs to another tier or is not set.

    `stores`: keys of `STORES`; in production only what is set.
    `first_day`: earlier landed days are neither shown nor built; None is every day there can be.
    `processes`: how many map rows on this machine; None is as many as it bears.
    """

    home: Path
    stores: Mapping[str, StoreUrl]
    social_dsn: str | None = field(default=None, repr=False)
    contacts_dsn: str | None = field(default=None, repr=False)
    api_dsn: str | None = field(default=None, repr=False)
    admin_dsn: str | None = field(default=None, repr=False)
    dagster_dsn: str | None = field(default=None, repr=False)
    serve_dsn: str | None = field(default=None, repr=False)
    sealer_dsn: str | None = field(default=None, repr=False)
    signing_key: str | None = field(default=None, repr=False)
    audit_signing_key: str | None = field(default=None, repr=False)
    broker_url: str | None = field(default=None, repr=False)
    keyset: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    presign_secret: str | None = field(default=None, repr=False)
    presign_url: str = ""
    provider_urls: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    apollo_sink_url: str = ""
    policy_file: Path | None = None
    retention_file: Path | None = None
    postgres_binaries: Path | None = None
    postgres_user: str = "nobody"
    pace: Pace = Pace()
    first_day: date | None = None
    processes: int | None = None
    spark_master: str = SPARK_MASTER
    alert_url: str | None = field(default=None, repr=False)
    is_production: bool = False

    @property
    def landing_url(self) -> StoreUrl:
        """Where landing files are."""
        return self._store("landing_url")

    @property
    def tier1_url(self) -> StoreUrl:
        """Where the tables of Tier 1 are."""
        return self._store("tier1_url")

    @property
    def handoff_url(self) -> StoreUrl:
        """Where batches of cards are."""
        return self._store("handoff_url")

    @property
    def contact_handoff_url(self) -> StoreUrl:
        """Where batches of contact points are."""
        return self._store("contact_handoff_url")

    @property
    def audit_url(self) -> StoreUrl:
        """Where checkpoints of the audit log are, outside of the database."""
        return self._store("audit_url")

    def _store(self, name: str) -> StoreUrl:
        if name not in self.stores:
            raise BadConfig(f"{STORES[name][0]} is not set for this process; name a bucket")
        return self.stores[name]

    @property
    def is_embedded(self) -> bool:
        """Whether the database is our own: no login was given by the environment."""
        return all(getattr(self, name) is None for name in DATABASES)

    def need(self, name: str) -> str:
        """The login `name` (such as 'social_dsn').

        Raises:
            BadConfig: This process was not given that login.
        """
        dsn: str | None = getattr(self, name)
        if dsn is None:
            variable = DATABASES[name]
            instead = (
                ""
                if self.is_production
                else ", or set none of the database variables to use the embedded server"
            )
            raise BadConfig(f"{variable} is not set for this process; set it{instead}")
        return dsn

    def need_all(self, names: Iterable[str]) -> None:
        """Check several logins at once.

        Raises:
            BadConfig: One sentence a line for each that this process was not given.
        """
        lost = [name for name in names if getattr(self, name) is None]
        if lost:
            raise BadConfig("\n".join(f"{DATABASES[n]} is not set; set it" for n in lost))

    def refuse_to_make(self, what: str, remedy: str) -> None:
        """Before a secret or a server is made where none was given.

        Raises:
            BadConfig: In production, where it would be gone with its container.
        """
        if self.is_production:
            raise BadConfig(f"{ENV}={PRODUCTION} makes no {what} of its own; {remedy}")

    def builds(self, day: date) -> bool:
        """Whether a landed day is shown and built, or lies before the first one."""
        return self.first_day is None or day >= self.first_day

    def logged_out(self) -> "Settings":
        """The same, before anybody logged in: for another login to the embedded server."""
        without: dict[str, Any] = {name: None for name in DATABASES}
        return dataclasses.replace(self, **without)

    def under(self, home: Path) -> "Settings":
        """The same settings with every embedded default moved below another home."""
        stores = {name: StoreUrl((home / f).as_uri()) for name, (_, f) in STORES.items() if f}
        return dataclasses.replace(self, home=home, stores=stores)


def load(environment: Mapping[str, str] | None = None, process: str | None = None) -> Settings:
    """Read the settings, from `os.environ` where no mapping is given.

    Args:
        environment: The variables.
        process: A key of `variables.PROCESSES`: whose environment it is. In production it must
            hold what that process needs, and no secret of another.

    Raises:
        BadConfig: Something cannot be used: an address that is no store's, a path that its readers
            take for something else, a number that is none; in production also whatever
            `variables.unfit` finds. The text has one sentence a line for each.

    Example:
        >>> load({"SXE_HOME": "/srv/sxe"}).landing_url
        'file:///srv/sxe/landing'
    """
    found, faults = _read(os.environ if environment is None else environment, process)
    if faults:
        raise BadConfig("\n".join(faults))
    return found


def examined(process: str) -> tuple[Settings, list[str]]:
    """The settings of one process of a deployment as far as they can be read, and every fault.

    For looking at them: what is production's rule is looked at whatever `SXE_ENV` says.

    Args:
        process: A key of `variables.PROCESSES`.
    """
    return _read({**os.environ, ENV: os.environ.get(ENV) or PRODUCTION}, process)


def _read(env: Mapping[str, str], process: str | None) -> tuple[Settings, list[str]]:
    home = Path(env.get("SXE_HOME") or ".sxe").absolute()
    faults: list[str] = []
    is_production = _is_production(env, faults)
    if is_production:
        faults += variables.unfit(env, variables.PROCESSES[process] if process else None)
    stores = {}
    for name, (variable, folder) in STORES.items():
        default = "" if is_production or folder is None else (home / folder).as_uri()
        if url := env.get(variable) or default:
            stores[name] = _store_url(env, variable, url, faults)
    if not is_production and not stores.get("run_log_url", "s3:").startswith("s3:"):
        faults.append(f"{STORES['run_log_url'][0]} must start with s3://; correct it")
    faults += variables.overheard(env.get(ALERT_WEBHOOK) or "")
    faults += variables.no_databases(env)
    faults += variables.misplaced_keys(env)
    _engine_limits(env, faults)
    faults += variables.unopenable("SXE_HOME", str(home))
    tier1 = stores.get("tier1_url", "")
    if tier1.startswith("file:") and variables.is_whole(tier1):
        faults += variables.unopenable("SXE_TIER1_STORE_URL", unquote(urlsplit(tier1).path))
    logins: dict[str, Any] = {n: env.get(variable) or None for n, variable in DATABASES.items()}
    found = Settings(
        home=home,
        stores=stores,
        **logins,
        signing_key=env.get("SXE_SIGNING_KEY") or None,
        audit_signing_key=env.get("SXE_AUDIT_SIGNING_KEY") or None,
        broker_url=env.get("SXE_BROKER_URL") or None,
        keyset=env.get("SXE_KEYSET") or None,
        token=env.get("SXE_TOKEN") or None,
        api_key=env.get("SXE_API_KEY") or None,
        presign_secret=env.get("SXE_PRESIGN_SECRET") or None,
        presign_url=env.get("SXE_PRESIGN_URL") or "",
        provider_urls={name: env.get(url) or at for name, (url, at, _) in PROVIDERS.items()},
        credentials={
            name: {key: env[variable] for key, variable in names.items() if env.get(variable)}
            for name, (_, _, names) in PROVIDERS.items()
        },
        apollo_sink_url=env.get("SXE_APOLLO_SINK_URL") or "",
        policy_file=_path(env, "SXE_POLICY_FILE"),
        retention_file=_path(env, "SXE_RETENTION_FILE"),
        postgres_binaries=_path(env, "SXE_PG_BIN"),
        postgres_user=env.get("SXE_PG_USER") or "nobody",
        first_day=_first_day(env.get("SXE_FIRST_DAY"), faults),
        processes=_processes(env.get("SXE_PROCESSES"), faults),
        spark_master=env.get("SXE_SPARK_MASTER") or SPARK_MASTER,
        alert_url=env.get(ALERT_WEBHOOK) or None,
        pace=Pace(
            **{
                name: _seconds(env, variable, faults)
                for name, variable in PACE.items()
                if env.get(variable)
            }
        ),
        is_production=is_production,
    )
    return found, list(dict.fromkeys(faults))


def engine_limits() -> EngineLimits:
    """What DuckDB may use in this process.

    Read when an engine is opened, and handed on by nobody: whoever checks a contract has no
    settings.

    Raises:
        BadConfig: One of them cannot be used.
    """
    faults: list[str] = []
    found = _engine_limits(os.environ, faults)
    if faults:
        raise BadConfig("\n".join(faults))
    return found


def _engine_limits(env: Mapping[str, str], faults: list[str]) -> EngineLimits:
    megabytes, spill = env.get("SXE_MEMORY_LIMIT_MB") or "", _path(env, "SXE_SPILL_DIR")
    memory = int(megabytes) << 20 if megabytes.isascii() and megabytes.isdigit() else 0
    if megabytes and not 64 << 20 <= memory < 1 << 50:
        faults.append("SXE_MEMORY_LIMIT_MB is a number of megabytes, 64 at least; correct it")
    if spill and not spill.is_dir():
        faults.append("SXE_SPILL_DIR is no folder; make it, or correct it")
    return EngineLimits(memory or None, spill)


def run_log_store() -> StoreUrl | None:
    """Where this process keeps what its runs print; None: nowhere.

    Read when Dagster opens its instance, whoever does that.

    Raises:
        BadConfig: Its identity is half an identity.
    """
    variable, faults = STORES["run_log_url"][0], list[str]()
    url = os.environ.get(variable)
    found = _store_url(os.environ, variable, url, faults) if url else None
    if faults:
        raise BadConfig("\n".join(faults))
    return found


def misspelt() -> list[str]:
    """One sentence for each variable of this process that begins like ours and is none.

    Empty in production, where `load` refuses them.
    """
    if os.environ.get(ENV) == PRODUCTION:
        return []
    return list(variables.misspelt(os.environ))


def _is_production(env: Mapping[str, str], faults: list[str]) -> bool:
    mode = env.get(ENV) or MODES[0]
    if mode not in MODES:
        faults.append(f"{ENV} is {' or '.join(MODES)}; correct it")
    return mode == PRODUCTION


def _store_url(env: Mapping[str, str], variable: str, url: str, faults: list[str]) -> StoreUrl:
    if not variables.is_whole(url):
        faults.append(f"{variable} is file:///PATH from the root on, or s3://BUCKET; correct it")
    own = variables.of_store(variable)
    options = {common: env[name] for name, common in own.items() if env.get(name)}
    if ("AWS_ACCESS_KEY_ID" in options) != ("AWS_SECRET_ACCESS_KEY" in options):
        one, other = (name for name in own if "ACCESS_KEY" in name)
        faults.append(f"of {one} and {other} one is set; set both, or none")
    return StoreUrl(url, options)


def _path(env: Mapping[str, str], variable: str) -> Path | None:
    return Path(env[variable]) if env.get(variable) else None


def _first_day(text: str | None, faults: list[str]) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        faults.append("SXE_FIRST_DAY is a day, such as 2026-11-01; correct it")
        return None


def _processes(text: str | None, faults: list[str]) -> int | None:
    if not text:
        return None
    count = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= count <= 1024:
        faults.append("SXE_PROCESSES is a number of processes, 1 at least; correct it")
        return None
    return count


def _seconds(env: Mapping[str, str], variable: str, faults: list[str]) -> float:
    try:
        seconds = float(env[variable])
    except ValueError:
        seconds = -1
    least = variables.LEAST_S.get(variable, 0)
    if not least <= seconds <= 31_622_400:
        faults.append(f"{variable} is a number of seconds, from {least} to a year; correct it")
    return seconds


def inherited(names: Collection[str] = ()) -> dict[str, str]:
    """A copy of this process's environment for a child, without any SXE or Dagster login or secret.

    Args:
        names: Variables to keep although they are ours.
    """
    ours = {*DATABASES.values(), *SECRETS}
    return {k: v for k, v in os.environ.items() if k not in ours or k in names}


def object_store() -> dict[str, str]:
    """What an S3 client reads from the environment, for a child that is told everything."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def of_machine() -> dict[str, str]:
    """What is this machine's and no tier's, for a child that is told everything."""
    names = ("SXE_MEMORY_LIMIT_MB", "SXE_SPILL_DIR")
    return {name: value for name in names if (value := os.environ.get(name))}


def of_worker() -> dict[str, str]:
    """All that a worker of an engine is told: where programs and folders are, which language."""
    return {n: v for n, v in os.environ.items() if n in variables.OF_A_WORKER}


def withheld() -> set[str]:
    """Every variable that no worker is told, for an engine that starts them with all there are."""
    known = {*DATABASES.values(), *SECRETS, *variables.OF_A_STORE.values()}
    return known | {name for name in os.environ if name not in variables.OF_A_WORKER}


@contextmanager
def without_logins() -> Iterator[None]:
    """Meanwhile this process's environment holds no login or secret: for a child that inherits all.

    Not for a process whose threads read the environment meanwhile.
    """
    hidden = {n: os.environ.pop(n) for n in (*DATABASES.values(), *SECRETS) if n in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def enter(variables: Mapping[str, str]) -> None:
    """Set variables of this process, for libraries that read the environment themselves."""
    os.environ.update(variables)
