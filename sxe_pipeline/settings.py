"""The only reader of the environment.

Every name is optional; unset means the embedded default below `SXE_HOME`. A value is read once, by
`load`, and handed on as a frozen object. Secrets stay in here: `repr` shows none of them.
"""

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sxe_pipeline.errors import BadConfig

DATABASES = {
    "social_dsn": "SXE_SOCIAL_DATABASE_URL",
    "contacts_dsn": "SXE_CONTACTS_DATABASE_URL",
    "api_dsn": "SXE_API_DATABASE_URL",
    "admin_dsn": "SXE_ADMIN_DATABASE_URL",
    "dagster_dsn": "DAGSTER_DATABASE_URL",
}
"""Five logins to one database: field of `Settings` -> environment variable."""

STORES = {
    "landing_url": ("SXE_LANDING_STORE_URL", "landing"),
    "tier1_url": ("SXE_TIER1_STORE_URL", "tier1"),
    "handoff_url": ("SXE_HANDOFF_STORE_URL", "handoff"),
    "contact_handoff_url": ("SXE_CONTACT_HANDOFF_STORE_URL", "contact_handoff"),
}
"""Field of `Settings` -> (environment variable, folder of the embedded default)."""

PROVIDERS = {
    "apollo": ("SXE_APOLLO_URL", "https://api.apollo.io", {"api_key": "APOLLO_API_KEY"}),
    "enformion": (
        "SXE_ENFORMION_URL",
        "https://devapi.enformion.com",
        {"name": "ENFORMION_AP_NAME", "password": "ENFORMION_AP_PASSWORD"},
    ),
}
"""Provider -> (variable of its address, its address, credential -> variable)."""

ALERT_WEBHOOK = "SXE_ALERT_WEBHOOK_URL"
"""Where alerts are sent; whoever knows the address may write there, so it is a secret."""

SECRETS = {
    ALERT_WEBHOOK,
    "SXE_SIGNING_KEY",
    "SXE_KEYSET",
    "SXE_TOKEN",
    *(variable for _, _, names in PROVIDERS.values() for variable in names.values()),
}
"""What no child inherits unless it is named."""


_UNOPENABLE = re.compile(r"%[0-9A-Fa-f]{2}|[][\\^|]")
"""In a path: Delta Lake looks elsewhere for what it wrote there, Dagster takes [ for a pattern."""


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


PACE = {field.name: f"SXE_{field.name.upper()}_S" for field in dataclasses.fields(Pace)}
"""Field of `Pace` -> environment variable."""


