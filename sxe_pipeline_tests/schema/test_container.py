"""Of its machine a process uses what its container leaves it."""

import os

import pytest

from sxe_pipeline.schema import container

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
CORES = len(os.sched_getaffinity(0))
GIB = 1 << 30


def system(root, cgroup, limits):
    """A `/proc` and a `/sys` that tell of control groups."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(cgroup)
    for path, limit in limits.items():
        file = root / "sys" / "fs" / "cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(limit)
    return root


@pytest.mark.parametrize(
    ("cgroup", "limits", "found"),
    [
        pytest.param("0::/\n", {"memory.max": f"{GIB}\n"}, GIB, id="a container"),
        pytest.param(
            "0::/a/b\n", {"a/memory.max": f"{GIB}\n", "a/b/memory.max": "max\n"}, GIB, id="above"
        ),
        pytest.param("0::/\n", {"memory.max": "max\n"}, MACHINE, id="no limit"),
        pytest.param(
            "4:memory,hugetlb:/\n1:cpu:/x\n",
            {"memory/memory.limit_in_bytes": f"{GIB}\n"},
            GIB,
            id="the older way",
        ),
        pytest.param("0::/../outside\n", {"memory.max": f"{GIB}\n"}, GIB, id="seen from inside"),
        pytest.param("", {}, MACHINE, id="another system"),
    ],
)
def test_d12_the_memory_of_the_container_is_found(tmp_path, cgroup, limits, found):
    assert container.memory_bytes(system(tmp_path, cgroup, limits)) == found


@pytest.mark.parametrize(
    ("cgroup", "limits", "found"),
    [
        pytest.param("0::/\n", {"cpu.max": "100000 100000\n"}, 1, id="a container"),
        pytest.param("0::/a/b\n", {"a/cpu.max": "50000 100000\n"}, 1, id="half a core above"),
        pytest.param("0::/\n", {"cpu.max": "max 100000\n"}, CORES, id="no limit"),
        pytest.param("0::/\n", {"cpu.max": "99900000 100000\n"}, CORES, id="more than there are"),
        pytest.param(
            "2:cpu:/x\n0::/\n",
            {"cpu/x/cpu.cfs_quota_us": "100000\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
            1,
            id="the older way",
        ),
        pytest.param(
            "2:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            CORES,
            id="the older way without",
        ),
        pytest.param("", {}, CORES, id="another system"),
    ],
)
def test_the_cores_of_the_container_are_found(tmp_path, cgroup, limits, found):
    assert container.cores(system(tmp_path, cgroup, limits)) == found
