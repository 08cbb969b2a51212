"""A consumer reads a delta, its removes too, and proves it against what its sender kept."""

import datetime as dt

from sxe_pipeline.handoff import acks
from sxe_pipeline.handoff.reader import reading
from sxe_pipeline_tests.handoff.contacts import DAY


def test_a5_a_delta_is_proved_by_its_upserts_and_its_removes(
    readers, run_days, cards, signer, tmp_path
):
    readers.add("acme", "lead_card")
    rows = cards(40)
    made = [
        run_days(table, day=DAY + dt.timedelta(days=n), by=readers.social).batch_id
        for n, table in enumerate([rows, rows.slice(3)])
    ]

    for batch_id, count in zip(made, (40, 3), strict=True):
        [folder] = (tmp_path / "handoff").glob(f"lead_card/*/{batch_id}")
        said = reading.read(folder, signer.public_key, status="accepted").said
        kept = acks.put(readers.serve, readers.keys["acme"].sha256, batch_id, said)
        assert said["rows_read"] == count
        assert (kept.is_proved, kept.is_wrong) == (True, False)
    assert readers.delivered("acme") == made
