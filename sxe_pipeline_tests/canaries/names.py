"""Canaries in every name that a person controls: of files, folders, collections, members, columns.

Here: the files of a landing store whose names, declarations and headers carry contacts. Not here:
what stands in their records (`payloads`).
"""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from openpyxl.comments import Comment

from sxe_pipeline_tests.canaries.payloads import WAYS, Aviary

GOOD = [{"id": "77", "username": "good77", "name": "N"}]
"""Who stands in a file of which only a name carries a contact."""
_LINES = "".join(json.dumps(row) + "\n" for row in GOOD).encode()
_NAMEABLE = tuple(way for way in WAYS if not way.endswith("_link"))
"""Ways of a canary that can be a name: no folder and no file holds a slash."""
_MAPPED = {
    "name": "own",
    "match": {"has": ["who"]},
    "columns": {"handle": "who", "display_name": "said"},
}
_CONSTANTS = (
    *("display_name", "bio", "location", "category", "category_kind", "region"),
    *("platform_language", "follower_count", "observed_at", "is_business"),
)


def named(aviary: Aviary, day: str) -> Iterator[tuple[str, bytes]]:
    """Files below a landing root whose own names carry canaries: path and content."""
    for way in _NAMEABLE:
        lines = json.dumps(GOOD[0] | {"description": aviary.one()}).encode()
        yield f"{aviary.one(way)}/{day}/a.jsonl", lines
        yield f"named/{day}/{aviary.one(way)}/a.jsonl", lines + b"\n"
        yield f"named/{day}/{aviary.one(way)}.jsonl", lines + b"\n\n"
        yield f"named/{day}/{aviary.one(way)}", lines + b"\n\n\n"
        yield f"named/{day}/a.{aviary.one(way)}", lines + b"\n\n\n\n"
        yield f"{aviary.one(way)}.jsonl", lines + b"\n\n\n\n\n"


def declared(aviary: Aviary, day: str) -> Iterator[tuple[str, bytes]]:
    """Collections whose declarations carry canaries, each with a file that lands or waits."""
    texts = [*_descriptions(aviary), *_mappings(aviary)]
    for number, (name, text) in enumerate(texts):
        yield f"declared{number}/{name}", text
        row = {"who": f"who{number}", "said": aviary.one(), "x": "word"} | GOOD[0]
        yield f"declared{number}/{day}/a.jsonl", json.dumps(row).encode()


def _descriptions(aviary: Aviary) -> Iterator[tuple[str, bytes]]:
    for said in (
        lambda: {"gathered_by": aviary.one()},
        lambda: {"tribes": [aviary.one()]},
        lambda: {"tribes": aviary.one()},
        lambda: {"market": aviary.one()},
        lambda: {aviary.one(): "x"},
        lambda: [aviary.one()],
        lambda: aviary.one(),
    ):
        yield "_collection.yaml", yaml.safe_dump(said(), allow_unicode=True).encode()
    yield "_collection.yaml", f"market: [{aviary.one()}\n: {aviary.one()}".encode()
    yield "_collection.yaml", f"market: !{aviary.one('mail_in_name')} x".encode()
    yield "_collection.yaml", f"market: *{aviary.one('phone_in_name')[1:]}".encode()
    yield "_collection.yaml", aviary.one().encode("utf-16")


def _mappings(aviary: Aviary) -> Iterator[tuple[str, bytes]]:
    """Mappings that name, map, match or state a canary in every place that takes a text."""
    one = aviary.one
    columns = _MAPPED["columns"]
    changes = [
        *({"name": one(way)} for way in WAYS),
        *({"columns": columns | {column: {"value": one()}}} for column in _CONSTANTS),
        *({"columns": columns | {c: {"path": "x", "map": {"word": one()}}}} for c in _CONSTANTS),
        {"columns": {one(): "x"}},
        {"columns": columns | {"bio": one()}},
        {"columns": columns | {"bio": f'"{one("mail_in_name")}"'}},
        {"columns": columns | {"bio": {"path": "x", "as": one()}}},
        {"columns": columns | {"bio": {"path": "x", one(): 1}}},
        {"columns": columns | {"bio": {"path": "x", "map": {one(): "x"}}}},
        {"columns": columns | {"links": {"value": one()}}},
        {"match": {one(): ["x"]}},
        {"match": {"has": ["who", one()]}},
        {"match": {"has": one()}},
        {"match": {"is": {"x": one()}}},
        {"match": {"like": {"x": one() + "("}}},
        {"platform": one()},
        {"reason": one()},
        {"otherwise": one()},
        {"null_words": [one()], "masked": one()},
        {"post": {"id": "x", one(): "x"}},
        {one(): "x"},
    ]
    for change in changes:
        document = {"platform": "x", "shapes": [_MAPPED | change]}
        yield "_mapping.yaml", yaml.safe_dump(document, allow_unicode=True).encode()
    for document in ({"platform": one(), "shapes": []}, {one(): one(), "shapes": [_MAPPED]}, one()):
        yield "_mapping.yaml", yaml.safe_dump(document, allow_unicode=True).encode()
    yield "_mapping.yaml", f"shapes: [{one()}\n: {{".encode()


