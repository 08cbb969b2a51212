"""The page for consumers is run as it stands: each language reads a batch that was published."""

import datetime as dt
import os
import re
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.handoff import publish
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.reader import reading
from sxe_pipeline.sign import Signer
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT

PAGE = contracts_root().parent / "docs" / "consumer.md"
TEXT = PAGE.read_text() if PAGE.exists() else ""
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SPARK = "SXE_TEST_SPARK_PYTHON"
"""An interpreter that has pyspark: too large for an environment of everybody."""

pytestmark = pytest.mark.skipif(not TEXT, reason="the pages are in the checkout only")


@pytest.fixture
def folder(conn, store, contract, cards, signer, tmp_path):
    """A published batch, beside the public key that its reader pinned."""
    done = publish.publish(
        conn,
        store,
        contract=contract,
        batch_key=BatchKey("x_general", dt.date(2026, 3, 10)),
        rows=cards(20),
        signer=signer,
        actor="test",
        now=dt.datetime(2026, 3, 11, tzinfo=dt.UTC),
    )
    (tmp_path / "signing.pub").write_bytes(signer.public_pem(["lead_card"]))
    return tmp_path / "handoff" / "lead_card" / "v1" / str(done.batch_id)


def test_every_example_in_python_runs(folder, signer, tmp_path):
    generated = contracts_root() / "lead_card" / "generated" / "1.0.0" / "schema.json"
    names: dict = {
        "folder": folder,
        "pinned": tmp_path / "signing.pub",
        "schema_json": generated.read_text(),
    }
    # the last example leaves closing its files to the interpreter, as a short script does
    blocks = [
        block.replace('file.open("rb")', "file.read_bytes().splitlines()")
        for block in PYTHON
        if "pyspark" not in block
    ]

    for block in blocks[:3]:
        exec(block, names)
    assert names["cards"] == [("x_general", "software_dev", 20)]
    for block in blocks[3:]:
        exec(block, names)

    assert len(names["cards"]) == len(names["same"]) == len(names["market"]) == 20
    assert names["frame"].height == names["again"].height == 20
    assert names["bad"] == 0
    read = reading.read(folder, signer.public_key, status="accepted")
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


def test_node_verifies_and_reads_it(node, folder, tmp_path):
    done = node(folder, tmp_path / "signing.pub")

    assert (done.stdout, done.returncode) == ("20 rows\n", 0), done.stderr


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
