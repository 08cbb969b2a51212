"""A collection whose declarations cannot be read waits by itself; everything else goes on."""

import io

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sxe_pipeline import definitions
from sxe_pipeline.errors import Busy
from sxe_pipeline.ingest import register
from sxe_pipeline.ingest.landing import LandingTier
from sxe_pipeline.settings import load
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.social.intake import DAY, NEXT_DAY, lines

MAPPING = (
    "platform: x\nshapes:\n  - name: s\n    match: {has: [id]}\n    columns: {handle: username}\n"
)
BROKEN = {
    "no YAML": "platform: [",
    "another form": "shapes: 1",
    "no regular expression": "platform: x\nshapes: [{name: s, match: {like: {a: '('}}}]",
    "a contact in it": "platform: x\nshapes: [{name: s, match: {has: ['ana@example.com..']}}]",
    "a contact as a key": "platform: x\nana@example.com: 1\nshapes: []\n",
    "no UTF-8": "\udcff\udcfe",
    "too large": "#" * (300 << 10),
    "a list": "- a\n- b\n",
}


HOSTILE = {
    "cut.parquet": "PAR1 and no more",
    "cut.jsonl.gz": "\x1f\udc8b\b\0\0",
    "bomb.json": "[" * 100_000,
    "noise.csv": "\udcff\udcfe,\udcff\n\udcff\n",
    "none.json": "",
    "picture.png": "\udc89PNG",
}


