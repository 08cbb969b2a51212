"""The contract beside its batches: read where it is not installed, believed by its digest."""

import datetime as dt
from dataclasses import replace

import pytest

from sxe_pipeline import schema
from sxe_pipeline.errors import ContractBroken, Tampered
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import edition, manifest
from sxe_pipeline.handoff.reader.verify import Prefix, verify
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.handoff.whole import batch_bytes


@pytest.fixture
def newer(contract, cards, signer, tmp_path):
    """A batch of a version that nobody here installed, and the folder of that contract."""
    text = contract.file.read_text().replace("version: 1.0.0", "version: 0.9.7", 1)
    text = text.replace("status: active", "status: draft", 1)
    of_theirs = schema.parse(text.encode(), "lead_card/0.9.7")
    file = tmp_path / "0.9.7.odcs.yaml"
    file.write_text(text)
    of_theirs = replace(of_theirs, file=file)
    store = Objects((tmp_path / "store").as_uri())
    batch_key = BatchKey("x_general", dt.date(2026, 1, 1))
    for key, data in batch_bytes(of_theirs, signer, cards(6), batch_key).items():
        store.put_new(key, data)
    edition.put(store, of_theirs, "lead_card/v1")
    root = tmp_path / "store" / "lead_card" / "v1"
    (folder,) = (path.parent for path in root.rglob(manifest.NAME))
    return store, folder, root / "_schemas" / "0.9.7"


def test_a_version_that_is_not_installed_is_read_from_beside_the_batch(newer, signer):
    store, folder, beside = newer

    seen = verify(folder, signer.public_key)
    assert (seen.contract_version, seen.row_count) == ("0.9.7", 6)
    assert seen == verify(Prefix(store, f"lead_card/v1/{folder.name}"), signer.public_key)
    assert sorted(file.name for file in beside.iterdir()) == [
        *("README.md", "contract.odcs.yaml", "schema.json"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda file: file.unlink(), id="gone"),
        pytest.param(
            lambda file: file.write_text(
                file.read_text().replace("maxLength: 2000", "maxLength: 1")
            ),
            id="another",
        ),
        pytest.param(lambda file: file.write_text("a: &a [*a, *a]"), id="hostile"),
        pytest.param(lambda file: file.write_bytes(b"\xff" * 2_000_000), id="endless"),
    ],
)
def test_a_contract_beside_the_batch_is_believed_only_if_the_manifest_names_it(
    newer, signer, change
):
    _, folder, beside = newer
    change(beside / "contract.odcs.yaml")

    with pytest.raises(ContractBroken, match="the signature holds, but lead_card"):
        verify(folder, signer.public_key)


def test_what_was_released_is_never_written_over_and_a_draft_is(newer, contract):
    store, _, beside = newer
    file = beside.parents[1] / "other.yaml"
    file.write_text(contract.file.read_text())
    draft = replace(contract, version="0.9.7", status="draft", file=file)

    edition.put(store, draft, "lead_card/v1")

    assert (beside / "contract.odcs.yaml").read_bytes() == file.read_bytes()
    file.write_text("something else")
    with pytest.raises(Tampered, match="is not what was released"):
        edition.put(store, replace(draft, status="active"), "lead_card/v1")
