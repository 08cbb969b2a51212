"""One test, every engine: `@on_every_engine` above a test that takes `engine`."""

import pytest

SPARK = pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.processes])
on_every_engine = pytest.mark.parametrize("engine", ["duckdb", "processes", SPARK], indirect=True)
on_every_engine_with_workers = pytest.mark.parametrize(
    "engine", ["processes", SPARK], indirect=True
)