@dataclass(frozen=True)
class Settings:
    """What one process may know. A login that is None belongs to another tier or is not set.

    `first_day`: earlier landed days are neither shown nor built; None is every day there can be.
    """

    home: Path
    landing_url: str
    tier1_url: str
    handoff_url: str
    contact_handoff_url: str
    social_dsn: str | None = field(default=None, repr=False)
    contacts_dsn: str | None = field(default=None, repr=False)
    api_dsn: str | None = field(default=None, repr=False)
    admin_dsn: str | None = field(default=None, repr=False)
    dagster_dsn: str | None = field(default=None, repr=False)
    signing_key: str | None = field(default=None, repr=False)
    keyset: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    provider_urls: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    apollo_sink_url: str = ""
    policy_file: Path | None = None
    retention_file: Path | None = None
    postgres_binaries: Path | None = None
    postgres_user: str = "nobody"
    pace: Pace = Pace()
    first_day: date | None = None
    alert_url: str | None = field(default=None, repr=False)

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
            raise BadConfig(
                f"{variable} is not set for this process; set it, or set none of the database "
                "variables to use the embedded server"
            )
        return dsn

    def builds(self, day: date) -> bool:
        """Whether a landed day is shown and built, or lies before the first one."""
        return self.first_day is None or day >= self.first_day

    def logged_out(self) -> "Settings":
        """The same, before anybody logged in: for another login to the embedded server."""
        without: dict[str, Any] = {name: None for name in DATABASES}
        return dataclasses.replace(self, **without)

    def under(self, home: Path) -> "Settings":
        """The same settings with every embedded default moved below another home."""
        folders: dict[str, Any] = {n: (home / f).as_uri() for n, (_, f) in STORES.items()}
        return dataclasses.replace(self, home=home, **folders)


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings, from `os.environ` where no mapping is given.

    Raises:
        BadConfig: A store URL has a scheme that no store serves, or a path holds what its
            readers take for something else.

    Example:
        >>> load({"SXE_HOME": "/srv/sxe"}).landing_url
        'file:///srv/sxe/landing'
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("SXE_HOME") or ".sxe").absolute()
    stores: dict[str, Any] = {}
    for name, (variable, folder) in STORES.items():
        url = env.get(variable) or (home / folder).as_uri()
        if urlsplit(url).scheme not in ("file", "s3"):
            raise BadConfig(f"{variable} must start with file:// or s3://; correct it")
        stores[name] = url
    _refuse_unopenable("SXE_HOME", str(home))
    if (tier1 := urlsplit(stores["tier1_url"])).scheme == "file":
        _refuse_unopenable("SXE_TIER1_STORE_URL", unquote(tier1.path))
    policy, binaries = env.get("SXE_POLICY_FILE"), env.get("SXE_PG_BIN")
    retention = env.get("SXE_RETENTION_FILE")
    logins: dict[str, Any] = {n: env.get(variable) or None for n, variable in DATABASES.items()}
    return Settings(
        home=home,
        **stores,
        **logins,
        signing_key=env.get("SXE_SIGNING_KEY") or None,
        keyset=env.get("SXE_KEYSET") or None,
        token=env.get("SXE_TOKEN") or None,
        provider_urls={name: env.get(url) or at for name, (url, at, _) in PROVIDERS.items()},
        credentials={
            name: {key: env[variable] for key, variable in names.items() if env.get(variable)}
            for name, (_, _, names) in PROVIDERS.items()
        },
        apollo_sink_url=env.get("SXE_APOLLO_SINK_URL") or "",
        policy_file=Path(policy) if policy else None,
        retention_file=Path(retention) if retention else None,
        postgres_binaries=Path(binaries) if binaries else None,
        postgres_user=env.get("SXE_PG_USER") or "nobody",
        first_day=_first_day(env.get("SXE_FIRST_DAY")),
        alert_url=_webhook(env.get(ALERT_WEBHOOK)),
        pace=Pace(
            **{
                name: _seconds(env, variable)
                for name, variable in PACE.items()
                if env.get(variable)
            }
        ),
    )


def _first_day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadConfig("SXE_FIRST_DAY is a day, such as 2026-11-01; correct it") from None


def _webhook(url: str | None) -> str | None:
    """The address, where nobody on the way can read what is sent there."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_whole, _ = bool(parts.hostname), parts.port
    except ValueError:
        parts, is_whole = urlsplit(""), False
    is_loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not is_whole or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback)):
        raise BadConfig(
            f"{ALERT_WEBHOOK} starts with https://, or with http:// on this machine; correct it"
        )
    return url


def _refuse_unopenable(variable: str, path: str) -> None:
    if found := _UNOPENABLE.search(path):
        raise BadConfig(
            f"the path of {variable} holds {found[0]!r}, which Delta Lake or Dagster takes for "
            f"something else; rename that folder, or point {variable} at another"
        )


def _seconds(env: Mapping[str, str], variable: str) -> float:
    try:
        seconds = float(env[variable])
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 31_622_400:
        raise BadConfig(f"{variable} is a number of seconds, up to a year; correct it")
    return seconds


def inherited(names: tuple[str, ...] = ()) -> dict[str, str]:
    """A copy of this process's environment for a child, without any SXE or Dagster login or secret.

    Args:
        names: Variables to keep although they are ours.
    """
    ours = {*DATABASES.values(), *SECRETS}
    return {k: v for k, v in os.environ.items() if k not in ours or k in names}


def object_store() -> dict[str, str]:
    """What an S3 client reads from the environment, for a child that is told everything."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def enter(variables: Mapping[str, str]) -> None:
    """Set variables of this process, for libraries that read the environment themselves."""
    os.environ.update(variables)
