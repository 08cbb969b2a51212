"""The gate on a database of its own."""

import pytest

from sxe_pipeline_tests.gate.world import World, database_from, drop


@pytest.fixture(scope="session")
def opened(server):
    """A database where people, policy, prices and caps are set: what each test copies."""
    database = database_from(server, "sxe_template")
    made = World(database)
    made.open()
    made.close()
    yield database, made.tokens
    drop(database)


@pytest.fixture
def world(opened):
    """People, policy, prices, caps; no card yet."""
    template, tokens = opened
    database = database_from(template.state, template.name)
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
