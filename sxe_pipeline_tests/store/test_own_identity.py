"""A store that has an identity of its own is reached by that one, tables and objects alike."""

import os

import deltalake
import pyarrow as pa
import pytest

from sxe_pipeline import settings
from sxe_pipeline.errors import StoreUnavailable
from sxe_pipeline.store import delta, objects
from sxe_pipeline_tests.local import buckets


@pytest.fixture
def own(monkeypatch):
    """(settings, what is stored): Tier 1 has an identity, the process has none."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    with buckets.serving() as (s3, stored):
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3["AWS_ENDPOINT_URL"])
        variables = {
            "SXE_TIER1_STORE_URL": "s3://tier1/at",
            "SXE_TIER1_STORE_ACCESS_KEY_ID": "key",
            "SXE_TIER1_STORE_SECRET_ACCESS_KEY": "secret",
            "SXE_TIER1_STORE_REGION": "us-east-1",
            "SXE_HANDOFF_STORE_URL": "s3://handoff",
        }
        yield settings.load(variables), stored


def test_d10_tables_and_objects_go_by_the_identity_of_their_store(own):
    given, stored = own
    root, rows = given.tier1_url, pa.table({"word": ["a", "b"]})

    deltalake.write_deltalake(
        delta.address(root, "social/words"), rows, storage_options=delta.options(root)
    )
    read = delta.opened(root, "social/words", 0).to_pyarrow_dataset().to_table()

    assert read["word"].to_pylist() == ["a", "b"]
    assert objects.Objects(root).put_new("more", b"1")
    assert {bucket for bucket, _ in stored} == {"tier1"}


def test_d10_a_store_without_one_does_not_borrow_it(own):
    given, stored = own

    with pytest.raises(StoreUnavailable, match="no credentials are set"):
        objects.Objects(given.handoff_url, is_patient=False).put_new("more", b"1")
    assert stored == {}
