"""A home on a database of its own and Dagster's real instance, to run real jobs on."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sxe_pipeline import definitions
from sxe_pipeline import settings as environment
from sxe_pipeline.local import keys, postgres, runs, variables
from sxe_pipeline.store import key_files, sql, tables
from sxe_pipeline_tests import databases

WITH_DAGSTER = "sxe_dagster_template"

TODAY = datetime.now(UTC).date()


def person(number, bio="Photographer from Lyon. I love hiking and trail running", **more):
    """A profile of the X API."""
    return {
        "id": str(2**60 + number),
        "username": f"maker{number}",
        "name": f"Maker {number}",
        "description": bio,
        "public_metrics": {"followers_count": 100, "following_count": 5, "tweet_count": 9},
        **more,
    }


def land(home, day, people, name="page.json"):
    """Put a file of profiles into the landing store, on a day."""
    folder = home / "landing" / "makers" / day.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"data": people}))


def settings_of(database, home):
    """The social tier's logins to a database."""
    logins = {
        "SXE_SOCIAL_DATABASE_URL": database.dsn("sxe_social"),
        "DAGSTER_DATABASE_URL": database.dsn("sxe_dagster"),
    }
    return environment.load({"SXE_HOME": str(home), "SXE_SETTLE_S": "0", **logins})


def settings_on(database, home):
    """The social tier's logins to a database, and a signing key that it knows."""
    given = settings_of(database, home)
    home.mkdir()
    with sql.connect(database.dsn("sxe_admin")) as conn:
        known = [(key_files.of_home(home).public_key, ())]
        keys.register(conn, known, actor="test", now=datetime.now(UTC))
    return given


@contextmanager
def opened(server, home):
    """A home on a database of its own, logged in: the variables of this process say so."""
    made = databases.copy_of(server, with_dagsters_tables(server))
    with entered(settings_on(made, home), made) as place:
        yield place
    databases.drop(made)


@contextmanager
def prepared(server, home, prepare):
    """Database and home of a place as `prepare` leaves it: what the tests of a module copy."""
    made = databases.copy_of(server, with_dagsters_tables(server))
    with entered(settings_on(made, home), made) as place:
        prepare(place)
    databases.log_out(made)  # Dagster keeps its connections
    yield made, home
    databases.drop(made)


@contextmanager
def copied(database, home, to):
    """A place with all that another one holds, which nobody is logged in to."""
    made = databases.copy_of(database.state, database.name)
    shutil.copytree(home, to)
    with entered(settings_of(made, to), made) as place:
        yield place
    databases.drop(made)


@contextmanager
def entered(given, database):
    """The place of these settings: the variables of this process say so."""
    with pytest.MonkeyPatch.context() as patched:
        for name in (*environment.DATABASES.values(), "SXE_SIGNING_KEY", "SXE_POLICY_FILE"):
            patched.delenv(name, raising=False)
        for name, value in variables.exports(given, variables.dagster_home(given)).items():
            patched.setenv(name, value)
        with runs.instance() as instance:
            yield Place(given, instance, database)


def with_dagsters_tables(server):
    """A template in which Dagster's tables stand, made once for all workers of a run."""
    root = databases.superuser(server)
    root.execute("select pg_advisory_lock(43)")
    try:
        if not root.execute(
            "select 1 from pg_database where datname = %s and datistemplate", [WITH_DAGSTER]
        ).fetchone():
            _make_tables(server)
            root.execute(f"alter database {WITH_DAGSTER} is_template true")
    finally:
        root.execute("select pg_advisory_unlock(43)")
    return WITH_DAGSTER


def _make_tables(server):
    """In a child: whoever is logged in to a template keeps it from being copied."""
    root = databases.superuser(server)
    root.execute(f"drop database if exists {WITH_DAGSTER}")
    copy = databases.copy_of(server, databases.TEMPLATE)
    root.execute(f"alter database {copy.name} rename to {WITH_DAGSTER}")
    made = databases.Database(server, WITH_DAGSTER)
    url = sql.with_driver(made.dsn("sxe_dagster"), "psycopg2")
    with tempfile.TemporaryDirectory() as home:
        Path(home, "dagster.yaml").write_text(variables.deploy_file("dagster.yaml").read_text())
        subprocess.run(
            [
                *(sys.executable, "-c"),
                "from sxe_pipeline.local import runs\n"
                "with runs.instance() as instance: runs.make_tables(instance)",
            ],
            env=os.environ | {"DAGSTER_HOME": home, "DAGSTER_STORAGE_URL": url},
            check=True,
        )


class Place:
    """The social tier on settings that are logged in."""

    def __init__(self, given, instance, database):
        self.settings, self.instance, self.database = given, instance, database
        self.tier = definitions.assemble(given)

    def hurry(self):
        """Let nothing wait for a run that may still report."""
        pace = dataclasses.replace(self.settings.pace, start_grace=0)
        self.tier = definitions.assemble(dataclasses.replace(self.settings, pace=pace))

    def tick(self, name="landed_files"):
        """The runs that a sensor wants."""
        return runs.sensor_tick(self.tier, self.instance, name)

    def run(self, job, *days):
        """Run a job of the tier, for its days."""
        return runs.run(self.tier, self.instance, job, list(days))

    def rows(self, query, *values):
        """What SQL says."""
        with sql.connect(self.settings.need("social_dsn")) as conn:
            return conn.execute(query, values).fetchall()

    def table(self, name):
        """A table of Tier 1, as it is named."""
        with sql.connect(self.settings.need("social_dsn")) as conn:
            return tables.snapshot(conn, self.settings.tier1_url, name).to_table()

    def superuser(self):
        """The login that sees everything."""
        return postgres.dsn(self.database.state, "postgres", self.database.name)

    def batches(self):
        """The batches of cards that were published."""
        return self.rows(
            "select market, day, row_count from handoff.batch "
            "where state = 'published' and contract = 'lead_card' order by day"
        )
