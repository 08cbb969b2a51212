"""A terminal in front of a gate."""

import pytest

from sxe_pipeline_tests.cli.terminal import Terminal
from sxe_pipeline_tests.gate.world import World


@pytest.fixture
def empty(database, tmp_path):
    world = World(database)
    made = Terminal(tmp_path, world.tokens, database.dsn)
    made.world = world
    yield made
    world.close()


@pytest.fixture
def terminal(empty):
    empty.world.open()
    empty.world.cards(5)
    return empty
