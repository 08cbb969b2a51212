"""What holds for every contract and every version."""

import io
import json
from collections import defaultdict

import jsonschema_rs
import pyarrow.parquet as pq
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from sxe_pipeline import contracts_root, schema
from sxe_pipeline.errors import BadConfig, NotFound
from sxe_pipeline.schema import docs
from sxe_pipeline.schema.tables import PROFILE

ROOT = contracts_root()
ALL = [pytest.param(c, id=f"{c.id}-{c.version}") for c in schema.load_all()]


def test_the_files_are_contracts_by_the_open_standard():
    for contract in schema.load_all():
        read = OpenDataContractStandard.from_file(str(contract.file))

        assert read.apiVersion == "v3.1.0"
        assert [p.name for p in read.schema_[0].properties] == contract.names


def test_c1_generating_again_changes_nothing(tmp_path):
    assert schema.generate(ROOT, check=True) == []

    made = schema.generate(ROOT, tmp_path)
    assert len(made) == 2 * len(ALL)
    for name in made:
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()
    assert schema.generate(ROOT, tmp_path) == []


def test_a_changed_a_missing_and_a_stray_generated_file_are_told(tmp_path):
    names = schema.generate(ROOT, tmp_path)
    (tmp_path / names[0]).write_text("x")
    (tmp_path / names[1]).unlink()
    stray = tmp_path / "lead_card" / "generated" / "9.0.0" / "schema.json"
    stray.parent.mkdir()
    stray.write_text("{}")

    told = schema.generate(ROOT, tmp_path, check=True)

    assert told == sorted([names[0], names[1], "lead_card/generated/9.0.0/schema.json"])
    assert not (tmp_path / names[1]).exists(), "--check writes nothing"


@pytest.mark.parametrize("contract", ALL)
def test_c5_contact_data_is_in_contracts_of_the_second_tier_only(contract):
    classes = {column.classification for _, column in contract.walk()}

    assert classes <= {"id", "public", "label", "technical", "contact"}
    assert contract.tier == ("tier2" if "contact" in classes else "tier1")
    assert ("contact" in classes) == (contract.id == "lead_contact")


def test_c4_a_field_id_is_one_column_in_every_version():
    meaning = defaultdict(set)
    for contract in schema.load_all():
        for path, column in contract.walk():
            meaning[contract.id, column.field_id].add(path)

    assert {key: paths for key, paths in meaning.items() if len(paths) > 1} == {}


@pytest.mark.parametrize("contract", ALL)
def test_c6_all_that_is_generated_agrees_on_names_and_nulls(contract):
    arrow = contract.arrow()
    footer = io.BytesIO()
    pq.write_table(arrow.empty_table(), footer)

    for made in (contract.json_schema(closed=True), contract.json_schema(closed=False)):
        assert list(made["properties"]) == made["required"] == arrow.names == contract.names
        for field in arrow:
            said = made["properties"][field.name]["type"]
            assert ("null" in said) == field.nullable
    assert pq.read_schema(footer).equals(arrow, check_metadata=False)


@pytest.mark.parametrize("contract", ALL)
def test_c7_the_published_json_schema_is_valid_and_open_the_producers_closed(contract):
    published = json.loads(
        (ROOT / contract.id / "generated" / contract.version / "schema.json").read_bytes()
    )

    jsonschema_rs.meta.validate(published)
    assert "additionalProperties" not in json.dumps(published)
    assert published == contract.json_schema(closed=False)
    assert contract.json_schema(closed=True)["additionalProperties"] is False


@pytest.mark.parametrize("contract", ALL)
def test_an_open_enum_is_published_as_text_with_examples(contract):
    for path, column in contract.walk():
        if column.is_open:
            assert not column.values, path
            assert column.examples, path


def test_the_closed_lists_of_the_lead_card_are_those_that_cannot_grow():
    closed = {path for path, c in schema.load("lead_card").walk() if c.values}

    assert closed == {"follower_band", "readiness_state"}


def test_a_lead_contact_says_kind_and_flags_in_closed_terms():
    contract = schema.load("lead_contact")
    columns = {column.name: column for column in contract.columns}

    assert contract.key == ("card_id", "kind", "value")
    assert {n: c.values for n, c in columns.items() if c.values} == {"kind": ("email", "phone")}
    for flag in ("dnc", "tcpa", "litigator"):
        assert (columns[flag].kind, columns[flag].nullable) == ("boolean", True)
        assert "nobody said, which is not false" in columns[flag].description
    assert "must" in contract.usage, "what a consumer does about a stale flag"
    assert "stale" in columns["flags_valid_until"].description


