"""What tests share: one real Postgres for the whole run, a database of its own for each test."""

import contextlib
import dataclasses
import os
import secrets
from pathlib import Path

import psycopg
import pytest
from psycopg import sql as compose

from sxe_pipeline.errors import Busy
from sxe_pipeline.local import postgres
from sxe_pipeline.store import migrate, sql

TEMPLATE = "sxe_template"

MARKS = {"server": "database", "processes": "processes"}
"""What a test asks for -> how it is marked, so that `make quick` can leave it out."""


@dataclasses.dataclass(frozen=True)
class Database:
    """A fresh, migrated database."""

    state: dict
    name: str

    def dsn(self, role):
        """The login of a role, such as 'sxe_social'."""
        return postgres.dsn(self.state, role, self.name)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark each test by the fixtures it uses, directly or through others."""
    for item in items:
        for fixture, mark in MARKS.items():
            if fixture in item.fixturenames:
                item.add_marker(mark)


@pytest.fixture(scope="session")
def processes():
    """Asked for by whatever starts a server, a UI, a demo or an installation of its own."""


@pytest.fixture(scope="session")
def data():
    """The folder of real profiles; a test that needs it skips where there is none."""
    folder = os.environ.get("SXE_TEST_DATA")
    if not folder:
        pytest.skip("SXE_TEST_DATA is not set: no real profiles on this machine")
    return Path(folder)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One embedded server for all workers of a run; the last one out stops it."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "postgres"
    embedded = postgres.Server(home, durable=False)
    with embedded.attached() as state:
        _make_template(state)
        yield state
    # As root the data lies outside of pytest's folder, which nobody else would clean.
    with contextlib.suppress(Busy):
        embedded.reset()


def _make_template(state):
    """Migrate once; the copy of a template takes 60 ms, a migration a second."""
    root = postgres.dsn(state, "postgres", "postgres")
    with psycopg.connect(root, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(42)")
        if conn.execute(
            "select 1 from pg_database where datname = %s and datistemplate", [TEMPLATE]
        ).fetchone():
            return
        conn.execute(f"drop database if exists {TEMPLATE}")
        conn.execute(f"create database {TEMPLATE} owner sxe_admin")
        admin = postgres.dsn(state, "sxe_admin", TEMPLATE)
        migrate.upgrade(admin, state["passwords"])
        conn.execute(f"alter database {TEMPLATE} is_template true")


@pytest.fixture
def database(server):
    """A database of this test alone."""
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(postgres.dsn(server, "postgres", "postgres"), autocommit=True) as conn:
        made = compose.SQL("create database {} template {} owner sxe_admin")
        conn.execute(made.format(compose.Identifier(name), compose.Identifier(TEMPLATE)))
        # Grants on a database do not come with its template.
        with sql.open_unchecked(postgres.dsn(server, "sxe_admin", name)) as admin:
            migrate.open_database(admin)
        yield Database(server, name)
        with contextlib.suppress(psycopg.Error):
            gone = compose.SQL("drop database {} with (force)").format(compose.Identifier(name))
            conn.execute(gone)


@pytest.fixture
def tier1(tmp_path):
    """URL of an empty Tier 1 store."""
    return (tmp_path / "tier1").as_uri()


@pytest.fixture
def landing(tmp_path):
    """URL of an empty landing store."""
    return (tmp_path / "landing").as_uri()


@pytest.fixture
def handoff(tmp_path):
    """URL of an empty handoff store."""
    return (tmp_path / "handoff").as_uri()
