"""One served site for each file of tests, with a batch in it."""

import pytest

from sxe_pipeline_tests import databases
from sxe_pipeline_tests.handoff.conftest import cards, contract, signer  # noqa: F401
from sxe_pipeline_tests.web.site import served


@pytest.fixture(scope="module")
def site(server, signer, tmp_path_factory):  # noqa: F811
    database = databases.copy_of(server, databases.TEMPLATE)
    store = (tmp_path_factory.mktemp("web") / "handoff").as_uri()
    with served(database, store, signer) as made:
        yield made
    databases.drop(database)


@pytest.fixture(scope="module")
def batch(site, cards):  # noqa: F811
    """A published batch of twenty cards."""
    return site.publish(cards(20))


@pytest.fixture(scope="module")
def key(site):
    """A key that sees every market of `lead_card`."""
    return site.key(consumer="reader")
