"""What tests of operations share: the social tier's login."""

import pytest

from sxe_pipeline.store import sql


@pytest.fixture
def conn(database):
    with sql.connect(database.dsn("sxe_social")) as opened:
        yield opened
