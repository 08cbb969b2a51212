"""`make` on machines that are not ours: a copy of the Makefile, before programs that we wrote."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = """#!/bin/sh
echo "python $*" >> calls
case "$*" in *requirements-uv.lock*) exit {has_uv};; esac
"""
SXE = """#!/bin/sh
echo "sxe $*" >> calls
printf '%s\\n' "$@" >> words
"""
UV = """#!/bin/sh
echo "uv ${{UV_SYSTEM_CERTS:-0}} $*" >> calls
echo "invalid peer certificate" >&2
[ "${{UV_SYSTEM_CERTS:-0}}" = "{works_with}" ]
"""


@pytest.fixture
def bare(tmp_path):
    """A checkout on another machine: `made(...)` runs make there; what it called, line by line."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-uv.lock",
        "pyproject.toml",
    ):
        (tmp_path / name).write_text("")
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)

    def made(target, *, has_uv=True, works_with="0"):
        programs = {
            "python": PYTHON.format(has_uv=0 if has_uv else 1),
            "uv": UV.format(works_with=works_with),
            "sxe": SXE,
        }
        for name, text in programs.items():
            (binaries / name).write_text(text)
            (binaries / name).chmod(0o755)
        done = subprocess.run(
            ["make", *target], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return (tmp_path / "calls").read_text().splitlines()

    return made


def test_uv_installs_where_it_works(bare):
    calls = bare(["demo"])

    assert [call.split()[0] for call in calls] == ["python", "uv", "uv", "sxe"]
    assert "--require-hashes -r requirements.lock" in calls[1]


def test_uv_that_knows_no_certificate_of_a_proxy_takes_those_of_the_system(bare):
    calls = bare(["demo"], works_with="1")

    assert [call.split()[:2] for call in calls[1:-1]] == [["uv", "0"], ["uv", "1"], ["uv", "1"]]


def test_pip_installs_whatever_uv_failed_of(bare):
    calls = bare(["demo"], works_with="never")

    assert "--require-hashes --no-deps -r requirements.lock" in calls[-3]
    assert calls[-3].startswith("python -m pip")
    assert calls[-2].endswith("--no-deps -e .")
    assert calls[-1] == "sxe demo"


def test_pip_installs_where_there_is_no_uv(bare):
    calls = bare(["demo"], has_uv=False)

    assert [call.split()[0] for call in calls] == ["python", "python", "python", "sxe"]


@pytest.mark.parametrize(
    "name",
    [
        "x;touch P",
        "$(touch P)",
        "$$(touch P)",
        "$(shell touch P)",
        "`touch P`",
        "' ; touch P ; '",
        '" ; touch P ; "',
        "two words",
        "*",
        "--accounts",
    ],
)
def test_a_name_is_never_a_command(bare, tmp_path, name):
    """A folder may be called anything, and whoever completes its name with Tab runs it."""
    (tmp_path / name).mkdir()

    bare(["demo", "ui", f"INPUT={name}", f"PORT={name}"])

    assert not (tmp_path / "P").exists()
    words = (tmp_path / "words").read_text().splitlines()
    assert words == ["demo", "--", name, "ui", "--demo", "--port", name]


def test_a_folder_that_is_not_there_is_no_command_either(bare, tmp_path):
    bare(["demo", "INPUT=$(touch P);touch P *"])

    assert not (tmp_path / "P").exists()
    assert (tmp_path / "words").read_text().splitlines()[2:] == ["$(touch", "P);touch", "P", "*"]


def test_several_folders_are_several_arguments(bare):
    assert bare(["demo", "INPUT=one two"])[-1] == "sxe demo -- one two"


def test_uv_itself_is_held_to_its_hashes(bare):
    first = bare(["demo"])[0]

    assert "--require-hashes -r requirements-uv.lock" in first
    assert (ROOT / "requirements-uv.lock").read_text().count("--hash=sha256:") > 5


def test_the_ui_takes_another_port(bare):
    assert bare(["ui", "PORT=3070"])[-1] == "sxe ui --demo --port 3070"
    assert bare(["ui"])[-1].strip() == "sxe ui --demo"


def test_a_clone_below_a_percent_sign_has_its_environment_elsewhere(tmp_path):
    clone, home = tmp_path / "100% ours", tmp_path / "home"
    clone.mkdir()
    home.mkdir()
    shutil.copy(ROOT / "Makefile", clone)

    subprocess.run(
        ["make", "environment"], cwd=clone, env=os.environ | {"HOME": str(home)}, check=True
    )

    link = clone / ".venv"
    assert link.is_symlink()
    assert link.resolve().is_relative_to(home)
    assert (link / "bin" / "python").exists()


def test_the_size_of_the_benchmarks_is_no_command(bare, tmp_path):
    splink = tmp_path / ".venv-peers" / "bin" / "python"
    splink.parent.mkdir(parents=True)
    splink.write_text("#!/bin/sh\n")
    splink.chmod(0o755)
    for size in ("1M", "$(touch P)", "x;touch P"):
        bare(["bench", f"SIZE={size}"])

    calls = (tmp_path / "calls").read_text()
    assert "python bench/results.py 1M" in calls
    assert not (tmp_path / "P").exists()
