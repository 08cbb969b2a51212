"""Ids that a program rounded are told by their neighbours; whole ids are believed."""

import json
import random

import pytest

from sxe_pipeline_tests.ingest.reading import land

SEED = 20261129


def ids(count: int) -> list[int]:
    print("seed", SEED)
    return random.Random(SEED).sample(range(17 * 10**17, 18 * 10**17), count)


def saved(numbers: list[str], *, handle: bool = True) -> list[dict]:
    rows = [["id", "username", "name"]] + [
        [number, f"u{at}" if handle else "", "N"] for at, number in enumerate(numbers)
    ]
    return land("\n".join(map(",".join, rows)).encode(), "f.csv")


def by_spreadsheet(number: int) -> str:
    return str(number)[:15].ljust(19, "0")


@pytest.mark.parametrize(
    "rounded",
    [
        pytest.param(by_spreadsheet, id="15 digits, as spreadsheets keep"),
        pytest.param(lambda number: str(int(float(number))), id="53 bits, as data frames keep"),
        pytest.param(
            lambda number: repr(float(number)).replace(".", "").split("e")[0].ljust(19, "0"),
            id="53 bits, as scripts print them",
        ),
    ],
)
def test_a_file_of_rounded_ids_lands_by_handle(rounded):
    rows, rejects = saved([rounded(number) for number in ids(50)])

    assert not rejects
    assert {row["platform_id"] for row in rows} == {None}
    assert [row["account_key"] for row in rows] == [f"handle:u{at}" for at in range(50)]


def test_a_rounded_id_without_a_handle_is_refused():
    rows, rejects = saved([by_spreadsheet(number) for number in ids(5)], handle=False)

    assert not rows
    assert {(r.reason, r.column) for r in rejects} == {("bad_value", "platform_id")}
    assert [r.row for r in rejects] == [1, 2, 3, 4, 5]


def test_whole_ids_are_believed_also_the_few_that_end_in_zeros():
    whole = [str(number) for number in ids(3_000)]
    whole[7] = whole[7][:15] + "0000"

    rows, rejects = saved(whole)

    assert not rejects
    assert [row["platform_id"] for row in rows] == whole


def test_one_id_of_two_handles_gives_the_file_away():
    whole = [str(number) for number in ids(500)]
    whole[3] = whole[400] = by_spreadsheet(int(whole[3]))

    rows, _ = saved(whole)

    assert rows[3]["platform_id"] is None
    assert rows[400]["platform_id"] is None
    assert sum(row["platform_id"] is None for row in rows) == 2, "the others are whole"


def test_an_account_that_is_seen_often_is_no_witness_against_itself():
    lone = "1700000000000000000"
    data = "".join(json.dumps({"id": lone, "username": "a", "name": "A"}) + "\n" for _ in range(40))

    rows, _ = land(data.encode(), "f.jsonl")

    assert {row["platform_id"] for row in rows} == {lone}
