r"""Quotes that nobody closes, `\"`, names of rows: nobody stands in the bio of another one."""

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sxe_pipeline_tests.ingest.reading import land

MANY = settings.default.max_examples
HEADER = ["id", "username", "name", "description", "location"]
ANN, BOB, CIA, DAN = (f"170000000000000000{n}" for n in range(1, 5))


def bios(rows: list[dict]) -> dict[str, str]:
    return {row["platform_id"]: row["bio"] for row in rows}


def lines(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def tabbed(*bios: str) -> bytes:
    rows = [
        f"{n}\tu{n}\tN\t{bio}\tOslo" for n, bio in zip((ANN, BOB, CIA, DAN), bios, strict=False)
    ]
    return lines("\t".join(HEADER), *rows)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(['"Live, laugh', "Chef", "Nurse"], id="never closed"),
        pytest.param(['"Live, laugh', "Chef", 'says "hi" often'], id="closed inside another bio"),
        pytest.param(['"Live, laugh', "Chef", "5'7\""], id="closed at the end of another bio"),
        pytest.param(['"Live', '"laugh', '"love'], id="each opens one"),
        pytest.param(["Chef", "Nurse", '"Live, laugh'], id="the last one"),
    ],
)
def test_a_quote_is_a_letter_where_tabs_stand_between_cells_as_databases_write_them(written):
    rows, rejects = land(tabbed(*written), "f.tsv")

    assert not rejects
    assert list(bios(rows).values()) == written


def test_a_quote_that_opens_a_cell_and_closes_the_next_is_two_letters():
    data = lines("\t".join(HEADER), f'{ANN}\tann\tN\t"Live\tOslo"', f"{BOB}\tbob\tN\tChef\tRome")

    rows, rejects = land(data, "f.tsv")

    assert not rejects
    assert [(row["bio"], row["location"]) for row in rows] == [('"Live', 'Oslo"'), ("Chef", "Rome")]


@pytest.mark.parametrize(
    ("after", "landed"),
    [
        pytest.param([], [], id="at the end of the file"),
        pytest.param([f"{CIA},cia,N,Nurse,Bonn"], [CIA], id="with a person behind it"),
        pytest.param(
            [f"{CIA},cia,N,Nurse,Bonn", f'{DAN},dan,N,"Actor, singer",Riga'],
            [CIA, DAN],
            id="closed by the quote of another one",
        ),
    ],
)
def test_a_quote_that_nobody_closes_costs_its_own_row(after, landed):
    data = lines(",".join(HEADER), f"{ANN},ann,N,Baker,Oslo", f'{BOB},bob,N,"Chef,Rome', *after)

    rows, rejects = land(data, "f.csv")

    assert list(bios(rows)) == [ANN, *landed]
    assert [(r.row, r.reason) for r in rejects] == [(2, "malformed")]


def test_a_quote_that_nobody_closes_costs_its_own_row_where_all_cells_have_quotes():
    quoted = [f'"{n}","u","N","{bio},"Oslo"' for n, bio in [(ANN, "Baker"), (BOB, 'Chef"')]]

    rows, rejects = land(lines('"' + '","'.join(HEADER) + '"', *quoted), "f.csv")

    assert bios(rows) == {BOB: "Chef"}
    assert [(r.row, r.reason) for r in rejects] == [(1, "malformed")]


def test_a_quote_that_opens_far_above_the_bounds_of_a_record_costs_its_own_row():
    count = 60_000
    rest = [f"{1700000000000000000 + n},u{n},N,{'Baker and cook ' * 5},Oslo" for n in range(count)]

    rows, rejects = land(lines(",".join(HEADER), f'{ANN},ann,N,"Chef,Rome', *rest), "f.csv")

    assert (len(rows), len(rejects)) == (count, 1)


def test_where_nothing_tells_a_text_from_people_all_its_lines_are_refused():
    people = ['ann.made,Ann,"Baker', "bob.made,Bob,5'7\"", "cia.made,Cia,Nurse"]

    rows, rejects = land(lines("uniqueId,nickname,signature", *people), "f.csv")

    assert [(row["handle"], row["bio"]) for row in rows] == [("cia.made", "Nurse")]
    assert [(r.row, r.reason) for r in rejects] == [(1, "malformed"), (2, "malformed")]


def test_a_bio_of_many_lines_is_whole_where_rows_end_in_marks():
    wide = ["description", "n1", *HEADER[:3], "location", "n2", "n3"]
    rest = f"7,{ANN},ann,N,,,,"

    rows, rejects = land(
        lines(",".join(wide), f'"Baker\nin Oslo, of 7, 8",{rest}', f"Chef,{rest}"), "f.csv"
    )

    assert not rejects
    assert [row["bio"] for row in rows] == ["Baker\nin Oslo, of 7, 8", "Chef"]


