"""The walls hold, and a breach that is seeded brings the build down."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT = [
    sys.executable,
    "-c",
    "import sys; from importlinter.cli import lint_imports_command as c; c()",
]


def lint_imports(root):
    return subprocess.run(
        [*LINT, "--no-cache"], cwd=root, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sxe_pipeline", tmp_path / "sxe_pipeline", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_walls_hold(copy):
    done = lint_imports(copy)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        pytest.param("cards/breach.py", "from sxe_pipeline import ingest", id="stage to stage"),
        pytest.param(
            "social/breach.py",
            "def f():\n    from sxe_pipeline import cards\n    return cards",
            id="stage to stage inside a function",
        ),
        pytest.param("social/breach.py", "import dagster", id="dagster in a core"),
        pytest.param("store/breach.py", "from sxe_pipeline import audit", id="upward"),
        pytest.param("helpers.py", "", id="a room nobody listed"),
        pytest.param(
            "redact/scan.py",
            "from sxe_pipeline import errors",
            id="the second detector leans on us",
        ),
    ],
)
def test_a_seeded_breach_is_found(copy, file, line):
    target = copy / "sxe_pipeline" / file
    target.write_text((target.read_text() if target.exists() else "") + f"\n{line}\n")

    done = lint_imports(copy)

    assert done.returncode == 1, done.stdout


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("import os\nHOME = os.environ['HOME']\n", id="environment"),
        pytest.param("import importlib\nx = importlib.import_module('dagster')\n", id="dynamic"),
        pytest.param("print('x')\n", id="print"),
    ],
)
def test_ruff_forbids_the_ways_around(line):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--stdin-filename", "sxe_pipeline/cards/x.py", "-"],
        input=f'"""A module."""\n\n{line}',
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "TID251" in done.stdout or "T201" in done.stdout


def test_faces_keep_their_annotations():
    """Deferred annotations break Dagster's typed parameters."""
    faces = [*ROOT.glob("sxe_pipeline/*/assets.py"), *ROOT.glob("sxe_pipeline/*/sensors.py")]

    assert faces
    for face in faces:
        assert "from __future__ import annotations" not in face.read_text(), face.name


def test_the_drawing_of_the_readme_names_every_asset():
    from sxe_pipeline_tests.test_map import ARROWS

    readme = (ROOT / "README.md").read_text()

    assert [name for name in ARROWS if name not in readme] == []
