"""The page for consumers is run as it stands: each language reads a batch that was published."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.handoff.reader import reading
from sxe_pipeline.sign import Signer
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT
from sxe_pipeline_tests.handoff.whole import changed, without

PAGE = contracts_root().parent / "docs" / "consumer.md"
TEXT = PAGE.read_text() if PAGE.exists() else ""
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SPARK = "SXE_TEST_SPARK_PYTHON"
"""An interpreter that has pyspark: too large for an environment of everybody."""

pytestmark = pytest.mark.skipif(not TEXT, reason="the pages are in the checkout only")


@pytest.fixture
def pinned(signer, tmp_path):
    """The public key, as its reader pinned it."""
    file = tmp_path / "signing.pub"
    file.write_bytes(signer.public_pem(["lead_card"]))
    return file


@pytest.fixture
def folder_of(tmp_path):
    """`folder_of(published)`: of a batch that was published."""
    return lambda done: tmp_path / "handoff" / "lead_card" / "v1" / str(done.batch_id)


@pytest.fixture
def folder(run, cards, pinned, folder_of):
    """A published batch of twenty cards."""
    return folder_of(run(cards(20)))


LATER = {
    "a full batch": (lambda rows: None, 20),
    "a delta with removes": (lambda rows: changed(without(rows, 4, 9), 0, bio="New words"), 1),
    "a delta of removes alone": (lambda rows: without(rows, 4, 9), 0),
    "an empty batch": (lambda rows: rows.slice(0, 0), 0),
}
"""What the last day of a chain is of, and how many rows its batch holds."""


@pytest.fixture
def chain(run_days, cards, pinned, folder_of):
    """`chain(later)`: folders of a full batch and of what followed it, and the rows of that day."""

    def call(later):
        rows = cards(20)
        folders = [folder_of(run_days(rows))]
        if (today := later(rows)) is not None:
            folders.append(folder_of(run_days(today, day=DAY + NEXT)))
        return folders, rows if today is None else today

    return call


@pytest.mark.parametrize(("later", "count"), LATER.values(), ids=LATER)
def test_every_example_in_python_runs(chain, pinned, signer, later, count):
    folders, today = chain(later)
    generated = contracts_root() / "lead_card" / "generated" / "1.0.0" / "schema.json"
    names: dict = {
        "folder": folders[-1],
        "pinned": pinned,
        "schema_json": generated.read_text(),
    }
    blocks = [
        # closing its files is left to the interpreter, as in a short script
        block.replace('file.open("rb")', "file.read_bytes().splitlines()")
        # a delta is applied to what was before it
        .replace("rows_of([(folder, batch)])", "rows_of([(f, verified(f, pinned)) for f in chain])")
        for block in PYTHON
        if "pyspark" not in block
    ]
    names["chain"] = folders

    for block in blocks[:3]:
        exec(block, names)
    assert names["cards"] == ([("x_general", "software_dev", count)] if count else [])
    for block in blocks[3:]:
        exec(block, names)

    assert len(names["cards"]) == len(names["same"]) == count
    assert names["frame"].height == names["again"].height == count
    assert names["frame"].columns == names["again"].columns
    assert len(names["market"]) == today.num_rows
    assert names["bad"] == 0
    read = reading.read(folders[-1], signer.public_key, status="accepted")
    assert names["ack"] == read.said


def test_spark_reads_it(folder, tmp_path):
    interpreter = os.environ.get(SPARK)
    if not interpreter:
        pytest.skip(f"{SPARK} names no interpreter with pyspark")
    [block] = [block for block in PYTHON if "pyspark" in block]
    parquet = [str(file) for file in folder.glob("parquet/*")]
    script = f"parquet = {parquet!r}\n{block}\nprint([row['count'] for row in counted])\n"

    done = subprocess.run(
        [interpreter, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert done.stdout.splitlines()[-1] == "[20]"


@pytest.fixture
def node(tmp_path):
    """`node(folder, pinned)`: the script of the page, which needs nothing of ours."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no node on this machine")
    [block] = re.findall(r"```js\n(.*?)```", TEXT, re.DOTALL)
    script = tmp_path / "read.mjs"
    script.write_text(block)

    def run(folder: Path, pinned: Path):
        command = [found, script, folder, pinned]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(("later", "count"), LATER.values(), ids=LATER)
def test_node_verifies_and_reads_it(node, chain, pinned, later, count):
    folders, _ = chain(later)

    done = node(folders[-1], pinned)

    assert (done.stdout, done.returncode) == (f"{count} rows\n", 0), done.stderr


def test_node_refuses_another_key_and_another_byte(node, folder, tmp_path):
    other = tmp_path / "other.pub"
    other.write_bytes(Signer.generate().public_pem())
    assert "pinned key" in node(folder, other).stderr

    [lines] = folder.glob("_jsonl/*")
    lines.write_bytes(lines.read_bytes().replace(b"x_general", b"y_general"))
    assert "differs" in node(folder, tmp_path / "signing.pub").stderr


def test_the_example_of_deltas_makes_of_a_chain_what_a_full_batch_would_hold(
    run_days, cards, signer, tmp_path
):
    before = cards(20).sort_by("card_id")
    rows = before.slice(2).to_pylist()
    rows[0]["bio"] = "New words"
    today = pa.Table.from_pylist(rows, schema=before.schema)
    batches = [run_days(before), run_days(today, day=DAY + NEXT)]
    pinned = tmp_path / "signing.pub"
    pinned.write_bytes(signer.public_pem())
    folders = [tmp_path / "handoff" / "lead_card" / "v1" / str(b.batch_id) for b in batches]
    names: dict = {"folder": folders[0], "pinned": pinned}
    (example,) = [block for block in PYTHON if "def rows_of" in block]

    exec("import duckdb\n" + PYTHON[0] + "batch = verified(folder, pinned)\n" + example, names)
    chain = [(folder, names["verified"](folder, pinned)) for folder in folders]
    held = names["rows_of"](chain)

    assert [batch["kind"] for _, batch in chain] == ["full", "delta"]
    assert [row[0] for row in held] == today["card_id"].to_pylist()
    bio = today.schema.get_field_index("bio")
    assert [row[bio] for row in held] == today["bio"].to_pylist()
