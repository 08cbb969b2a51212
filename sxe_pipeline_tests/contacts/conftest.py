"""Providers on this machine, and a gate in front of them."""

import pytest

from sxe_pipeline.sandbox import providers
from sxe_pipeline_tests.contacts.desk import Desk
from sxe_pipeline_tests.gate.world import World


@pytest.fixture
def emulator():
    """Both providers; a failing callback fails the test at its end."""
    with providers.serve(retry_after_s=0) as running:
        yield running


@pytest.fixture
def desk(database, emulator):
    """An open gate without cards, and the loop before it."""
    world = World(database)
    world.open(cap=100_000_000)
    world.settings(reconcile_wait="0 seconds", poll_wait="0 seconds")
    yield Desk(world, emulator)
    world.close()
