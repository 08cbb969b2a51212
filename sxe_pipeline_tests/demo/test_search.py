"""The search for plants finds each kind in every form of file, and calls nothing clean unread."""

import ast
import base64
import datetime as dt
import gzip
import hashlib
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sxe_pipeline.demo import dump, search
from sxe_pipeline.demo.search import find
from sxe_pipeline.errors import BadInput
from sxe_pipeline.sandbox.plants import KINDS, plant
from sxe_pipeline_tests.sandbox.planted import one_of_each


def kinds_found(planted, *files, dumps=()):
    return {hit.kind for hit in find([each.plant for each in planted], files, dumps)}


def _parquet(path, texts):
    rows = [{"handle": str(n), "bio": text} for n, text in enumerate(texts)]
    pq.write_table(pa.table({"profile": rows}), path, compression="zstd")


def _parquet_lists(path, texts):
    lists = pa.array([[text] for text in texts], pa.list_(pa.string()))
    codes = pa.array(texts).dictionary_encode()
    pq.write_table(pa.table({"links": lists, "codes": codes}), path, row_group_size=5)


def _zstd_lines(path, texts):
    with pa.CompressedOutputStream(str(path), "zstd") as out:
        for text in texts:
            out.write(json.dumps({"bio": text}, ensure_ascii=False).encode() + b"\n")


def _gzip_lines(path, texts):
    path.write_bytes(gzip.compress("\n".join(json.dumps({"t": t}) for t in texts).encode()))


def _json_escaped(path, texts):
    path.write_text(json.dumps({"rows": texts}, ensure_ascii=True))


def _json_in_json(path, texts):
    path.write_text(json.dumps({"stats": json.dumps({"max": texts})}))


def _envelope(path, texts):
    payload = base64.b64encode(json.dumps({"rows": texts}).encode()).decode()
    path.write_text(json.dumps({"payload": payload}))


def _log(path, texts):
    path.write_text(
        "".join(f"2026-11-24T11:50:39Z warning row={n} {t}\n" for n, t in enumerate(texts))
    )


def _utf16(path, texts):
    path.write_text("\n".join(texts), encoding="utf-16")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("table.parquet", _parquet),
        ("lists.parquet", _parquet_lists),
        ("rows.jsonl.zst", _zstd_lines),
        ("rows.jsonl.gz", _gzip_lines),
        ("rows.json", _json_escaped),
        ("00000.json", _json_in_json),
        ("manifest.json", _envelope),
        ("run.log", _log),
        ("windows.txt", _utf16),
        ("no_suffix_but_zstd", _zstd_lines),
    ],
)
def test_every_kind_is_found_in_every_form_of_file(tmp_path, name, write):
    planted = one_of_each()
    path = tmp_path / name
    write(path, [each.text for each in planted])

    hits = list(find([each.plant for each in planted], [path], root=tmp_path))

    assert {hit.kind for hit in hits} == set(KINDS)
    assert {hit.where for hit in hits} == {name}, "a file is named relative to the root"


def test_each_kind_alone_is_found_as_itself_and_nothing_else(tmp_path):
    planted = one_of_each()

    for each in planted:
        path = tmp_path / each.plant.kind
        _json_escaped(path, ["nothing", each.text])
        assert kinds_found(planted, path) == {each.plant.kind}


def test_a_clean_tree_of_ids_hashes_and_times_gives_no_hit(tmp_path):
    rng = random.Random(11)
    planted = [plant(KINDS[n % len(KINDS)], n, rng).plant for n in range(1500)]
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    rows = [
        {
            "id": str(rng.randrange(10 ** rng.randint(8, 19))),
            "hash": hashlib.sha256(str(n).encode()).hexdigest(),
            "at": (start + dt.timedelta(seconds=n * 911)).isoformat(),
            "epoch": 1_500_000_000 + n * 2000,
            "score": rng.random(),
        }
        for n in range(100_000)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "ids.parquet")
    (tmp_path / "ids.jsonl").write_text("\n".join(map(json.dumps, rows)))

    assert list(find(planted, sorted(tmp_path.iterdir()))) == []


