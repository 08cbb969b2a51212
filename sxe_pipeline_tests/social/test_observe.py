"""A landing day: nothing is lost, nothing leaks, nothing is visible before it is whole."""

import dataclasses

import pyarrow as pa
import pytest

from sxe_pipeline.errors import ContractBroken, LandingGone
from sxe_pipeline.schema.landed import Reject
from sxe_pipeline.social import observe
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline_tests.social.landing import (
    DAY,
    NEXT_DAY,
    File,
    read,
    sighting,
    vanishing,
)

REJECTS = (Reject(2, None, "malformed"), Reject(3, "made_up", "suspended"))
FILES = (
    File("one", (sighting("id:1", bio="cook"), sighting("id:2"))),
    File("two", (sighting("id:1", hours=5),), REJECTS),
)


def contents(tier, name=observe.TABLE):
    rows = tier.rows(name)
    return sorted((r["landed_day"], r["file_sha256"], r["row"], r.get("bio")) for r in rows)


def test_every_input_row_is_an_observation_or_in_quarantine(tier):
    [counts] = tier.observe({DAY: FILES})

    assert (counts.input_count, counts.observation_count, counts.quarantine_count) == (5, 3, 2)
    assert counts.reasons == {"malformed": 1, "suspended": 1}
    assert len(contents(tier)) == 3
    assert len(contents(tier, observe.QUARANTINE_TABLE)) == 2
    assert tier.ask("select input_count, quarantine_count, reasons from social.day_count") == [
        (5, 2, {"malformed": 1, "suspended": 1})
    ]


def test_the_same_input_twice_changes_no_row(tier):
    tier.observe({DAY: FILES})
    once = contents(tier)

    tier.observe({DAY: FILES[::-1]})

    assert contents(tier) == once, "neither the second run nor the order of the files matters"


def test_a_rerun_replaces_its_day_and_leaves_the_other(tier):
    tier.observe({NEXT_DAY: [FILES[1]]})
    tier.observe({DAY: [FILES[0]]})

    tier.observe({DAY: [File("three", (sighting("id:9"),))]})

    assert [row[0] for row in contents(tier)] == [DAY, NEXT_DAY]
    assert {r["account_key"] for r in tier.rows(observe.TABLE)} == {"id:9", "id:1"}


def test_a_day_that_lost_its_files_becomes_empty(tier):
    tier.observe({DAY: FILES})

    [counts] = tier.observe({DAY: []})

    assert counts.input_count == 0
    assert contents(tier) == []


def test_one_content_in_two_collections_is_seen_twice(tier):
    files = [File("one", (sighting("id:1"),)), File("one", (sighting("id:1"),), (), "autumn")]

    [counts] = tier.observe({DAY: files})

    assert counts.observation_count == 2
    assert tier.profiles()["x", "id:1"]["collections"] == ["autumn", "spring"]


def test_a_file_that_is_gone_stops_the_run_and_keeps_the_day(tier):
    tier.observe({DAY: FILES})
    before = contents(tier)

    with pytest.raises(LandingGone, match="no longer in the landing store"):
        tier.observe({DAY: FILES}, read=vanishing("two"))

    assert contents(tier) == before


def test_rows_that_break_the_schema_stop_the_run_without_their_values(tier):
    files = [File("bad", (sighting("id:1"), sighting("name:private-name")))]

    with pytest.raises(ContractBroken, match=r"account_key.: 1") as caught:
        tier.observe({DAY: files})

    assert "private-name" not in str(caught.value)


def test_each_run_leaves_one_audit_event_a_day(tier):
    tier.observe({DAY: FILES, NEXT_DAY: FILES})

    assert tier.ask("select kind, count(*) from audit.event group by kind") == [
        ("observations.written", 2)
    ]


def test_contact_data_is_stored_nowhere(tier):
    files = [
        File(
            "leaky",
            (
                sighting(
                    "id:1",
                    display_name="mail ana@example.com",
                    bio="call +44 20 7946 0958 now",
                    location="ben@example.org",
                    category="cleo@example.net",
                    interests=["tea", "dora@example.com"],
                    links=["mailto:eve@example.com", "https://example.com/shop"],
                    handle="fay@example.com",
                ),
                sighting("handle:gil@example.com"),
            ),
        )
    ]

    [counts] = tier.observe({DAY: files})

    [row] = tier.rows(observe.TABLE)
    assert counts.reasons == {"leak": 1}
    assert row["handle"] is None
    assert row["interests"][0] == "tea"
    assert row["links"] == ["https://example.com/shop"]
    assert row["redaction_count"] >= 5
    stored = str(row) + str(tier.rows(observe.QUARANTINE_TABLE))
    assert "@example" not in stored
    assert "7946" not in stored


def test_with_a_rule_off_the_second_detector_quarantines_the_leak(tier):
    def keep(texts: pa.Array, places: pa.Array):
        found = Detectors().redact_array(pa.nulls(len(texts), pa.string()))
        return dataclasses.replace(found, texts=texts)

    files = [File("one", (sighting("id:1", bio="ana@example.com"), sighting("id:2", bio="cook")))]

    [counts] = tier.observe({DAY: files}, detectors=Detectors(redact_array=keep))

    assert (counts.leak_count, counts.observation_count) == (1, 1)
    assert tier.ask("select leak_count from social.day_count") == [(1,)]
    assert [r["account_key"] for r in tier.rows(observe.TABLE)] == ["id:2"]


def test_a_contact_shape_is_kept_and_counted_as_open(tier):
    def suspicious(texts: pa.Array) -> pa.Array:
        return pa.array(["shape" if t == "odd" else None for t in texts.to_pylist()], pa.string())

    files = [File("one", (sighting("id:1", bio="odd"), sighting("id:2", bio="even")))]

    [counts] = tier.observe({DAY: files}, detectors=Detectors(scan_array=suspicious))

    assert counts.open_count == 1
    assert {r["account_key"]: r["is_scan_open"] for r in tier.rows(observe.TABLE)} == {
        "id:1": True,
        "id:2": False,
    }


def test_many_small_files_pass_through_in_one_batch(tier):
    sizes = []

    def counting(texts: pa.Array) -> pa.Array:
        sizes.append(len(texts))
        return pa.nulls(len(texts), pa.string())

    files = [File(f"f{n}", (sighting(f"id:{n}"),)) for n in range(200)]
    told = []

    [counts] = tier.observe(
        {DAY: files}, read=read, detectors=Detectors(scan_array=counting), progress=told.append
    )

    assert counts.observation_count == sum(told) == 200
    assert len(sizes) == 1, "all columns of all rows at once"
