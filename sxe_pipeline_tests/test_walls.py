"""The walls hold, and a breach that is seeded brings the build down."""

import copy
import re
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts import forbidden, layers, protected

ROOT = Path(__file__).parents[1]
LINT = [
    sys.executable,
    "-c",
    "import sys; from importlinter.cli import lint_imports_command as c; c()",
]
KINDS = {
    "forbidden": forbidden.ForbiddenContract,
    "layers": layers.LayersContract,
    "protected": protected.ProtectedContract,
}
CONFIGURATION = read_configuration(str(ROOT / "pyproject.toml"))
WALLS = {
    options["name"]: KINDS[options["type"]](
        options["name"], CONFIGURATION["session_options"], options
    )
    for options in CONFIGURATION["contracts_options"]
}
FLOW = "The flow goes one way; a room that is not listed fails"
STAGES = "A stage is put together by definitions; the web knows the handoff alone"
CONTACTS = "The contact tier is loaded by its code location alone"
GATE = "Only what asks, spends or offers knows the gate"
DAGSTER = "Dagster stands in faces, and where its processes are run"
FACE = "A core never imports a face"
OUTSIDE = "One module speaks to the outside"
DETECTOR = "The second detector shares nothing with the first"
WORLD = "The invented world imports nothing of the engine"
SHIPPED = "Neither of the two knows what the package itself ships"
DEMO = "Nothing but the demo knows the invented world"

BREACHES = [
    (FLOW, "cards.breach", "sxe_pipeline.ingest"),
    (FLOW, "store.breach", "sxe_pipeline.audit"),
    (FLOW, "definitions", "sxe_pipeline.local.attach"),
    (FLOW, "web", "sxe_pipeline.local"),
    (FLOW, "handoff.breach", "sxe_pipeline.local.keys"),
    (FLOW, "local.breach", "sxe_pipeline.demo.run"),
    (FLOW, "helpers", "click"),
    (STAGES, "web.breach", "sxe_pipeline.cards.markets.market"),
    (STAGES, "web", "sxe_pipeline.social"),
    (STAGES, "local.breach", "sxe_pipeline.ingest.land"),
    (CONTACTS, "web.breach", "sxe_pipeline.contacts.points"),
    (CONTACTS, "demo.breach", "sxe_pipeline.contacts"),
    (CONTACTS, "cli.breach", "sxe_pipeline.contacts.vault"),
    (CONTACTS, "local.breach", "sxe_pipeline.contacts.vault"),
    (GATE, "handoff.breach", "sxe_pipeline.gate"),
    (GATE, "ingest.breach", "sxe_pipeline.gate.permits"),
    (DAGSTER, "social.breach", "dagster"),
    (DAGSTER, "demo.run", "dagster"),
    (DAGSTER, "cli.breach", "dagster_shared"),
    (FACE, "social.breach", "sxe_pipeline.face"),
    (FACE, "gate.breach", "sxe_pipeline.face"),
    (OUTSIDE, "contacts.providers.apollo", "httpx"),
    (OUTSIDE, "handoff.breach", "httpx"),
    (DETECTOR, "redact.scan", "sxe_pipeline.errors"),
    (DETECTOR, "redact.scan", "sxe_pipeline.redact.phone"),
    (WORLD, "sandbox.plants", "sxe_pipeline.errors"),
    (WORLD, "sandbox.breach", "sxe_pipeline.redact"),
    (SHIPPED, "sandbox.landing", "sxe_pipeline"),
    (SHIPPED, "redact.scan", "sxe_pipeline"),
    (DEMO, "definitions", "sxe_pipeline.sandbox"),
    (DEMO, "cli.breach", "sxe_pipeline.sandbox.people"),
    (DEMO, "ingest.breach", "sxe_pipeline.sandbox.shapes"),
]


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("sxe_pipeline", include_external_packages=True, cache_dir=None)


def is_kept(wall, graph):
    # A contract takes out of its graph what it ignores.
    return WALLS[wall].check(copy.deepcopy(graph), verbose=False).kept


@pytest.mark.parametrize("wall", WALLS)
def test_the_walls_hold(graph, wall):
    assert is_kept(wall, graph)


@pytest.mark.parametrize(("wall", "importer", "imported"), BREACHES)
def test_a_seeded_breach_is_found(graph, wall, importer, imported):
    seeded = copy.deepcopy(graph)
    names = f"sxe_pipeline.{importer}".split(".")
    for size in range(2, len(names) + 1):
        seeded.add_module(".".join(names[:size]))
    seeded.add_import(importer=".".join(names), imported=imported)

    assert not is_kept(wall, seeded)


def test_every_wall_has_a_seeded_breach():
    assert {wall for wall, _, _ in BREACHES} == set(WALLS)


def test_an_import_inside_a_function_brings_the_build_down(tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sxe_pipeline", tmp_path / "sxe_pipeline", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    body = "def f():\n    from sxe_pipeline import cards\n    return cards\n"
    (tmp_path / "sxe_pipeline" / "social" / "breach.py").write_text(body)

    done = subprocess.run(
        [*LINT, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1, done.stdout
    assert "sxe_pipeline.social.breach" in done.stdout


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
    texts = {file: file.read_text() for file in (ROOT / "sxe_pipeline").rglob("*.py")}
    faces = [file for file, text in texts.items() if re.search(r"^ *import dagster", text, re.M)]

    assert {face.name for face in faces} >= {"assets.py", "sensors.py", "definitions.py", "face.py"}
    assert [f for f in faces if "from __future__ import annotations" in texts[f]] == []
