"""The gate on a database of its own."""

import pytest

from sxe_pipeline_tests.databases import TEMPLATE, copy_of, drop
from sxe_pipeline_tests.gate.world import World


@pytest.fixture(scope="session")
def opened(server):
    """A database where people, policy, prices and caps are set: what each test copies."""
    database = copy_of(server, TEMPLATE)
    made = World(database)
    made.open()
    made.close()
    yield database, made.tokens
    drop(database)


@pytest.fixture
def world(opened):
    """People, policy, prices, caps; no card yet."""
    template, tokens = opened
    database = copy_of(template.state, template.name)
    made = World(database)
    made.tokens = dict(tokens)
    yield made
    made.close()
    drop(database)


@pytest.fixture
def empty(database):
    """A gate before anybody exists."""
    made = World(database)
    yield made
    made.close()
