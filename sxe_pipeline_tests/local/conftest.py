"""Servers of a test's own: embedded ones, and managed ones where this machine has the packages."""

import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest

from sxe_pipeline.errors import Busy
from sxe_pipeline.local import postgres
from sxe_pipeline_tests.local import managed
from sxe_pipeline_tests.local.servers import Command


@pytest.fixture(scope="module")
def service(processes):
    """A service whose admin may make roles, as most do."""
    managed.require(managed.POSTGRES / "initdb", managed.PGBOUNCER)
    with managed.serving() as started:
        yield started


@pytest.fixture
def panel(processes):
    """A service whose admin may not make roles: its panel makes them."""
    managed.require(managed.POSTGRES / "initdb", managed.PGBOUNCER)
    with managed.serving(admin="createdb") as started:
        yield started


@pytest.fixture
def home(processes):
    # Short: the folder's name is part of what PostgreSQL puts into its files.
    folder = Path(tempfile.mkdtemp(prefix="sxe"))
    yield folder
    server = postgres.Server(folder, durable=False)
    with contextlib.suppress(Busy):
        server.reset()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(home):
    """`start()` runs a command on the home; whatever still runs at the end is killed."""
    running = []

    def started():
        running.append(Command(home))
        return running[-1]

    yield started
    for command in running:
        command.kill()
