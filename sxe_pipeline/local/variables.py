"""What one process of this home hands to another, as environment variables and one file.

Here: the exports, and Dagster's home folder with the shipped `dagster.yaml`. Not here: reading the
environment (`settings`), and what the contact process may know (`contact`).
"""

from pathlib import Path

import sxe_pipeline
from sxe_pipeline.settings import DATABASES, PACE, STORES, Settings
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
        **{variable: getattr(settings, name) for name, (variable, _) in STORES.items()},
    }
    for name, variable in DATABASES.items():
        if value := getattr(settings, name):
            env[variable] = value
    if settings.dagster_dsn:
        env["DAGSTER_STORAGE_URL"] = with_driver(settings.dagster_dsn, "psycopg2")
    env |= pace(settings)
    if settings.policy_file:
        env["SXE_POLICY_FILE"] = str(settings.policy_file)
    if settings.retention_file:
        env["SXE_RETENTION_FILE"] = str(settings.retention_file)
    return env


def pace(settings: Settings) -> dict[str, str]:
    """How long operations wait, for another process of the same engine."""
    return {variable: str(getattr(settings.pace, name)) for name, variable in PACE.items()}


def dagster_home(settings: Settings) -> Path:
    """Make a DAGSTER_HOME with the shipped `dagster.yaml` below the engine's home; returns it."""
    home = settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(deploy_file("dagster.yaml").read_text())
    return home