def test_a_bio_of_many_lines_and_commas_is_no_table():
    text = "Baker\nlove, peace, art, food, dogs\n1, 2, 3, 4, 5"

    rows, rejects = land(
        lines(",".join(HEADER), f'{ANN},ann,N,"{text}",Oslo', f"{BOB},bob,N,Chef,Rome"), "f.csv"
    )

    assert not rejects
    assert bios(rows) == {ANN: text, BOB: "Chef"}


written = st.text(alphabet="ab é\"',;\\\n1#", max_size=12).map(str.strip)


def as_csv(texts: list[str], order: list[str] = HEADER, **how: object) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", **how)
    writer.writerow(order)
    for number, text in enumerate(texts):
        cells = [1700000000000000000 + number, f"u{number}", "N", text, "Oslo"]
        by_name = dict(zip(HEADER, cells, strict=True))
        writer.writerow([by_name[name] for name in order])
    return out.getvalue().encode()


@settings(max_examples=MANY, deadline=None)
@given(
    st.lists(written, max_size=5),
    st.permutations(HEADER),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@example(["C:\\", 'a "b\\" c'], HEADER, csv.QUOTE_ALL)
@example(["a\n1,1,1,1\nb", "\n,,,,"], ["description", *HEADER[:3], "location"], csv.QUOTE_MINIMAL)
def test_what_a_spreadsheet_writes_is_read_as_it_stood(texts, order, quoting):
    rows, rejects = land(as_csv(texts, order, quoting=quoting), "f.csv")

    assert not rejects
    assert [row["bio"] for row in rows] == texts


@pytest.mark.parametrize(
    "text",
    ['Loves "tea"', 'Loves "tea, cake"', '"Live" a\nb', 'a ", b', 'a "b', '"'],
)
def test_a_quote_behind_a_backslash_is_a_quote(text):
    data = as_csv([text, "ends \\"], quoting=csv.QUOTE_ALL, doublequote=False, escapechar="\\")

    rows, rejects = land(data, "f.csv")

    assert not rejects
    assert [row["bio"] for row in rows] == [text, "ends \\"]


def test_a_backslash_before_a_quote_that_closes_is_a_backslash():
    rows, rejects = land(as_csv(["C:\\", "Baker"], quoting=csv.QUOTE_ALL), "f.csv")

    assert not rejects
    assert [row["bio"] for row in rows] == ["C:\\", "Baker"]


@settings(max_examples=MANY, deadline=None)
@given(st.lists(st.text(alphabet="ab é\"',;\\#", max_size=12), max_size=6))
def test_everybody_is_counted_in_a_table_of_tabs_without_quoting(texts):
    rows = [f"{1700000000000000000 + n}\tu{n}\tN\t{text}\tOslo" for n, text in enumerate(texts)]

    landed, rejects = land(lines("\t".join(HEADER), *rows), "f.tsv")

    assert len(landed) + len(rejects) == len(texts)
    assert not any("\n" in row["bio"] for row in landed)


NAMES = '"id"\t"username"\t"name"\t"description"\t"location"'


@pytest.mark.parametrize("places", [["Oslo", ""], ["", ""], ["Oslo", "Rome"]])
@pytest.mark.parametrize("numbers", [(1, 2), (17, 4)])
def test_rows_that_have_names_of_their_own_are_read_behind_them(places, numbers):
    rows = [
        f'"{number}"\t"{who}"\t"u{number}"\t"N"\t"Baker"\t"{place}"'
        for number, who, place in zip(numbers, (ANN, BOB), places, strict=True)
    ]

    landed, rejects = land(lines(NAMES, *rows), "f.tsv")

    assert not rejects
    assert bios(landed) == {ANN: "Baker", BOB: "Baker"}


def test_rows_that_may_have_names_of_their_own_or_short_ids_are_refused():
    data = lines("uniqueId,nickname,signature", "1,ann.made,Ann,", "2,bob.made,Bob,")

    rows, rejects = land(data, "f.csv")

    assert not rows
    assert [r.reason for r in rejects] == ["malformed", "malformed"]


@pytest.mark.parametrize("others", [[], [f"{BOB},bob,N,Chef,Rome"]])
def test_a_comma_that_nobody_quoted_before_an_empty_cell_shifts_nothing(others):
    data = lines(",".join(HEADER), f"{ANN},ann,N,Baker, cook,", *others)

    rows, rejects = land(data, "f.csv")

    assert list(bios(rows)) == [BOB][: len(others)]
    assert [(r.row, r.reason) for r in rejects] == [(1, "malformed")]
