"""The gate on a database of its own."""

import pytest

from sxe_pipeline_tests.gate.world import World


@pytest.fixture
def world(database):
    """People, policy, prices, caps; no card yet."""
    made = World(database)
    made.open()
    yield made
    made.close()


@pytest.fixture
def empty(database):
    """A gate before anybody exists."""
    made = World(database)
    yield made
    made.close()
