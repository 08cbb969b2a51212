"""Managed services, where this machine has the packages for one."""

import pytest

from sxe_pipeline_tests.local import managed


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
