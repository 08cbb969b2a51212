"""What a change of a contract breaks: one mutation a line, and whom each of them breaks."""

import copy
import json
import re
import shutil
import sys

import pytest
import yaml
from click.testing import CliRunner

from sxe_pipeline.cli import handoff, main
from sxe_pipeline.errors import BadConfig, BadInput, ContractBroken, Refused
from sxe_pipeline.schema import generate, load, releases
from sxe_pipeline.schema.compat import Level, compare

PATCH, MINOR, MAJOR, NEVER = Level
TEXT = {
    "name": "note",
    "logicalType": "string",
    "physicalType": "string",
    "required": False,
    "classification": "public",
    "description": "A note.",
    "customProperties": [{"property": "fieldId", "value": 90}],
}


def columns(data):
    return data["schema"][0]["properties"]


def column(data, name):
    """A column by its path, such as `parts[].weight`."""
    found, parts = None, name.split(".")
    level = columns(data)
    for part in parts:
        found = next(c for c in level if c["name"] == part.removesuffix("[]"))
        if part.endswith("[]"):
            found = found["items"]
        level = found.get("properties", [])
    return found


def custom(given, name, value):
    rest = [entry for entry in given["customProperties"] if entry["property"] != name]
    given["customProperties"] = [*rest, {"property": name, "value": value}]


def of(name, **said):
    """A mutation of one column: keys it says otherwise; None takes a key away."""

    def change(data):
        given = column(data, name)
        for key, value in said.items():
            if value is None:
                given.pop(key, None)
            else:
                given[key] = value

    return change


def bounds(name, **said):
    def change(data):
        options = column(data, name).setdefault("logicalTypeOptions", {})
        options |= said
        for key in [key for key, value in options.items() if value is None]:
            del options[key]

    return change


def fields(name, **said):
    def change(data):
        for key, value in said.items():
            custom(column(data, name), key, value)

    return change


def values(name, *allowed):
    def change(data):
        given = column(data, name)
        given.pop("quality", None)
        if allowed:
            given["quality"] = [
                {
                    "type": "library",
                    "metric": "invalidValues",
                    "mustBe": 0,
                    "arguments": {"validValues": list(allowed)},
                }
            ]

    return change


def add(where=None, above=None, **said):
    def change(data):
        level = columns(data) if above is None else column(data, above)["properties"]
        level.insert(len(level) if where is None else where, copy.deepcopy(TEXT) | said)

    return change


def drop(name):
    def change(data):
        columns(data).remove(column(data, name))

    return change


def renamed(name, new, field_id=None):
    def change(data):
        given = column(data, name)
        given["name"] = new
        if field_id:
            custom(given, "fieldId", field_id)

    return change


def rule(number, **said):
    def change(data):
        rules = data["schema"][0]["quality"]
        if said:
            rules[number] |= said
        else:
            del rules[number]

    return change


def new_rule(data):
    rules = data["schema"][0]["quality"]
    rules.append(rules[0] | {"name": "another", "query": "SELECT 0 FROM {object}"})


def swap_ids(data):
    first, second = column(data, "display_name"), column(data, "bio")
    first["customProperties"], second["customProperties"] = (
        second["customProperties"],
        first["customProperties"],
    )


def swap_order(data):
    level = columns(data)
    level[5], level[6] = level[6], level[5]


def second_key(data):
    column(data, "card_id").pop("unique")
    column(data, "market").update(primaryKey=True, primaryKeyPosition=2)


def tier(data):
    data["customProperties"] = [{"property": "tier", "value": "tier2"}]


def prose(data):
    data["description"]["purpose"] += " And so on."


