"""The page for consumers is run as it stands."""

import datetime as dt
import re
from pathlib import Path

import pyarrow as pa
import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.handoff import publish
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT

PAGE = contracts_root().parent / "docs" / "consumer.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the pages are in the checkout only")
def test_every_example_of_the_page_runs_on_a_published_batch(
    conn, store, contract, cards, signer, tmp_path
):
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
    pinned = tmp_path / "signing.pub"
    pinned.write_bytes(signer.public_pem())
    generated = contracts_root() / "lead_card" / "generated" / "0.1.0" / "schema.json"
    names: dict = {
        "folder": tmp_path / "handoff" / "lead_card" / "v0" / str(done.batch_id),
        "pinned": pinned,
        "schema_json": generated.read_text(),
    }
    blocks = re.findall(r"```python\n(.*?)```", Path(PAGE).read_text(), re.DOTALL)
    # the last example leaves closing its files to the interpreter, as a short script does
    blocks = [
        block.replace('file.open("rb")', "file.read_bytes().splitlines()") for block in blocks
    ]

    for block in blocks[:3]:
        exec(block, names)
    assert names["cards"] == [("x_general", "software_dev", 20)]
    for block in blocks[3:]:
        exec(block, names)

    assert len(names["cards"]) == len(names["same"]) == len(names["market"]) == 20
    assert names["bad"] == 0


@pytest.mark.skipif(not PAGE.exists(), reason="the pages are in the checkout only")
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
    folders = [tmp_path / "handoff" / "lead_card" / "v0" / str(b.batch_id) for b in batches]
    names: dict = {"folder": folders[0], "pinned": pinned}
    blocks = re.findall(r"```python\n(.*?)```", Path(PAGE).read_text(), re.DOTALL)
    (example,) = [block for block in blocks if "def rows_of" in block]

    exec("import duckdb\n" + blocks[0] + "batch = verified(folder, pinned)\n" + example, names)
    chain = [(folder, names["verified"](folder, pinned)) for folder in folders]
    held = names["rows_of"](chain)

    assert [batch["kind"] for _, batch in chain] == ["full", "delta"]
    assert [row[0] for row in held] == today["card_id"].to_pylist()
    bio = today.schema.get_field_index("bio")
    assert [row[bio] for row in held] == today["bio"].to_pylist()