def headed(aviary: Aviary, day: str) -> Iterator[tuple[str, bytes]]:
    """Files whose members, sheets, columns or metadata are named like contacts."""
    one = aviary.one
    files = {
        "members.zip": _archive(aviary),
        "sheets.xlsx": _workbook(aviary),
        "columns.parquet": _table(aviary),
        "columns.csv": _csv(["id", "username", "name", *map(one, WAYS)], aviary),
        "semicolons.csv": _csv(["id", "username", "name", *map(one, WAYS)], aviary, ";"),
        "unknown.csv": _csv(["a", *map(one, WAYS)], aviary),
        "said_first.csv": f"{one()}\n\nid,username,name\n1,u1,N\n".encode(),
        "twice.csv": _csv(["id", "id", (two := one()), two], aviary),
        "unknown.jsonl": _unknown(aviary),
        "bad.jsonl": f'{{"{one()}": "{one()}", {one()}\n{one()}\n'.encode(),
        "odd.txt": "\n".join(map(one, WAYS)).encode(),
        "odd.json": f"<html>{one()}".encode(),
        "latin.jsonl": f'{{"id": "1", "username": "é", "name": "{one()}"}}'.encode("latin-1"),
        "header.jsonl.gz": _gzip(one("mail_in_name")),
        "cut.json": b'{"data": ['
        + _unknown(aviary).splitlines()[0]
        + b', {"id": "'
        + one().encode(),
    }
    for name, data in files.items():
        yield f"headed/{day}/{name}", data


def _archive(aviary: Aviary) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.comment = aviary.one().encode()
        for way in WAYS:
            archive.writestr(f"{aviary.one(way)}.jsonl", _LINES)
            archive.writestr(f"{aviary.one(way)}/a.csv", b"id,username,name\n1,u1,N\n")
            archive.writestr(f"../{aviary.one(way)}", _LINES)
            archive.writestr(f"{aviary.one(way)}.zip", b"PK\x03\x04")
    return out.getvalue()


def _workbook(aviary: Aviary) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.properties.creator = aviary.one()
    for way in ("mail_in_name", "phone_in_name", "mail_as_handle"):
        sheet = book.create_sheet(aviary.one(way)[:31])
        sheet.append([aviary.one()])
        sheet.append(["id", "username", "name", *map(aviary.one, WAYS)])
        sheet.append(["1", "u1", "N", *map(aviary.one, WAYS)])
        sheet["A2"].comment = Comment(aviary.one(), aviary.one())
        sheet["C3"].hyperlink = f"mailto:{aviary.one('mail_in_name')}"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _table(aviary: Aviary) -> bytes:
    one = aviary.one
    columns = {"id": ["1"], "username": ["u1"], "name": ["N"]} | {one(w): [one(w)] for w in WAYS}
    table = pa.table(columns).replace_schema_metadata({one(): one()})
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _csv(header: list[str], aviary: Aviary, separator: str = ",") -> bytes:
    row = ["1", "u1", "N", *(aviary.one() for _ in header[3:])]
    return f"{separator.join(header)}\n{separator.join(row[: len(header)])}\n".encode()


def _unknown(aviary: Aviary) -> bytes:
    """Records of no shape: what their keys are called is proposed for a mapping."""
    rows = [
        {aviary.one(way): aviary.one(), "a": {aviary.one(way): {aviary.one(way): aviary.one()}}}
        for way in WAYS
    ]
    return "".join(json.dumps(row | {"surname_x": "x"}) + "\n" for row in rows).encode()


def _gzip(name: str) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(filename=name, mode="wb", fileobj=out) as file:
        file.write(_LINES)
    return out.getvalue()
