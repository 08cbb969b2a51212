"""Nobody who stands above a header, or in a table without one, is passed by in silence."""

import io
import json

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.ingest.look import look
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline_tests.ingest.reading import land

MANY = settings.default.max_examples
HEADER = ["id", "username", "name", "description"]


def people(count: int, bio: str = "Baker") -> list[list[str]]:
    return [[f"17000000000000000{n:02}", f"u{n}_made", "N", bio] for n in range(1, count + 1)]


def table(rows: list[list[str]], mark: str = ",") -> bytes:
    return "".join(mark.join(row) + "\n" for row in rows).encode()


def workbook(rows: list[list[str]]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def handles(rows: list[dict]) -> list[str]:
    return [row["handle"] for row in rows]


@pytest.mark.parametrize("mark", [*",;\t|^~", "\x01", "\x1f"])
def test_a_table_lands_whatever_mark_stands_between_its_cells(mark):
    other = ";" if mark == "," else ","
    rows = [HEADER, *people(5), *people(6, f"Chef{other} cook")[5:]]

    landed, rejects = land(table(rows, mark), "f.csv")

    assert not rejects
    assert [row["bio"] for row in landed] == ["Baker"] * 5 + [f"Chef{other} cook"]


@pytest.mark.parametrize("bios", [["Baker"] * 5 + ["Chef, cook"], ["Chef, cook"] * 6])
def test_a_table_that_nothing_can_cut_is_refused_row_by_row(bios):
    rows = [HEADER, *([*person[:3], bio] for person, bio in zip(people(6), bios, strict=True))]

    landed, rejects = land(table(rows, "   "), "f.csv")

    assert not landed
    assert len(rejects) >= 6


@pytest.mark.parametrize(
    "people",
    [
        pytest.param(people(2), id="ids"),
        pytest.param([["@ann.made", "Ann"], ["@bob.made", "Bob"]], id="handles"),
        pytest.param([["ann.made", "Ann", "5"], ["bob.made", "Bob", "6"]], id="counts"),
        pytest.param([["ann", "https://a.example"], ["bob", "https://b.example"]], id="links"),
        pytest.param([["@ann.made"], ["@bob.made"]], id="one column"),
        pytest.param([["ann.made", "Ann", "Baker"], ["bob.made", "Bob", "Chef"]], id="words"),
    ],
)
@pytest.mark.parametrize("name", ["f.csv", "f.xlsx"])
def test_a_table_without_a_header_is_refused_row_by_row(people, name):
    data = workbook(people) if name == "f.xlsx" else table(people)

    landed, rejects = land(data, name)

    assert not landed
    assert [(r.row, r.reason) for r in rejects] == [(1, "malformed"), (2, "malformed")]


def test_what_is_shown_of_a_table_without_a_header_is_no_value():
    found = look(io.BytesIO(table(people(3))), "f.csv", "c", mappings(None))

    assert (found.columns, found.proposal) == ([], None)
    assert list(found.advice.values()) == [3]
    assert "names" in next(iter(found.advice))


def test_what_is_shown_of_a_file_is_read_from_the_header_that_its_rows_are_read_from():
    data = b"Creators of spring,by us\n" + table(
        [["uniqueId", "signature", "odd"], ["a", "b", "c"]]
    )

    found = look(io.BytesIO(data), "f.csv", "c", mappings(None))

    assert (found.records, found.unknown) == (1, 0)


@pytest.mark.parametrize("name", ["f.csv", "f.xlsx"])
def test_people_above_the_header_of_a_sorted_table_are_rejects(name):
    rows = [*people(2), HEADER, *people(4)[2:]]

    landed, rejects = land(workbook(rows) if name == "f.xlsx" else table(rows), name)

    assert handles(landed) == ["u3_made", "u4_made"]
    assert [(r.row, r.reason) for r in rejects] == [(1, "malformed"), (2, "malformed")]


def test_titles_above_a_known_header_are_passed_by():
    title = b"Creators of spring\nhttps://source.example/list, read in May\n,,Profile,\n\n"

    landed, rejects = land(title + table([HEADER, *people(2)]), "f.csv")

    assert not rejects
    assert [row["row"] for row in landed] == [1, 2]


def test_lines_above_a_header_that_nobody_knows_are_counted():
    rows = [["creator_id", "creator", "about"], ["7", "kiln", "Potter"], ["8", "loom", "Weaver"]]

    _, rejects = land(b"Creators of spring\n" + table(rows), "f.csv")

    assert [(r.row, r.reason) for r in rejects] == [
        (1, "malformed"),
        (2, "unknown_shape"),
        (3, "unknown_shape"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('"id", "username", "name", "description"\n"1", "a", "N", "B, c"\n', id="all"),
        pytest.param('id, username, name, description\n1, a, N, "B, c"\n', id="where needed"),
        pytest.param("'id','username','name','description'\n'1','a','N','B, c'\n", id="single"),
    ],
)
def test_quotes_after_a_blank_and_single_ones_are_quotes(text):
    landed, rejects = land(text.encode(), "f.csv")

    assert not rejects
    assert [(r["platform_id"], r["handle"], r["bio"]) for r in landed] == [("1", "a", "B, c")]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("header", [HEADER, ["uniqueId", "nickname", "signature", "followerCount"]])
def test_the_header_of_a_file_that_was_joined_to_another_is_nobody(header, mark):
    first, second = table([header, ["a1", "b", "c", "1"]]), table([header, ["a2", "b", "c", "2"]])

    landed, rejects = land(first + mark.encode() + second, "f.csv")

    assert len(landed) + len(rejects) == 2
    assert not {"username", "uniqueId"} & set(handles(landed))


def test_the_header_once_more_in_a_workbook_is_nobody():
    landed, rejects = land(workbook([HEADER, *people(1), HEADER, *people(1)]), "f.xlsx")

    assert not rejects
    assert handles(landed) == ["u1_made", "u1_made"]


cell = st.text(alphabet="ab 1,;|\t^@'\"\n", max_size=5)


@settings(max_examples=MANY, deadline=None)
@given(st.lists(st.tuples(cell, cell), max_size=6), st.integers(0, 6), st.booleans())
def test_everybody_is_counted_wherever_the_header_stands_and_whatever_it_says(cells, at, is_known):
    """Quoted as JSON quotes without line ends: a person is a line that holds an id."""
    rows = [
        ",".join(["1700000000000000001", f"u{n}", *(json.dumps(c.replace('"', "")) for c in pair)])
        for n, pair in enumerate(cells)
    ]
    header = "id,username,name,description" if is_known else "creator,about,when,where"
    rows.insert(min(at, len(rows)), header)

    landed, rejects = land("\n".join(rows).encode(), "f.csv")

    assert len(landed) + len(rejects) >= len(cells)