def test_what_a_social_profile_says_the_table_of_profiles_holds():
    """The table may be ahead of the contract: a new column is stored before it is passed on."""
    arrow = schema.load("social_profile").arrow()

    held = [field for field in PROFILE.schema if field.name in arrow.names]

    assert held == list(arrow), "names, types, nulls and order"


def test_the_newest_version_is_the_default_and_an_unknown_one_is_not_found(tmp_path):
    folder = tmp_path / "lead_card"
    folder.mkdir()
    text = (ROOT / "lead_card" / "1.0.0.odcs.yaml").read_text()
    for version in ("0.1.0", "0.9.0", "0.10.0"):
        (folder / f"{version}.odcs.yaml").write_text(
            text.replace("version: 1.0.0", f"version: {version}")
        )

    assert schema.load("lead_card", root=tmp_path).version == "0.10.0"
    assert [v for _, v in schema.available(tmp_path)] == ["0.1.0", "0.9.0", "0.10.0"]
    for contract_id, version in (("lead_card", "3.0.0"), ("nobody", None), ("../lead_card", None)):
        with pytest.raises(NotFound):
            schema.load(contract_id, version, tmp_path)


def _breakages():
    def change(name, do):
        return pytest.param(do, id=name)

    def first(data):
        return data["schema"][0]["properties"][0]

    def row_rule(data):
        return data["schema"][0]["quality"][0]

    yield change("a field id twice", lambda d: first(d)["customProperties"][0].update(value=2))
    yield change("no field id", lambda d: first(d).pop("customProperties"))
    yield change("a type that nothing knows", lambda d: first(d).update(physicalType="decimal"))
    yield change("types that differ", lambda d: first(d).update(logicalType="integer"))
    yield change(
        "a bound that nothing checks", lambda d: first(d)["logicalTypeOptions"].update(minLength=1)
    )
    yield change("no key", lambda d: first(d).pop("primaryKey"))
    row_rules = {
        "a share of rows that may break a rule": {"unit": "percent"},
        "a number of rows that must break a rule": {"mustBe": 5},
        "an upper bound for it": {"mustBeLessThan": 10},
        "a rule that is no SQL": {"type": "text"},
        "a rule in the SQL of another engine": {"engine": "soda"},
    }
    for name, said in row_rules.items():
        yield change(name, lambda d, said=said: row_rule(d).update(said))
    yield change("a row rule without a bound", lambda d: row_rule(d).pop("mustBe"))
    yield change("a row rule without a type", lambda d: row_rule(d).pop("type"))
    values = {"validValues": ["person"]}
    held = {"type": "library", "metric": "invalidValues", "mustBe": 0, "arguments": values}
    column_rules = {
        "a bound of values that nothing checks": [held | {"mustBe": 3}],
        "a share of values": [held | {"unit": "percent"}],
        "an argument that nothing reads": [held | {"arguments": values | {"pattern": "x"}}],
        "a second rule of values": [held, held | {"metric": "nullValues", "arguments": {}}],
    }
    for name, rules in column_rules.items():
        yield change(name, lambda d, rules=rules: first(d).update(quality=rules))
    yield change("no description", lambda d: first(d).pop("description"))
    yield change("another version than its name", lambda d: d.update(version="0.2.0"))
    yield change("no table", lambda d: d.pop("schema"))


@pytest.mark.parametrize("breaking", list(_breakages()))
def test_a_contract_that_leaves_something_open_is_refused(tmp_path, breaking):
    data = yaml.safe_load((ROOT / "lead_card" / "1.0.0.odcs.yaml").read_bytes())
    breaking(data)
    (tmp_path / "lead_card").mkdir()
    (tmp_path / "lead_card" / "1.0.0.odcs.yaml").write_text(yaml.safe_dump(data))

    with pytest.raises(BadConfig, match="no usable contract"):
        schema.load("lead_card", root=tmp_path)


@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- ", b"? "])
def test_a_contract_that_is_nested_without_an_end_is_refused_as_any_other(opening):
    with pytest.raises(BadConfig, match="no usable contract"):
        schema.parse(opening * 100_000, "lead_card/1.0.0")


def test_a_listing_of_contracts_loads_neither_pyarrow_nor_pandas():
    import subprocess
    import sys

    code = (
        "import sys; from sxe_pipeline import schema; assert schema.load_all();"
        "print([m for m in ('pyarrow', 'pandas', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_the_page_shows_every_column():
    contract = schema.load("lead_card")
    page = docs.render(contract)

    for path, _ in contract.walk():
        assert f"`{path}`" in page