GROWS = of("persona", examples=["software_engineer", "designer", "pilot"])
BANDS = ("unknown", "under_1k", "1k_10k", "10k_100k", "100k_1m", "over_1m")
MUTATIONS = [
    # the whole
    (prose, PATCH, ""),
    (tier, NEVER, ""),
    (second_key, MAJOR, "neither"),
    (swap_order, NEVER, ""),
    # columns come and go
    (add(), MINOR, ""),
    (add(required=True), MAJOR, "old batches"),
    (add(where=3), MAJOR, "neither"),
    (add(above="accounts[]"), MINOR, ""),
    (add(above="accounts[]", required=True), MAJOR, "old batches"),
    (add(above="accounts[]", where=0), MAJOR, "neither"),
    (drop("country"), MAJOR, "new batches"),
    (drop("market"), MAJOR, "new batches"),
    (renamed("country", "area", 91), MAJOR, ""),
    (renamed("country", "area"), NEVER, ""),
    (renamed("accounts[].basis", "why", 91), MAJOR, ""),
    # ids
    (fields("country", fieldId=92), NEVER, ""),
    (swap_ids, NEVER, ""),
    (fields("tribes[]", fieldId=93), NEVER, ""),
    # types
    (of("country", physicalType="int64", logicalType="integer", examples=None), MAJOR, "neither"),
    (of("follower_count", physicalType="int32"), MAJOR, "old batches"),
    (of("is_verified", physicalType="string", logicalType="string"), MAJOR, "neither"),
    (of("observed_at", physicalType="date32", logicalType="date"), MAJOR, "neither"),
    (of("tribes[]", physicalType="int64", logicalType="integer"), MAJOR, "neither"),
    (of("accounts[].basis", physicalType="boolean", logicalType="boolean"), MAJOR, "neither"),
    # null
    (of("country", required=True), MAJOR, "old batches"),
    (of("market", required=False), MAJOR, "new batches"),
    (of("accounts[].handle", required=True), MAJOR, "old batches"),
    (of("evidence[].source", required=False), MAJOR, "new batches"),
    # bounds
    (bounds("language_score", minimum=0.5), MAJOR, "old batches"),
    (bounds("language_score", minimum=-1), MAJOR, "new batches"),
    (bounds("language_score", maximum=0.5), MAJOR, "old batches"),
    (bounds("language_score", maximum=100), MAJOR, "new batches"),
    (bounds("bio", maxLength=10), MAJOR, "old batches"),
    (bounds("bio", maxLength=90_000), MAJOR, "new batches"),
    (bounds("bio", maxLength=None), MAJOR, "new batches"),
    (bounds("bio", pattern=".*"), MAJOR, "old batches"),
    (bounds("country", pattern="^[A-Z]{3}$"), MAJOR, "neither"),
    (bounds("country", pattern=None), MAJOR, "new batches"),
    (bounds("tribes[]", pattern="^x$"), MAJOR, "neither"),
    # closed lists
    (values("follower_band", *BANDS, "over_9m"), MAJOR, "new batches"),
    (values("follower_band", *BANDS[1:]), MAJOR, "old batches"),
    (values("follower_band", *BANDS[1:], "over_9m"), MAJOR, "neither"),
    (values("follower_band"), MAJOR, "new batches"),
    (values("persona", "designer"), MAJOR, "old batches"),
    # open ones
    (GROWS, MINOR, ""),
    (of("persona", examples=["designer"]), PATCH, ""),
    # how far the data may go
    (of("bio", classification="contact"), NEVER, ""),
    (fields("bio", **{"class": "label"}), NEVER, ""),
    # rules
    (rule(0), MAJOR, "new batches"),
    (rule(0, query="SELECT count(*) FROM {object} WHERE bio IS NULL"), MAJOR, "neither"),
    (rule(0, description="Said otherwise."), PATCH, ""),
    (new_rule, MAJOR, "old batches"),
    # prose
    (of("bio", description="Said otherwise."), PATCH, ""),
]
IDS = [str(number) for number, _ in enumerate(MUTATIONS)]


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A contracts folder in which lead_card 1.0.0 is released: what each test copies."""
    root = tmp_path_factory.mktemp("released") / "contracts"
    shipped = load("lead_card").file
    (root / "lead_card").mkdir(parents=True)
    shutil.copytree(shipped.parents[1] / "taxonomy", root / "taxonomy")
    said = r"\nversion: .*\nstatus: .*\n"
    text = re.sub(said, "\nversion: 1.0.0\nstatus: draft\n", shipped.read_text(), count=1)
    (root / "lead_card" / "1.0.0.odcs.yaml").write_text(text)
    releases.release("lead_card", "1.0.0", root)
    return root


@pytest.fixture
def tree(released, tmp_path):
    """A copy of `released` that may be changed."""
    return shutil.copytree(released, tmp_path / "contracts")


def write(root, version, change, status="draft"):
    data = yaml.load((root / "lead_card" / "1.0.0.odcs.yaml").read_text(), Loader=yaml.CSafeLoader)
    data |= {"version": version, "status": status}
    change(data)
    (root / "lead_card" / f"{version}.odcs.yaml").write_text(
        yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False)
    )


@pytest.mark.parametrize(("change", "level", "breaks"), MUTATIONS, ids=IDS)
def test_each_change_is_judged_and_takes_its_step(tree, change, level, breaks):
    write(tree, "2.0.0", change)
    gravest = compare(load("lead_card", "1.0.0", tree), load("lead_card", "2.0.0", tree))[0]

    assert gravest.level == level, gravest
    assert breaks in gravest.breaks
    assert bool(gravest.breaks) == (level == MAJOR), "who breaks is said of what breaks"
    refused = list(releases.broken(tree))
    assert bool(refused) == (level == NEVER), refused


@pytest.mark.parametrize(("change", "level", "breaks"), MUTATIONS, ids=IDS)
def test_no_breaking_change_passes_as_a_minor_version_nor_in_place(tree, change, level, breaks):
    write(tree, "1.1.0", change)
    assert bool(list(releases.broken(tree))) == (level > MINOR)
    (tree / "lead_card" / "1.1.0.odcs.yaml").unlink()

    before = load("lead_card", "1.0.0", tree).contract_sha256()
    write(tree, "1.0.0", change, status="active")

    (told,) = releases.broken(tree)
    assert "lead_card/1.0.0.odcs.yaml was released and has changed" in told
    after = load("lead_card", "1.0.0", tree).contract_sha256()
    assert (before == after) == (level == PATCH or change is GROWS), "prose is no promise"


def test_c3_a_minor_version_must_suit_every_earlier_one_of_its_major(tree):
    write(tree, "1.1.0", add())
    releases.release("lead_card", "1.1.0", tree)
    write(tree, "1.2.0", lambda data: None)

    assert [told for told in releases.broken(tree) if "1.0.0 -> 1.2.0" in told] == []
    (gone,) = [told for told in releases.broken(tree) if "1.1.0 -> 1.2.0" in told]
    assert "note is gone: major" in gone
    with pytest.raises(Refused, match=r"against 1\.1\.0: note is gone"):
        releases.release("lead_card", "1.2.0", tree)


def test_a_field_id_that_a_major_version_dropped_is_never_given_again(tree):
    write(tree, "2.0.0", drop("country"))
    releases.release("lead_card", "2.0.0", tree)
    country = load("lead_card", "1.0.0", tree).columns[9]
    assert country.name == "country"

    def reuse(data):
        drop("country")(data)
        add(customProperties=[{"property": "fieldId", "value": country.field_id}])(data)

    write(tree, "3.0.0", reuse)

    assert any(
        "1.0.0 -> 3.0.0: note has the field id of country" in t for t in releases.broken(tree)
    )


def test_a_release_is_once_and_in_order_and_locks_what_consumers_get(tree):
    lock = releases.locked(tree)
    assert sorted(lock) == [
        "lead_card/1.0.0.odcs.yaml",
        "lead_card/generated/1.0.0/README.md",
        "lead_card/generated/1.0.0/schema.json",
    ]
    assert load("lead_card", "1.0.0", tree).status == "active"
    assert list(releases.broken(tree)) == []
    with pytest.raises(BadInput, match="released already"):
        releases.release("lead_card", "1.0.0", tree)

    write(tree, "0.9.0", lambda data: None)
    with pytest.raises(Refused, match="a later version"):
        releases.release("lead_card", "0.9.0", tree)


def test_c2_a_locked_file_that_is_edited_or_gone_and_a_lock_that_is_cut_are_told(tree):
    page = tree / "lead_card" / "generated" / "1.0.0" / "README.md"
    page.write_text("another page")
    assert [t.split(" and ")[1][:11] for t in releases.broken(tree)] == ["has changed"]
    page.unlink()
    assert [t.split(" and ")[1] for t in releases.broken(tree)] == ["is gone"]
    generate(tree)

    (tree / "CONTRACTS.lock").unlink()
    (told,) = releases.broken(tree)
    assert "is active and not locked" in told
    (tree / "CONTRACTS.lock").write_text("nonsense\n")
    with pytest.raises(ContractBroken, match="line 1"):
        releases.locked(tree)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(of("card_id", unique=None), id="unique is gone"),
        pytest.param(of("bio", deprecated=True), id="a key that nothing reads"),
        pytest.param(fields("bio", unit="percent"), id="a property that nothing reads"),
        pytest.param(bounds("bio", minLength=3), id="a bound that nothing checks"),
    ],
)
def test_what_nothing_would_check_is_no_contract(tree, change):
    write(tree, "1.1.0", change)

    with pytest.raises(BadConfig, match="no usable contract"):
        load("lead_card", "1.1.0", tree)


def test_a_rule_that_is_no_sql_is_told_before_anything_is_written(tree):
    write(tree, "1.1.0", rule(0, query="SELEC nothing"))

    assert any("the rules do not run" in told for told in releases.broken(tree))


def test_the_verbs_say_what_changes_and_refuse_what_breaks(tree, monkeypatch):
    write(tree, "1.1.0", drop("country"))
    generate(tree)
    monkeypatch.setattr(handoff, "contracts_root", lambda: tree)
    monkeypatch.setattr(sys.modules[load.__module__], "contracts_root", lambda: tree)

    told = CliRunner().invoke(main, ["contracts", "diff", "lead_card", "1.0.0", "--json"])
    checked = CliRunner().invoke(main, ["contracts", "check"])
    released = CliRunner().invoke(main, ["contracts", "release", "lead_card", "1.1.0"])

    assert (told.exit_code, checked.exit_code, released.exit_code) == (6, 6, 5)
    assert json.loads(told.stdout)["rows"][0] == {
        "path": "country",
        "change": "is gone",
        "level": "major",
        "breaks": "who reads by the old version cannot read new batches",
    }
    assert "country is gone: major" in checked.stderr
    assert "country is gone: major" in released.stderr
    assert load("lead_card", "1.1.0", tree).status == "draft", "a refusal writes nothing"
