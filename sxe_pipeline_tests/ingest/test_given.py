"""What is handed in: both doors and the landing store agree on what is data, whose, and of when."""

import io
import json
import os
from datetime import date
from pathlib import Path

import pytest

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest import given, naming, register
from sxe_pipeline.ingest.land import land
from sxe_pipeline.ingest.stream import to_jsonl
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.ingest.reading import NOW

DAY = date(2026, 11, 1)
NOT_DATA = (
    *(".hidden.jsonl", "._a.jsonl", ".a.jsonl.aB12cd", ".DS_Store", "_SUCCESS", "_metadata"),
    *("a.jsonl.tmp", "a.jsonl.part", "a.csv.crdownload", "a.jsonl~", "_committed_77", "Thumbs.db"),
    *("_temporary/0/a.jsonl", ".git/a.json", "__MACOSX/a.json", ".a.parquet.crc"),
)
DATA = ("a.jsonl", "_export.csv", "part-0.parquet", "tmp.json", "b b.csv", "_x/a.json")


def put(root: Path, name: str, text: str | None = None) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    number = str(sum(name.encode()) + len(name) * 1_000)
    record = {"id": number, "username": f"u{number}", "name": "N"}
    file.write_text(json.dumps(record) if text is None else text)


def landed(tmp_path: Path, *paths: Path, **more: object) -> list[str]:
    store = Objects((tmp_path / "store").as_uri())
    land(store, paths, **({"collection": None, "day": DAY} | more))
    return [entry.key for entry in store.list()]


def printed(*paths: Path) -> list[dict[str, object]]:
    out = io.BytesIO()
    to_jsonl(paths, out=out, quarantine=None, now=NOW)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("name", NOT_DATA)
def test_what_is_hidden_partial_or_a_marker_is_no_data_at_any_door(tmp_path, name):
    drop = tmp_path / "drop"
    put(drop, name)
    put(drop, "good.jsonl")

    assert not naming.is_data(name.split("/"))
    assert [Path(str(row["file"])).name for row in printed(drop)] == ["good.jsonl"]
    assert [key.rpartition("-")[2] for key in landed(tmp_path, drop)] == ["good.jsonl"]


@pytest.mark.parametrize("name", DATA)
def test_what_only_looks_odd_is_data(name):
    assert naming.is_data(name.split("/"))


def test_the_landing_store_is_walked_by_the_same_rule(database, tmp_path):
    root = tmp_path / "landing"
    for name in NOT_DATA:
        put(root, f"spring/{name}")
    put(root, "spring/dt=2026-09-01/good.jsonl")
    with sql.connect(database.dsn("sxe_social")) as conn:
        found = register.register_all(conn, Objects(root.as_uri()), actor="test")

    assert (found.new, found.days) == (1, [date(2026, 9, 1)])


def test_a_single_file_that_is_half_written_is_refused_by_name_of_the_reason(tmp_path):
    put(tmp_path, ".a.jsonl.aB12cd")

    with pytest.raises(BadInput, match="hidden, partial"):
        landed(tmp_path, tmp_path / ".a.jsonl.aB12cd")
    assert printed(tmp_path / ".a.jsonl.aB12cd") == []


@pytest.mark.parametrize("folder", ["2026-09-01", "dt=2026-09-01", "deep/ds=2026-09-01/x"])
def test_a_folder_of_a_day_names_the_day_and_no_collection(tmp_path, folder):
    put(tmp_path, f"drop/{folder}/a.jsonl")
    put(tmp_path, "drop/b.jsonl")

    days = {key.split("/")[1] for key in landed(tmp_path, tmp_path / "drop")}

    assert days == {"2026-09-01", DAY.isoformat()}
    assert {row["collection"] for row in printed(tmp_path / "drop")} == {"drop"}


def test_a_folder_of_days_alone_is_one_collection(tmp_path):
    put(tmp_path, "drop/dt=2026-09-01/a.jsonl")
    put(tmp_path, "drop/dt=2026-09-02/a.jsonl")

    assert {row["collection"] for row in printed(tmp_path / "drop")} == {"drop"}


