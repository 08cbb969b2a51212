"""What tests share: one real Postgres for the whole run, a database of its own for each test."""

import contextlib
import gc
import hashlib
import logging
import os
import shutil
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql as compose

from sxe_pipeline import logs
from sxe_pipeline.errors import Busy
from sxe_pipeline.local import postgres
from sxe_pipeline.settings import interpreter
from sxe_pipeline.store import migrate
from sxe_pipeline_tests import databases, order

settings.register_profile("quick", max_examples=25)

MEMORY, ENOUGH = Path("/dev/shm"), 4 << 30
"""A file system in memory, and how much of it must be free for all that the tests write."""
ROOT = "PYTEST_DEBUG_TEMPROOT"
"""The variable by which pytest is told where its folders lie."""

MARKS = {"server": "database", "processes": "processes"}
"""What a test asks for -> how it is marked, so that `make quick` can leave it out."""


def pytest_configure():
    """Nothing that is loaded before the first test is garbage: nobody looks for it there.

    What tests write lies in memory where there is some. Each commit of a table waits for the disk
    some times, and a database is mostly a thousand small files; no test takes the power away.
    """
    gc.disable()
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault(ROOT, str(MEMORY))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """Nor later: half a million objects would be walked through each time.

    And it is looked for as seldom as in the engine's own processes: else a quarter of what a test
    does with many small objects is looking.
    """
    gc.freeze()
    gc.set_threshold(interpreter.ALLOCATED)
    gc.enable()


def pytest_unconfigure():
    """Libraries that count what is left of them at the very end find it gone."""
    gc.unfreeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark each test by the fixtures it uses, directly or through others; the longest begin."""
    for item in items:
        for fixture, mark in MARKS.items():
            if fixture in item.fixturenames:
                item.add_marker(mark)
    yield
    items[:] = order.longest_first(items, getattr(config, "workerinput", {}).get("workercount", 1))


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
    home = _home(base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base)
    embedded = postgres.Server(home, durable=False)
    with embedded.attached() as state:
        _make_template(state)
        yield state
        databases.close(state)
    # As root the data lies outside of pytest's folder, which nobody else would clean.
    with contextlib.suppress(Busy):
        embedded.reset()
        shutil.rmtree(home)


def _home(base):
    """Of the server; in memory not below pytest's folder, which the server's user cannot enter."""
    name = f"sxe-tests-{hashlib.sha256(str(base).encode()).hexdigest()[:10]}"
    return Path(root) / name if (root := os.environ.get(ROOT)) else base / "postgres"


def _make_template(state):
    """Migrate once: that takes a second, the copy of a template a few hundredths of one."""
    root = postgres.dsn(state, "postgres", "postgres")
    owner = postgres.dsn(state, "postgres", databases.TEMPLATE)
    with psycopg.connect(root, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(42)")
        if conn.execute(
            "select 1 from pg_database where datname = %s and datistemplate", [databases.TEMPLATE]
        ).fetchone():
            return
        conn.execute(f"drop database if exists {databases.TEMPLATE}")
        conn.execute(f"create database {databases.TEMPLATE} owner sxe_admin")
        admin = postgres.dsn(state, "sxe_admin", databases.TEMPLATE)
        migrate.upgrade(admin, state["passwords"])
        # Of initdb's making it is hashed 4,096 times at each login, the others' once.
        password = compose.Literal(state["passwords"]["postgres"])
        conn.execute(compose.SQL("alter role postgres password {}").format(password))
        _compact(owner)
        conn.execute(f"alter database {databases.TEMPLATE} is_template true")


def _compact(owner):
    """Write the tables of the system itself anew: a copy has a fifth fewer files."""
    with psycopg.connect(owner, autocommit=True) as conn:
        for (table,) in conn.execute(
            "select oid::regclass::text from pg_class "
            "where relnamespace = 'pg_catalog'::regnamespace and relkind = 'r' and not relisshared"
        ).fetchall():
            conn.execute(f"vacuum (full) {table}")
    # Who logs in first writes down what each session begins with; copies have it, too.
    psycopg.connect(owner).close()


@pytest.fixture
def database(server):
    """A database of this test alone."""
    made = databases.copy_of(server, databases.TEMPLATE)
    yield made
    databases.drop(made)


@pytest.fixture
def logged(caplog):
    """All that is logged, at any level: by libraries, and by ourselves.

    `caplog` alone listens at the root, which our own log never reaches.
    """
    logs.get("tests")  # else the first line of a test would start the log, without this handler
    ours = logging.getLogger("sxe")
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger=ours.name)
    ours.addHandler(caplog.handler)
    yield caplog
    ours.removeHandler(caplog.handler)


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


@pytest.fixture
def place(server, tmp_path):
    """A home on a database of this test alone, logged in, and Dagster's real instance on it."""
    # Dagster takes a second to load, which most tests need not spend.
    from sxe_pipeline_tests.places import opened

    with opened(server, tmp_path / "home") as place:
        yield place
