"""Archives and workbooks: what they hold lands by name, within bounds; hostile ones are refused."""

import io
import json
import struct
import tracemalloc
import zipfile
from datetime import datetime

import openpyxl
import pytest

from sxe_pipeline.ingest.formats import archives
from sxe_pipeline_tests.ingest.reading import land

MADE = datetime(2012, 12, 13, 8, 41)  # noqa: DTZ001 - a workbook knows no zones


def user(number: int, **more: object) -> bytes:
    return json.dumps({"id": str(number), "username": f"u{number}", "name": "N", **more}).encode()


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def workbook(*sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for at, rows in enumerate(sheets):
        sheet = book.create_sheet(f"s{at}")
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def outcome(data: bytes, name: str) -> tuple[list[str], list[tuple[int, str]]]:
    rows, rejects = land(data, name)
    return [row["handle"] for row in rows], [(r.row, r.reason) for r in rejects]


def test_members_land_in_the_order_of_their_names_and_rows_are_numbered_through():
    data = packed(
        {
            "b/2.csv": b"id,username,name\n3,u3,N\n4,u4,N\n",
            "a/1.jsonl": user(1) + b"\n" + user(2) + b"\n",
            "__MACOSX/a/._1.jsonl": b"\0\0",
            "a/.DS_Store": b"\0",
        }
    )

    rows, rejects = land(data, "drop.zip")

    assert not rejects
    assert [(row["row"], row["handle"]) for row in rows] == [
        (1, "u1"),
        (2, "u2"),
        (3, "u3"),
        (4, "u4"),
    ]


@pytest.mark.parametrize(
    ("name", "member", "reason"),
    [
        pytest.param("../evil.jsonl", user(9), "unsupported_format", id="a name that leads out"),
        pytest.param("a/../../evil.jsonl", user(9), "unsupported_format", id="out from within"),
        pytest.param("/etc/evil.jsonl", user(9), "unsupported_format", id="an absolute name"),
        pytest.param("..\\evil.jsonl", user(9), "unsupported_format", id="out, in Windows' words"),
        pytest.param("b.zip", packed({"c.jsonl": user(9)}), "unsupported_format", id="nested"),
        pytest.param(
            "b.jsonl", packed({"c.jsonl": user(9)}), "unsupported_format", id="in disguise"
        ),
        pytest.param("b.txt", b"plain words", "unsupported_format", id="no data"),
        pytest.param("b.jsonl", b"not json", "malformed", id="broken"),
    ],
)
def test_a_member_that_cannot_be_taken_is_one_reject_and_its_neighbours_land(name, member, reason):
    data = packed({"a.jsonl": user(1), name: member, "z.jsonl": user(2)})

    handles, rejects = outcome(data, "drop.zip")

    assert sorted(handles) == ["u1", "u2"]
    assert [found for _, found in rejects] == [reason]


def test_a_member_under_a_password_is_refused_and_its_neighbours_land():
    data = bytearray(packed({"a.jsonl": user(1), "b.jsonl": user(2)}, zipfile.ZIP_STORED))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.rindex(mark) + offset
        data[at : at + 2] = struct.pack("<H", 1)

    handles, rejects = outcome(bytes(data), "drop.zip")

    assert handles == ["u1"]
    assert [reason for _, reason in rejects] == ["unreadable"]


def test_a_damaged_member_keeps_its_neighbours():
    data = bytearray(packed({"a.jsonl": user(1), "b.jsonl": user(2), "c.jsonl": user(3)}))
    at = data.index(b"b.jsonl") + 12
    data[at : at + 4] = b"\xff\xff\xff\xff"

    handles, rejects = outcome(bytes(data), "drop.zip")

    assert {"u1", "u3"} <= set(handles)
    assert len(rejects) == 1


def test_a_bomb_is_refused_once_it_has_unpacked_what_it_may(monkeypatch):
    monkeypatch.setattr(archives, "PLAIN_LIMIT", 4 << 20)
    bomb = packed({"a.jsonl": user(1) + b"\n", "b.jsonl": b" " * (300 << 20), "c.jsonl": user(2)})

    tracemalloc.start()
    handles, rejects = outcome(bomb, "drop.zip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert handles == ["u1"]
    assert "too_large" in {reason for _, reason in rejects}
    assert peak < 64 << 20


def test_more_members_than_anybody_lands_are_a_bomb(monkeypatch):
    monkeypatch.setattr(archives, "MEMBER_LIMIT", 3)

    handles, rejects = outcome(packed({f"{n}.jsonl": user(n) for n in range(1, 9)}), "drop.zip")

    assert handles == ["u1", "u2", "u3"]
    assert [reason for _, reason in rejects] == ["too_large"]


@pytest.mark.parametrize(
    ("data", "name", "reject"),
    [
        pytest.param(b"PK\x03\x04 not really", "f.zip", (1, "malformed"), id="broken"),
        pytest.param(b"plain", "f.zip", (1, "malformed"), id="no archive"),
        pytest.param(packed({}), "f.zip", (0, "malformed"), id="empty"),
        pytest.param(
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99,
            "f.xls",
            (0, "unsupported_format"),
            id="old Excel",
        ),
        pytest.param(
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99,
            "f.xlsx",
            (0, "unreadable"),
            id="a password",
        ),
    ],
)
def test_what_is_no_archive_is_one_typed_reject(data, name, reject):
    assert outcome(data, name) == ([], [reject])


def test_names_of_any_kind_do_no_harm():
    data = packed(
        {"a\u202egnp.jsonl": user(1), "b\ud83d.jsonl".encode("utf-8", "replace").decode(): user(2)}
    )
    broken = data.replace("a\u202egnp".encode(), b"a\xff\xfe\xfdgnp")

    assert outcome(data, "drop.zip") == (["u1", "u2"], [])
    assert set(outcome(broken, "drop.zip")[0]) <= {"u1", "u2"}


def test_a_workbook_lands_with_titles_group_names_and_empty_rows():
    data = workbook(
        [
            ["Creators of spring"],
            [],
            ["Account", None, None, "Text"],
            [
                "id",
                "username",
                "name",
                "description",
                "public_metrics.followers_count",
                "created_at",
            ],
            [1, "u1", "N", "Baker", 12_400, MADE],
            [None, None, None, None, None, None],
            ["2", "u2", None, "=A1", "12,4K", None],
        ]
    )

    rows, rejects = land(data, "f.xlsx")

    assert not rejects
    assert [(r["platform_id"], r["handle"], r["follower_count"]) for r in rows] == [
        ("1", "u1", 12_400),
        ("2", "u2", 12_400),
    ]
    assert rows[0]["account_created_at"].isoformat() == "2012-12-13T08:41:00+00:00"
    assert rows[1]["bio"] is None, "a formula that no program computed says nothing"


def test_all_sheets_of_a_workbook_are_read_and_nothing_gets_lost():
    data = workbook(
        [["id", "username", "name"], ["1", "u1", "N"]],
        [],
        [["id", "uniqueId", "signature"], ["2", "t2", "S"]],
        [["Notes"], ["made by hand"]],
    )

    handles, rejects = outcome(data, "f.xlsx")

    assert handles == ["u1", "t2"]
    assert rejects == [(3, "unknown_shape")]


@pytest.mark.parametrize("number", [1234567890123456.0, 1.70012345678901e18, 1700123456789010000])
def test_an_id_that_a_workbook_keeps_as_a_long_number_is_null_and_the_handle_keys(number):
    data = workbook([["id", "username", "name"], [number, "u1", "N"], [number, None, "N"]])

    rows, rejects = land(data, "f.xlsx")

    assert [(row["platform_id"], row["account_key"]) for row in rows] == [(None, "handle:u1")]
    assert [(r.row, r.reason, r.column) for r in rejects] == [(2, "bad_value", "platform_id")]


def test_a_double_header_in_a_workbook_is_refused():
    data = workbook([["id", "username", "name", "name"], ["1", "u1", "N", "M"]])

    assert outcome(data, "f.xlsx") == ([], [(0, "malformed")])


def test_a_workbook_that_lays_a_cell_at_the_end_of_the_world_is_read_in_little_memory():
    book = openpyxl.Workbook()
    for row in (["id", "username", "name"], ["1", "u1", "N"]):
        book.active.append(row)
    book.active.cell(5_000, 16_384, "far")
    out = io.BytesIO()
    book.save(out)

    tracemalloc.start()
    rows, rejects = land(out.getvalue(), "f.xlsx")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [row["handle"] for row in rows] == ["u1"]
    assert not rejects
    assert peak < 64 << 20


def test_a_workbook_with_a_bomb_in_its_texts_is_refused(monkeypatch):
    monkeypatch.setattr(archives, "PLAIN_LIMIT", 1 << 20)
    monkeypatch.setattr(archives, "RATIO_LIMIT", 1)
    data = workbook(
        [["id", "username", "name"], *([str(n), f"u{n}", "x" * 500] for n in range(9_000))]
    )

    assert outcome(data, "f.xlsx") == ([], [(1, "too_large")])


def test_a_workbook_inside_an_archive_lands():
    data = packed({"a.xlsx": workbook([["id", "username", "name"], ["1", "u1", "N"]])})

    assert outcome(data, "drop.zip") == (["u1"], [])


def rewritten(data: bytes, change: dict[bytes, bytes]) -> bytes:
    """A workbook whose first sheet says something that no program would."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            text = old.read(member)
            if member.filename == "xl/worksheets/sheet1.xml":
                for said, instead in change.items():
                    text = text.replace(said, instead)
            new.writestr(member.filename, text)
    return out.getvalue()


BOMB = b"<!DOCTYPE w [<!ENTITY a0 'x'>%s]>" % b"".join(
    b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)
)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({b'r="2"': b'r="99999999999"', b'"A2"': b'"A99999999999"'}, id="a far row"),
        pytest.param({b'r="C2"': b'r="ZZZZZZZ2"'}, id="a far column"),
        pytest.param({b"<worksheet": BOMB + b"<worksheet", b">N<": b">&a11;<"}, id="entities"),
        pytest.param({b"</sheetData>": b""}, id="broken XML"),
        pytest.param({b'r="B2"': b'r="no reference"'}, id="a cell without an address"),
    ],
)
def test_a_sheet_that_no_program_writes_costs_its_file_at_most(change):
    data = rewritten(workbook([["id", "username", "name"], ["1", "u1", "N"]]), change)

    tracemalloc.start()
    rows, rejects = land(packed({"a.xlsx": data, "b.jsonl": user(2)}), "drop.zip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert rows[-1]["handle"] == "u2", "the neighbour lands"
    assert {reject.reason for reject in rejects} <= {"malformed", "too_large", "bad_value"}
    assert peak < 128 << 20