def test_d11_collections_below_a_root_stay_collections_at_both_doors(tmp_path):
    root = tmp_path / "root"
    for name in ("a", "b", "c"):
        put(root, f"{name}/2026-09-01/{name}.jsonl")
    put(root, "a/_collection.yaml", "market: m\n")
    put(root, "b/_collection.yaml", "tribes: [x]\n")
    put(root, "loose.jsonl")

    keys = landed(tmp_path, root)

    assert {row["collection"] for row in printed(root)} == {"a", "b", "c", "root"}
    assert {key.split("/")[0] for key in keys} == {"a", "b", "c", "root"}
    assert {"a/_collection.yaml", "b/_collection.yaml"} <= set(keys), "none is lost"


def test_a_collection_that_is_named_takes_everything_below(tmp_path):
    put(tmp_path, "root/a/a.jsonl")
    put(tmp_path, "root/b/b.jsonl")

    keys = landed(tmp_path, tmp_path / "root", collection="one")

    assert {key.split("/")[0] for key in keys} == {"one"}


def test_a_declaration_where_no_collection_would_find_it_is_refused(tmp_path):
    put(tmp_path, "drop/a.jsonl")
    put(tmp_path, "drop/2026-09-01/_mapping.yaml", "platform: x\nshapes: []\n")

    for door in (landed, lambda _, path: printed(path)):
        with pytest.raises(BadInput, match="deeper"):
            door(tmp_path, tmp_path / "drop")


def test_a_mended_declaration_takes_the_place_of_the_one_before(tmp_path):
    put(tmp_path, "drop/a.jsonl")
    put(tmp_path, "drop/_collection.yaml", "tribes: [")
    landed(tmp_path, tmp_path / "drop")
    put(tmp_path, "drop/_collection.yaml", "tribes: [x]\n")
    landed(tmp_path, tmp_path / "drop")

    assert (tmp_path / "store/drop/_collection.yaml").read_text() == "tribes: [x]\n"


def test_a_broken_mapping_sets_its_own_collection_aside_in_the_stream_as_well(tmp_path):
    put(tmp_path, "root/a/a.jsonl")
    put(tmp_path, "root/b/b.jsonl")
    put(
        tmp_path,
        "root/b/_mapping.yaml",
        "platform: x\nshapes: [{name: s, match: {like: {a: '('}}}]",
    )
    out = io.BytesIO()

    written = to_jsonl([tmp_path / "root"], out=out, quarantine=None, now=NOW)

    assert (written.files, list(written.set_aside)) == (1, ["b"])
    assert json.loads(out.getvalue())["collection"] == "a"


def test_a_link_that_leads_nowhere_costs_itself(tmp_path):
    put(tmp_path, "drop/a.jsonl")
    (tmp_path / "drop/gone.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    store = Objects((tmp_path / "store").as_uri())

    done = land(store, [tmp_path / "drop"], collection=None, day=DAY)

    assert (done.new, done.unreadable) == (1, 1)
    assert len(printed(tmp_path / "drop")) == 1
    assert [each.file.name for each in given.files(tmp_path / "drop")] == ["a.jsonl", "gone.jsonl"]


@pytest.mark.parametrize("name", [b"bell\x07.jsonl", b"latin-\xff.jsonl", b"line\nend.jsonl"])
def test_a_name_that_no_key_can_hold_costs_its_file_in_the_store_and_is_mended_by_ingest(
    database, tmp_path, name
):
    root = tmp_path / "landing"
    put(root, "spring/good.jsonl")
    (root / "loop").symlink_to(root)
    odd = root / "spring" / os.fsdecode(name)
    odd.write_text('{"id": "1", "username": "odd", "name": "N"}')
    with sql.connect(database.dsn("sxe_social")) as conn:
        found = register.register_all(conn, Objects(root.as_uri()), actor="test")

    assert (found.new, found.unreadable) == (1, 1)
    assert len(landed(tmp_path, root / "spring")) == 2, "ingest gives it another name"
    assert len(printed(root / "spring")) == 2
