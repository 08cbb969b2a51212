"""Providers on this machine, and a gate in front of them."""

import pytest

from sxe_pipeline.sandbox import providers
from sxe_pipeline_tests.contacts.harness import as_minted, harness_on, telling_pairs
from sxe_pipeline_tests.databases import TEMPLATE, copy_of, drop
from sxe_pipeline_tests.gate.world import World


@pytest.fixture
def emulator():
    """Both providers; a failing callback fails the test at its end."""
    with providers.serve(retry_after_s=0) as running:
        yield running


def _set_up(server):
    database = copy_of(server, TEMPLATE)
    world = World(database)
    world.open(cap=100_000_000)
    world.settings(reconcile_wait="0 seconds", poll_wait="0 seconds")
    return database, world


@pytest.fixture(scope="session")
def opened(server):
    """An open gate without cards: what each test copies."""
    database, world = _set_up(server)
    world.close()
    yield database, world.tokens, {}
    drop(database)


@pytest.fixture(scope="session")
def approved(server):
    """The same with a request for three cards that another person approved.

    At Apollo the first has an address and a number, the second an address; Enformion knows the
    third, whom Apollo does not know.
    """
    database, world = _set_up(server)
    world.put([as_minted(n) for n in range(3)])
    made = world.submit(3, fields=["email", "phone"])
    world.approve(made)
    world.close()
    yield database, world.tokens, world.known, made
    drop(database)


@pytest.fixture(scope="session")
def paired(server):
    """An open gate with pairs of cards of which each provider sells something."""
    database, world = _set_up(server)
    pairs = [world.cards(2, prefix=prefix) for prefix in telling_pairs(12)]
    world.close()
    yield database, world.tokens, world.known, pairs
    drop(database)


@pytest.fixture
def pairs(paired, emulator):
    """(harness, pairs of cards): no request names them yet."""
    template, tokens, known, cards = paired
    database = copy_of(template.state, template.name)
    with harness_on(database, tokens, emulator, known) as opened:
        yield opened, cards
    drop(database)


@pytest.fixture
def harness(opened, emulator):
    """An open gate without cards, and the loop before it."""
    template, tokens, known = opened
    database = copy_of(template.state, template.name)
    with harness_on(database, tokens, emulator, known) as made:
        yield made
    drop(database)


@pytest.fixture
def due(approved, emulator):
    """(harness, request): three cards, approved, nothing sent."""
    template, tokens, known, made = approved
    database = copy_of(template.state, template.name)
    with harness_on(database, tokens, emulator, known) as opened:
        yield opened, made
    drop(database)
