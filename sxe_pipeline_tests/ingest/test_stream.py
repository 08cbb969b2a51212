"""The stream verb: every record is a line on one side, with its file and row."""

import io
import json
from pathlib import Path

import pytest

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest.stream import to_jsonl
from sxe_pipeline.schema.tables import LANDED_ROW
from sxe_pipeline_tests.ingest.reading import NOW


def test_rows_and_quarantine_name_file_and_row(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "a.jsonl").write_text('{"id":"1","username":"u","name":"N"}\n{"x":1}\n')
    (tmp_path / "c" / "_mapping.yaml").write_text(
        "platform: x\nshapes:\n  - {name: own, match: {has: [x]}, reason: not_a_profile}\n"
    )
    out, quarantine = io.BytesIO(), io.BytesIO()

    written = to_jsonl([tmp_path], out=out, quarantine=quarantine, now=NOW)

    assert (written.files, written.rows, written.quarantined) == (1, 1, 1)
    row = json.loads(out.getvalue())
    assert list(row) == ["file", *LANDED_ROW.names]
    assert (row["file"], row["row"]) == (str(tmp_path / "c" / "a.jsonl"), 1)
    assert (row["collection"], row["platform_id"]) == ("c", "1")
    assert json.loads(quarantine.getvalue()) == {
        "file": str(tmp_path / "c" / "a.jsonl"),
        "row": 2,
        "shape": "own",
        "reason": "not_a_profile",
    }


def test_a_path_that_does_not_exist_is_bad_input():
    with pytest.raises(BadInput, match="does not exist"):
        to_jsonl([Path("nowhere")], out=io.BytesIO(), quarantine=None, now=NOW)