def write(intake, name, text):
    intake.put(name, "").write_bytes(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_mapping_sets_its_collection_aside_and_mends_itself(intake, text):
    intake.put(f"good/{DAY}/a.jsonl", lines("ana"))
    intake.put(f"bad/{DAY}/b.jsonl", lines("ben"))
    write(intake, "bad/_mapping.yaml", text)

    [aside] = intake.register().set_aside
    intake.build()

    assert (aside.collection, aside.files) == ("bad", 1)
    assert aside.problem.startswith("_mapping.yaml")
    assert "ana@" not in str(aside)
    assert intake.handles() == ["ana"]
    assert intake.ask("select problem from ingest.collection") == [(aside.problem,)]

    intake.put("bad/_mapping.yaml", MAPPING)
    found = intake.register()
    intake.build()

    assert (found.new, found.set_aside) == (1, ())
    assert intake.handles() == ["ana", "ben"]
    assert intake.ask("select problem from ingest.collection") == [(None,)]


def test_the_problem_names_the_line_of_a_file_that_is_no_yaml(intake):
    intake.put("bad/_collection.yaml", "market: m\ntribes:\n  - [\n")

    [aside] = intake.register().set_aside

    assert "at line" in aside.problem


def test_a_broken_mapping_of_the_root_sets_aside_those_that_have_none_of_their_own(intake):
    intake.put("_mapping.yaml", "- [")
    intake.put("own/_mapping.yaml", MAPPING)
    for name in ("own/a.jsonl", "none/b.jsonl", "c.jsonl"):
        intake.put(name, lines(name.replace("/", "_")))

    found = intake.register()

    assert found.new == 1
    assert {each.collection for each in found.set_aside} == {"none", intake.root.name}


def test_a_collection_that_left_is_no_problem_any_more(intake):
    bad = intake.put("bad/_mapping.yaml", "- [")
    intake.register()
    bad.unlink()
    intake.register()

    assert intake.ask("select count(*) from ingest.collection where problem is not null") == [(0,)]


def test_files_that_were_observed_before_stay_while_their_mapping_is_broken(intake):
    intake.put("bad/_mapping.yaml", MAPPING)
    intake.put(f"bad/{DAY}/b.jsonl", lines("ben"))
    intake.build()
    intake.put("bad/_mapping.yaml", "- [")

    assert intake.build() == [], "a broken mapping is no reason to build"
    intake.put(f"good/{DAY}/a.jsonl", lines("ana"))

    assert intake.build() == [DAY]
    assert intake.handles() == ["ana", "ben"]
    assert intake.even()

    intake.put("bad/_mapping.yaml", MAPPING)
    assert intake.build() == [DAY], "its files were kept, not read: they are read now"
    assert intake.build() == []


def test_a_file_that_was_registered_but_not_observed_waits_and_costs_no_day(intake):
    intake.put("bad/_mapping.yaml", MAPPING)
    intake.put(f"bad/{DAY}/b.jsonl", lines("ben"))
    intake.put(f"bad/{NEXT_DAY}/c.jsonl", lines("cleo"))
    intake.register()
    intake.put("bad/_mapping.yaml", "- [")
    intake.put(f"good/{DAY}/a.jsonl", lines("ana"))

    assert intake.build() == [DAY]
    assert intake.handles() == ["ana"]
    intake.put("bad/_mapping.yaml", MAPPING)

    assert intake.build() == [DAY, NEXT_DAY]
    assert intake.handles() == ["ana", "ben", "cleo"]
    assert intake.even()


def test_a_mapping_that_breaks_after_its_registration_is_asked_for_again(intake):
    intake.put("bad/_mapping.yaml", MAPPING)
    intake.put(f"bad/{DAY}/b.jsonl", lines("ben"))
    intake.register()
    [file] = register.day_of(intake.conn, DAY).files
    intake.put("bad/_mapping.yaml", "- [")

    with pytest.raises(Busy, match="set aside"):
        list(LandingTier(intake.root.as_uri()).read(file))


def test_a_mapping_is_fetched_once_for_all_files_of_its_collection(intake, monkeypatch):
    fetched = []
    get = Objects.get
    monkeypatch.setattr(Objects, "get", lambda self, key: fetched.append(key) or get(self, key))
    intake.put("own/_mapping.yaml", MAPPING)
    for number in range(4):
        intake.put(f"own/{DAY}/{number}.jsonl", lines(f"u{number}"))
    intake.register()
    files = register.day_of(intake.conn, DAY).files
    fetched.clear()
    tier = LandingTier(intake.root.as_uri())

    rows = [row for file in files for piece in tier.read(file) for row in piece.rows.to_pylist()]

    assert [row["shape"] for row in rows] == ["s"] * 4
    assert fetched == ["own/_mapping.yaml"]


def test_a_file_that_was_read_by_another_mapping_is_read_by_the_new_one_at_once(intake):
    intake.put("own/_mapping.yaml", MAPPING)
    intake.put(f"own/{DAY}/a.jsonl", lines("ana"))
    intake.build()
    intake.put("own/_mapping.yaml", MAPPING.replace("username", "name"))

    assert intake.build() == [DAY]
    assert intake.handles() == ["N"]


def test_a_day_with_one_hostile_file_builds_its_neighbours(intake):
    intake.put(f"good/{DAY}/a.jsonl", lines("ana"))
    for name, text in HOSTILE.items():
        write(intake, f"bad/{DAY}/{name}", text)
    out = io.BytesIO()
    odd = pa.array([2**62, 10**15], pa.timestamp("us"))
    people = {"id": ["1", "2"], "username": ["ben", "cleo"], "name": ["B", "C"]}
    pq.write_table(pa.table(people | {"created_at": odd, "imported_at": odd}), out)
    (intake.root / f"bad/{DAY}/odd.parquet").write_bytes(out.getvalue())

    assert intake.build() == [DAY]

    assert intake.handles() == ["ana", "ben", "cleo"]
    assert intake.even()
    assert intake.ask(
        "select count(*) from social.file_count where input_count = quarantine_count"
    ) == [(len(HOSTILE),)]
    assert intake.build() == []


def test_the_sensor_names_what_waits_and_asks_for_the_rest(intake, database, tmp_path):
    intake.put(f"good/{DAY}/a.jsonl", lines("ana"))
    intake.put("bad/b.jsonl", lines("ben"))
    intake.put("bad/_mapping.yaml", "- [")
    given = load(
        {
            "SXE_HOME": str(tmp_path / "home"),
            "SXE_SOCIAL_DATABASE_URL": database.dsn("sxe_social"),
            "SXE_LANDING_STORE_URL": intake.root.as_uri(),
            "SXE_SETTLE_S": "0",
        }
    )
    tier = definitions.assemble(given)
    sensor = tier.resolve_sensor_def("landed_files")
    with dg.DagsterInstance.ephemeral() as instance:
        ticks = [
            sensor.evaluate_tick(
                dg.build_sensor_context(
                    instance=instance,
                    definitions=tier,
                    sensor_name="landed_files",
                    resources={"settings": given},
                )
            )
            for _ in range(2)
        ]

    assert [run.partition_key for run in ticks[0].run_requests] == [DAY.isoformat()]
    assert "collection bad is set aside, 1 files: _mapping.yaml" in ticks[1].skip_message