def test_digits_of_neighbouring_cells_and_of_long_ids_make_no_number(tmp_path):
    planted = plant("phone_plus", 5, random.Random(1)).plant
    number = planted.needles[0].decode()
    (tmp_path / "lines").write_text(f"{number[:5]}\n{number[5:]}")
    (tmp_path / "cells").write_text(f"{number[:5]}\t{number[5:]}")
    (tmp_path / "values").write_text(json.dumps([number[:5], number[5:], int(number[:6])]))
    (tmp_path / "long").write_text(f"99999{number}99999")
    pq.write_table(pa.table({"a": [number[:5], number[5:]]}), tmp_path / "cells.parquet")

    assert list(find([planted], sorted(tmp_path.iterdir()))) == []


@pytest.mark.parametrize(
    "rewritten",
    [
        "{a}-{b}-{c}",
        "({a}) {b}.{c}",
        "{a} / {b} / {c}",
        "{a}\u00a0{b}\u2011{c}",
        "{a}\u200b{b}%20{c}",
        "since 2019, 24/7: 00{a}{b}{c} ext",
    ],
)
def test_a_regrouped_number_is_found(tmp_path, rewritten):
    planted = plant("phone_circled", 5, random.Random(1)).plant
    number = planted.needles[0].decode()
    path = tmp_path / "log"
    path.write_text(rewritten.format(a=number[:3], b=number[3:6], c=number[6:]))

    assert [hit.kind for hit in find([planted], [path])] == ["phone_circled"]


def test_a_phone_that_became_a_number_column_is_found(tmp_path):
    planted = plant("phone_vendor", 8, random.Random(2)).plant
    number = int(planted.needles[0])
    pq.write_table(pa.table({"phone": [number], "float": [float(number)]}), tmp_path / "n.parquet")

    assert [hit.kind for hit in find([planted], [tmp_path / "n.parquet"])] == ["phone_vendor"]


def test_a_plant_across_the_edge_of_two_chunks_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "_CHUNK", 5000)
    planted = one_of_each()
    body = bytearray(b"x" * 5000 * (len(planted) + 1))
    for n, each in enumerate(planted, start=1):
        text = each.text.encode()
        needle = text.lower().find(each.plant.needles[-1][:3])
        start = 5000 * n - max(needle, 0) - 5
        body[start - 1 : start + len(text) + 1] = b"\n" + text + b"\n"
    path = tmp_path / "edges"
    path.write_bytes(body)

    assert kinds_found(planted, path) == set(KINDS)


def test_a_hit_never_shows_the_value(tmp_path):
    planted = one_of_each()
    mail = planted[KINDS.index("mail_plain")]
    path = tmp_path / f"{mail.plant.value}.json"
    path.write_text(mail.text + planted[-1].text)

    hits = list(find([each.plant for each in planted], [path], root=tmp_path))

    assert [hit.kind for hit in hits] == ["mail_plain", KINDS[-1]], "one file, one hit"
    shown = repr(hits) + repr(planted)
    assert not any(each.plant.value in shown for each in planted)
    assert mail.plant.needles[0].decode() not in shown


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(gzip.compress(b"a" * 9000 + bytes(range(256)) * 40)[:-60], id="cut gzip"),
        pytest.param(b"PAR1 this is no table PAR1", id="broken Parquet"),
        pytest.param(b"\x28\xb5\x2f\xfd broken", id="broken zstd"),
    ],
)
def test_a_file_that_cannot_be_decoded_is_not_called_clean(tmp_path, body):
    path = tmp_path / "broken"
    path.write_bytes(body)

    with pytest.raises(BadInput, match="cannot be called clean"):
        list(find([plant("mail_plain", 1, random.Random(0)).plant], [path]))


def test_an_absent_file_is_not_called_clean(tmp_path):
    with pytest.raises(BadInput, match="cannot be called clean"):
        list(find([plant("mail_plain", 1, random.Random(0)).plant], [tmp_path / "gone"]))


@pytest.mark.parametrize("module", [search, dump])
def test_the_scan_imports_nothing_of_the_engine_but_errors(module):
    tree = ast.parse(Path(module.__file__).read_text())
    named = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [f"{node.module}"]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    allowed = ("sxe_pipeline.errors", "sxe_pipeline.sandbox.plants", "sxe_pipeline.demo.search")
    assert {name for name in named if name.startswith("sxe_pipeline")} <= set(allowed)
