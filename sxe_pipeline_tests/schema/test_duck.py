"""DuckDB holds what its container leaves it, and spills where it is told to."""

import os

import pytest

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.schema import duck

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
GIB = 1 << 30


def system(root, cgroup, **limits):
    """A `/proc` and a `/sys` that tell of control groups."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(cgroup)
    for path, limit in limits.items():
        file = root / "sys" / "fs" / "cgroup" / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_name(
            "memory.max" if "memory" not in path else "memory.limit_in_bytes"
        ).write_text(limit)
    return root


@pytest.mark.parametrize(
    ("cgroup", "limits", "found"),
    [
        pytest.param("0::/\n", {"file": f"{GIB}\n"}, GIB, id="a container"),
        pytest.param("0::/a/b\n", {"a__file": f"{GIB}\n", "a__b__file": "max\n"}, GIB, id="above"),
        pytest.param("0::/\n", {"file": "max\n"}, MACHINE, id="no limit"),
        pytest.param(
            "4:memory,hugetlb:/\n1:cpu:/x\n",
            {"memory__memory": f"{GIB}\n"},
            GIB,
            id="the older way",
        ),
        pytest.param("0::/../outside\n", {"file": f"{GIB}\n"}, GIB, id="seen from inside"),
        pytest.param("", {}, MACHINE, id="another system"),
    ],
)
def test_d12_the_memory_of_the_container_is_found(tmp_path, cgroup, limits, found):
    assert duck.container_bytes(system(tmp_path, cgroup, **limits)) == found


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
    monkeypatch.setattr(duck, "container_bytes", lambda: GIB)

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
