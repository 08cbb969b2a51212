"""The page for consumers is run as it stands."""

import datetime as dt
import re
from pathlib import Path

import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.handoff import publish, reading
from sxe_pipeline.handoff.chain import BatchKey

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

    assert len(names["cards"]) == len(names["same"]) == 20
    assert names["bad"] == 0
    read = reading.read(names["folder"], signer.public_key, status="accepted")
    assert names["ack"] == read.said
