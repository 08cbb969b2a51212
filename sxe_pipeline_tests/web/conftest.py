"""One served site for each file of tests, with a batch in it."""

import pytest

from sxe_pipeline_tests.databases import copy_of
from sxe_pipeline_tests.handoff.conftest import cards, contract, signer, staffed  # noqa: F401
from sxe_pipeline_tests.handoff.readers import Readers
from sxe_pipeline_tests.web.site import served


@pytest.fixture(scope="module")
def people(staffed):  # noqa: F811
    """Admins with tokens, and consumers as they are added."""
    template, tokens = staffed
    made = Readers(copy_of(template.state, template.name), dict(tokens))
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(people, signer, tmp_path_factory):  # noqa: F811
    with served(people, (tmp_path_factory.mktemp("web") / "handoff").as_uri(), signer) as made:
        yield made


@pytest.fixture(scope="module")
def batch(site, cards):  # noqa: F811
    """A published batch of twenty cards."""
    return site.publish(cards(20))


@pytest.fixture(scope="module")
def key(site, batch):
    """A key that sees every market of `lead_card`; the batch was delivered to its consumer."""
    return site.key(consumer="reader")
