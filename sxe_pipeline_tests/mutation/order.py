"""A pytest plugin: the tests that notice soonest first, and how long each takes.

Loaded by the mutation runner with `-p`; nothing else uses it.
"""

import json
import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# A failure is enough; the smallest example of it would cost minutes.
settings.register_profile(
    "mutation", phases=[Phase.explicit, Phase.generate], derandomize=True, database=None
)
settings.load_profile("mutation")

_seconds: dict[str, float] = {}
_failed: list[str] = []


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    known = json.loads(os.environ["SXE_MUTATION_ORDER"])
    items.sort(key=lambda item: known.get(item.nodeid, 0.0))


def pytest_runtest_logreport(report):
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration
    if report.failed:
        _failed.append(report.nodeid)


def pytest_sessionfinish():
    said = {"seconds": _seconds, "failed": _failed}
    Path(os.environ["SXE_MUTATION_REPORT"]).write_text(json.dumps(said))
