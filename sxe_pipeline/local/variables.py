"""What one process of this home hands to another, as environment variables and one file.

Here: the exports, and Dagster's home folder with the shipped `dagster.yaml`. Not here: reading the
environment (`settings`), and what the contact process may know (`contact`).
"""

import dataclasses
import importlib.util
from pathlib import Path

import sxe_pipeline
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.ops import days
from sxe_pipeline.settings import DATABASES, PACE, STORES, Settings
from sxe_pipeline.settings.variables import ENV, PRODUCTION, of_store
from sxe_pipeline.store import disk, sql
from sxe_pipeline.store.sql import with_driver


def deploy_file(name: str) -> Path:
    """A file of `deploy/`: inside the installed package, else in the checkout."""
    package = Path(sxe_pipeline.__file__).parent
    inside = package / name
    return inside if inside.is_file() else package.parent / "deploy" / name


def exports(settings: Settings, dagster_home: Path) -> dict[str, str]:
    """The variables that give another process exactly the logins and stores of these settings."""
    env = {
        "SXE_HOME": str(settings.home),
        "DAGSTER_HOME": str(dagster_home),
        **stores(settings, *settings.stores),
    }
    if settings.is_production:
        env[ENV] = PRODUCTION
    for name, variable in DATABASES.items():
        if value := getattr(settings, name):
            env[variable] = value
    if settings.dagster_dsn:
        env["DAGSTER_STORAGE_URL"] = with_driver(settings.dagster_dsn, "psycopg2")
    env |= pace(settings)
    if settings.first_day:
        env["SXE_FIRST_DAY"] = settings.first_day.isoformat()
    if settings.policy_file:
        env["SXE_POLICY_FILE"] = str(settings.policy_file)
    if settings.retention_file:
        env["SXE_RETENTION_FILE"] = str(settings.retention_file)
    return env


def stores(settings: Settings, *names: str) -> dict[str, str]:
    """The variables of stores, with what is set for one of them alone.

    Args:
        settings: Where they are.
        names: Keys of `STORES`.
    """
    env: dict[str, str] = {}
    for name in names:
        url, variable = settings.stores[name], STORES[name][0]
        env[variable] = url
        env |= {n: url.options[c] for n, c in of_store(variable).items() if c in url.options}
    return env


def pace(settings: Settings) -> dict[str, str]:
    """How long operations wait, for another process of the same engine."""
    return {variable: str(getattr(settings.pace, name)) for name, variable in PACE.items()}


def since_first_landing(settings: Settings) -> Settings:
    """The same settings, from the oldest registered day on where no first day was set.

    For a process that shows the days: thousands of empty ones would hide those that hold something.

    Args:
        settings: With the social tier's login.
    """
    if settings.first_day is not None:
        return settings
    with sql.connect(settings.need("social_dsn")) as conn:
        return dataclasses.replace(settings, first_day=days.oldest(conn))


def dagster_home(settings: Settings) -> Path:
    """Make a DAGSTER_HOME with the shipped `dagster.yaml` below the engine's home; returns it.

    Raises:
        BadConfig: Dagster is installed where it cannot read its own migrations.
    """
    installed = importlib.util.find_spec("dagster")
    if installed and "%" in str(installed.origin):
        raise BadConfig(
            "Dagster is installed below a folder with a % in its name, where it cannot read its "
            "own migrations; make an environment elsewhere, such as `make VENV=/srv/sxe demo`"
        )
    home = settings.home / "dagster"
    disk.private_folder(home)
    (home / "dagster.yaml").write_text(deploy_file("dagster.yaml").read_text())
    return home
