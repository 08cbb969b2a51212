"""Engines for tests: one of each, and a Spark only where there is one."""

import os

import pytest

from sxe_pipeline.engine import Local
from sxe_pipeline.settings import SPARK_MASTER

SECRETS = {
    "SXE_SOCIAL_DATABASE_URL": "postgresql://planted",
    "SXE_KEYSET": "planted",
    "AWS_SECRET_ACCESS_KEY": "planted",
    "SOMEBODYS_PASSWORD": "planted",
}


@pytest.fixture(scope="session")
def pyspark():
    """Where it can be imported."""
    reason = "pyspark is not installed: `make spark` runs this on Spark as well"
    try:
        import pyspark
    except ImportError:
        if os.environ.get("SXE_REQUIRE_SPARK") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return pyspark


@pytest.fixture(scope="session")
def spark(pyspark):
    """Spark with two processes of its own, started by a process that knows secrets."""
    from sxe_pipeline.engine.spark import Spark, session

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        opened = session(SPARK_MASTER)
        engine = Spark(opened)
    yield engine
    java = opened.sparkContext._gateway
    opened.stop()
    java.shutdown()
    # It ends when nobody writes to it any more.
    java.proc.stdin.close()
    java.proc.wait()


@pytest.fixture
def engine(request):
    """The engine that `on_every_engine` names."""
    made = {"duckdb": Local(), "processes": Local(2)}
    return made.get(request.param) or request.getfixturevalue("spark")
