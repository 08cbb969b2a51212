"""DuckDB holds what its container leaves it, and spills where it is told to."""

import pytest

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.schema import container, duck

GIB = 1 << 30


def current(name):
    with duck.opened() as engine:
        return engine.execute("select current_setting($1)", [name]).fetchone()[0]


def test_d12_memory_and_spill_folder_come_from_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("SXE_MEMORY_LIMIT_MB", "128")
    monkeypatch.setenv("SXE_SPILL_DIR", str(tmp_path))

    assert current("memory_limit") == "128.0 MiB"
    assert current("temp_directory").startswith(f"{tmp_path}/sxe-spill-")
    assert list(tmp_path.iterdir()) == [], "what was spilled is gone"


def test_d12_unset_it_is_a_share_of_the_container(monkeypatch):
    monkeypatch.delenv("SXE_MEMORY_LIMIT_MB", raising=False)
    monkeypatch.setattr(container, "memory_bytes", lambda: GIB)

    assert current("memory_limit") == "409.0 MiB"


def test_d12_what_is_larger_than_the_limit_is_spilled(tmp_path, monkeypatch):
    monkeypatch.setenv("SXE_MEMORY_LIMIT_MB", "64")
    monkeypatch.setenv("SXE_SPILL_DIR", str(tmp_path))

    with duck.opened() as engine:
        engine.execute("set threads = 1")
        engine.execute(
            "create temp table wide as select i, hash(i)::text t from range(4000000) r(i)"
        )
        spilled = [file for file in tmp_path.rglob("*") if file.is_file()]

    assert spilled
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SXE_MEMORY_LIMIT_MB", "2GB"),
        ("SXE_MEMORY_LIMIT_MB", "1"),
        ("SXE_SPILL_DIR", "/nowhere/at/all"),
    ],
)
def test_limits_that_cannot_be_used_are_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(BadConfig, match=name), duck.opened():
        pass
