"""The last nets: a reader that raises costs its file, a row no rule can work on costs itself."""

import dataclasses

import psycopg
import pyarrow as pa
import pytest

from sxe_pipeline.errors import BadInput, Busy, LandingGone, StoreUnavailable
from sxe_pipeline.schema.landed import Reject
from sxe_pipeline.social import observe
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline_tests.social import landing
from sxe_pipeline_tests.social.landing import DAY, File, sighting

BAD = File("bad", (sighting("id:1"), sighting("id:2")), (Reject(3, None, "malformed"),))
GOOD = File("good", (sighting("id:7"),))


def raising(error: BaseException, *, after: bool):
    """A reader that fails at one file, before or after its first piece."""

    def read(file: File):
        if file.name == "bad":
            if after:
                yield from landing.read(file)
            raise error
        yield from landing.read(file)

    return read


ERRORS = (
    *(OverflowError("date value out of range"), ValueError(), RecursionError(), KeyError("zone")),
    *(pa.ArrowInvalid("x"), MemoryError(), BadInput("its mapping")),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("after", [False, True], ids=["at once", "after a piece"])
def test_whatever_a_reader_raises_costs_its_file_alone(tier, error, after):
    [counts] = tier.observe({DAY: [BAD, GOOD]}, read=raising(error, after=after))

    quarantined = [
        (row["row"], row["shape"], row["reason"]) for row in tier.rows(observe.QUARANTINE_TABLE)
    ]
    kept = ["id:1", "id:2", "id:7"] if after else ["id:7"]
    assert sorted(row["account_key"] for row in tier.rows(observe.TABLE)) == kept
    assert (4 if after else 0, None, "unreadable") in quarantined
    assert counts.input_count == len(kept) + len(quarantined)
    assert counts.reasons["unreadable"] == 1


@pytest.mark.parametrize(
    "error",
    [
        LandingGone("gone"),
        StoreUnavailable("down"),
        Busy("locked"),
        psycopg.OperationalError("lost"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_says_nothing_of_the_file_stops_the_day_and_keeps_it(tier, error):
    tier.observe({DAY: [GOOD]})

    with pytest.raises(type(error)):
        tier.observe({DAY: [BAD, GOOD]}, read=raising(error, after=True))
    tier.conn.rollback()

    assert [row["account_key"] for row in tier.rows(observe.TABLE)] == ["id:7"]
    assert tier.ask("select input_count from social.file_count") == [(1,)]


def test_a_row_that_no_rule_can_work_on_is_quarantined_and_its_neighbours_are_redacted(tier):
    def choking(texts: pa.Array, places: pa.Array):
        if any(text and "choke" in text for text in texts.to_pylist()):
            raise UnicodeError
        return Detectors().redact_array(texts)

    people = [sighting(f"id:{n}", bio="ana@example.com") for n in range(1, 60)]
    people[7] |= {"bio": "choke ben@example.com"}
    people[41] |= {"bio": "choke"}

    [counts] = tier.observe(
        {DAY: [File("one", tuple(people)), GOOD]}, detectors=Detectors(redact_array=choking)
    )

    rows = tier.rows(observe.TABLE) + tier.rows(observe.QUARANTINE_TABLE)
    assert counts.reasons == {"bad_value": 2}
    assert sorted(row["row"] for row in tier.rows(observe.QUARANTINE_TABLE)) == [8, 42]
    assert counts.input_count == 60 == len(rows)
    assert "@example" not in str(rows), "it fails closed"


def test_a_row_whose_second_look_fails_is_not_stored_either(tier):
    def blind(texts: pa.Array) -> pa.Array:
        if "odd" in texts.to_pylist():
            raise ValueError
        return pa.nulls(len(texts), pa.string())

    files = [File("one", (sighting("id:1", bio="odd"), sighting("id:2", bio="even")))]

    tier.observe({DAY: files}, detectors=Detectors(scan_array=blind))

    assert [row["account_key"] for row in tier.rows(observe.TABLE)] == ["id:2"]


def test_each_file_is_counted_in_the_transaction_of_its_day(tier):
    def reads(file: File):
        for piece in landing.read(file):
            yield dataclasses.replace(
                piece,
                mapped=frozenset({"handle", "bio", "links", "region"}),
                nulled={"bio": 1},
            )

    rows = (
        sighting("id:1", bio="cook", links=["https://example.com"]),
        sighting("id:2", handle="b"),
        sighting("handle:ana@example.com"),
    )
    rejects = (Reject(4, "made_up", "bad_value", "platform_id"), Reject(5, None, "malformed"))
    files = [File("one", rows, rejects), File("empty"), File("one", (sighting("id:9"),), (), "b")]

    tier.observe({DAY: files}, read=reads)

    counted = tier.ask(
        "select collection, input_count, observation_count, quarantine_count, reasons, filled, "
        "nulled, refused from social.file_count order by collection, input_count"
    )
    none = {"bio": 0, "handle": 0, "links": 0, "region": 0}
    assert counted == [
        ("b", 1, 1, 0, {}, none, {"bio": 1}, {}),
        ("spring", 0, 0, 0, {}, {}, {"bio": 1}, {}),
        (
            *("spring", 5, 2, 3, {"bad_value": 1, "leak": 1, "malformed": 1}),
            {"bio": 1, "handle": 1, "links": 1, "region": 0},
            {"bio": 1},
            {"platform_id": 1},
        ),
    ]


def test_a_file_that_left_its_day_leaves_no_count(tier):
    tier.observe({DAY: [GOOD, BAD]})
    tier.observe({DAY: [GOOD]})

    assert tier.ask("select file_sha256, input_count from social.file_count") == [
        (GOOD.file_sha256, 1)
    ]


def test_a_kept_file_is_not_read_and_its_rows_stay(tier):
    tier.observe({DAY: [BAD, GOOD]})
    told = []

    def reads(file: File):
        told.append(file.name)
        return landing.read(file)

    kept = dataclasses.replace(BAD, is_kept=True)
    more = File("more", (sighting("id:8"),))
    [counts] = tier.observe({DAY: [kept, more]}, read=reads)

    assert told == ["more"]
    assert sorted(row["account_key"] for row in tier.rows(observe.TABLE)) == [
        "id:1",
        "id:2",
        "id:8",
    ]
    assert (counts.input_count, counts.reasons) == (4, {"malformed": 1})
    assert tier.ask("select file_sha256, input_count from social.file_count order by 2") == [
        (more.file_sha256, 1),
        (BAD.file_sha256, 3),
    ]
