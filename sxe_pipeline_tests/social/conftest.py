"""The social tier of one test: a database and an empty Tier 1 store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sxe_pipeline.store import sql
from sxe_pipeline_tests.social.intake import Intake
from sxe_pipeline_tests.social.tier import Tier


@pytest.fixture
def tier(database, tmp_path: Path) -> Iterator[Tier]:
    dsn = database.dsn("sxe_social")
    with sql.connect(dsn) as conn:
        yield Tier(conn, dsn, (tmp_path / "tier1").as_uri())


@pytest.fixture
def intake(database, tmp_path: Path) -> Iterator[Intake]:
    folder = tmp_path / "landing"
    folder.mkdir()
    with sql.connect(database.dsn("sxe_social")) as conn:
        yield Intake(conn, folder, (tmp_path / "tier1").as_uri())
