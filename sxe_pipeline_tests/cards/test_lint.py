"""A folder that somebody edits: every fault at once, each with its line, and never a crash."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import card, files, idle, lint, taxonomy
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.sandbox import people
from sxe_pipeline.schema import documents
from sxe_pipeline_tests.cards.edits import add, put

SHIPPED = documents.read((contracts_root() / "taxonomy" / files.LABELS).read_bytes())["version"]
_LINE, _PATCH = SHIPPED.rsplit(".", 1)
PATCHED = f"{_LINE}.{int(_PATCH) + 1}"


def faults(folder: Path, shipped: Path | None = None) -> list[files.Fault]:
    found, _ = idle.checked(folder, shipped or folder)
    return found


def test_the_shipped_folder_has_no_fault(folder: Path) -> None:
    found, size = idle.checked(folder, folder)

    assert found == []
    assert size["personas"] == 82
    assert size["tribes"] == 86


def test_all_faults_are_said_at_once_each_with_its_line(folder: Path) -> None:
    lines = [
        ("phrases.csv", add(folder, "phrases.csv", "plumber", "pipes", "en", "word", "0.9")),
        ("phrases.csv", add(folder, "phrases.csv", "writer", "scribe", "en", "word", "heavy")),
        ("phrases.csv", add(folder, "phrases.csv", "writer", "quill", "english", "word", "0.9")),
        ("phrases.csv", add(folder, "phrases.csv", "writer", "my church", "en", "word", "0.9")),
        ("contexts.csv", add(folder, "contexts.csv", "whilom", "before", "persona", "far", "en")),
        ("markets.csv", add(folder, "markets.csv", "north", "", "", "", "", "astronaut", "")),
    ]

    found = faults(folder)

    assert [(each.file, each.line) for each in found] == sorted(lines)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param(
            "was: [filmmaker]", "was: [film_maker]", "names film_maker", id="an unknown parent"
        ),
        pytest.param(
            "was: [filmmaker]", "was: [video_editor]", "the label itself", id="its own parent"
        ),
        pytest.param("was: [filmmaker]", "was: filmmaker", "is a list", id="a parent alone"),
        pytest.param(
            "was: [gaming]", "was: [creative]", "none of the tribes", id="a family for a tribe"
        ),
        pytest.param(
            'family: tech, name: "Developer',
            'family: [tech], name: "Developer',
            "no family",
            id="a list for a family",
        ),
        pytest.param(
            "field: marketing, was", "fields: marketing, was", "means nothing", id="a misspelt key"
        ),
        pytest.param(
            'name: "Lawyer", field: law', 'name: "Lawyer"', "its field", id="a topic unnamed"
        ),
        pytest.param(
            "  video_editor: {", "  developer_relations: {", "stands twice", id="a label twice"
        ),
        pytest.param(f"version: {SHIPPED}", "version: two", "1.2.3", id="no version"),
        pytest.param("persona: 0.6,", "persona: .nan,", "between 0 and 1", id="no threshold"),
        pytest.param("  student: [student_life]", "  student: [x]", "no tribe x", id="an echo"),
    ],
)
def test_a_fault_of_the_labels_is_said_with_its_line(
    folder: Path, old: str, new: str, says: str
) -> None:
    put(folder, "taxonomy.yaml", old, new)
    lines = (folder / "taxonomy.yaml").read_text("utf-8").splitlines()

    found = faults(folder)

    assert any(says in each.said for each in found), found
    assert all(each.file == "taxonomy.yaml" for each in found if says in each.said)
    assert [n for n, line in enumerate(lines, 1) if new in line][-1] in {f.line for f in found}


def test_a_family_may_be_the_parent_of_a_persona_that_stood_for_nothing_specific(
    folder: Path,
) -> None:
    put(folder, "taxonomy.yaml", "was: [filmmaker]", "was: [creative]")

    assert faults(folder) == []
    assert taxonomy.load(folder).personas["video_editor"].was == ("creative",)


@pytest.mark.parametrize("name", files.FILES)
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe\x00", id="no UTF-8"),
        pytest.param(b'"open', id="broken"),
        pytest.param(b"a,b\n1,2\n", id="another table"),
        pytest.param(b"[1, 2]", id="a list"),
        pytest.param(b"a: &a\n  b: *a\n", id="a mapping in itself"),
    ],
)
def test_a_file_that_is_none_is_a_fault_and_no_crash(
    folder: Path, name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)

    found = faults(folder, folder.parent / "none")

    assert {each.file for each in found} == {name}
    with pytest.raises(BadConfig, match="sxe taxonomy check"):
        taxonomy.load(folder)


WORDS = st.sampled_from(
    [
        "",
        "x",
        "writer",
        "en",
        "word",
        "0.9",
        "-1",
        "1e400",
        "any",
        "[a]",
        "{",
        "}",
        ":",
        "*",
        "&a",
        '"',
    ]
)


@pytest.fixture
def small(folder: Path) -> Path:
    """All labels, and few lines that speak for them."""
    for name in files.COLUMNS:
        lines = (folder / name).read_text("utf-8").splitlines(keepends=True)
        (folder / name).write_text("".join([*lines[:30], lines[-1]]), "utf-8")
    return folder


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.sampled_from(files.FILES),
    at=st.integers(0, 10_000),
    put_in=st.lists(WORDS, max_size=6).map(",".join) | st.text(max_size=30),
)
def test_any_edit_is_a_taxonomy_or_a_list_of_faults(
    small: Path, name: str, at: int, put_in: str
) -> None:
    """A reader of the folder never sees another error, whatever somebody types into it."""
    file = small / name
    before = file.read_bytes()
    lines = before.decode().split("\n")
    lines[at % len(lines)] = put_in
    file.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    read = files.read(small)
    file.write_bytes(before)

    if not lint.refusals(read):
        with contextlib.suppress(BadConfig):  # a number that labeling alone needs
            assert taxonomy.compiled(read, "").version


def test_the_bands_of_a_rule_are_those_that_a_card_can_have() -> None:
    counts = (None, 0, 1_000, 10_000, 100_000, 1_000_000)

    assert tuple(map(card.follower_band, counts)) == lint.FOLLOWER_BANDS


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        pytest.param(("writer", "www.pen.example", "any", "domain", "0.9"), "never", id="www"),
        pytest.param(("writer", "pen.example/me", "any", "domain", "0.9"), "never", id="a path"),
        pytest.param(("writer", "pe\u0301dalo", "fr", "word", "0.9"), "never", id="decomposed"),
        pytest.param(
            ("writer", "author pe\u0301dalo", "fr", "word", "0.9"), "never", id="heard in part"
        ),
        pytest.param(("writer", "bad model", "en", "word", "0.9"), "never", id="covered"),
    ],
)
def test_a_phrase_that_no_text_can_hold_is_idle(
    folder: Path, cells: tuple[str, ...], says: str
) -> None:
    line = add(folder, "phrases.csv", *cells)

    [fault] = faults(folder)

    assert (fault.file, fault.line) == ("phrases.csv", line)
    assert says in fault.said


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        pytest.param(
            ("zzz qqq", "cover", "any", "0", "en"), "no phrase", id="nothing begins in it"
        ),
        pytest.param(
            ("zzz actor", "cover", "any", "1", "en"), "any and 0", id="a cover with reach"
        ),
        pytest.param(
            ("former", "before", "persona", "1", "en"), "takes away all", id="a shorter one"
        ),
    ],
)
def test_a_context_that_changes_nothing_is_idle(
    folder: Path, cells: tuple[str, ...], says: str
) -> None:
    line = add(folder, "contexts.csv", *cells)

    [fault] = faults(folder)

    assert (fault.file, fault.line) == ("contexts.csv", line)
    assert says in fault.said


@pytest.mark.parametrize(
    ("version", "is_due"),
    [(SHIPPED, True), (PATCHED, True), ("0.3.0", False), ("1.0.0", False), ("0.1.9", True)],
)
def test_a_new_label_needs_a_minor_version(
    folder: Path, tmp_path: Path, shipped_folder: Path, version: str, is_due: bool
) -> None:
    text = (
        (folder / "taxonomy.yaml")
        .read_text("utf-8")
        .replace(f"version: {SHIPPED}", f"version: {version}")
    )
    (folder / "taxonomy.yaml").write_text(text + '  ferries: {theme: transport, name: "Ferries"}\n')

    found = faults(folder, shipped_folder)

    assert [each.said for each in found if "minor" in each.said] == [each.said for each in found]
    assert bool(found) == is_due


def test_a_label_that_goes_needs_a_major_version(folder: Path, shipped_folder: Path) -> None:
    text = (folder / "taxonomy.yaml").read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in text if not line.startswith("  horses:")]
    (folder / "taxonomy.yaml").write_text("".join(kept).replace(SHIPPED, "0.3.0"))
    for name in ("phrases.csv", "routes.csv"):
        table = (folder / name).read_text("utf-8").replace("|horses", "").splitlines(keepends=True)
        (folder / name).write_text("".join(r for r in table if not r.startswith("horses,")))

    [fault] = faults(folder, shipped_folder)

    assert fault.said.startswith(f"the files differ from {SHIPPED}: a major version is due, 1.0.0")


def test_a_phrase_needs_a_patch_version(folder: Path, shipped_folder: Path) -> None:
    add(folder, "phrases.csv", "writer", "wordsmithing", "en", "word", "0.9")

    [late] = faults(folder, shipped_folder)
    put(folder, "taxonomy.yaml", f"version: {SHIPPED}", f"version: {PATCHED}")

    assert f"a patch version is due, {PATCHED} or later" in late.said
    assert faults(folder, shipped_folder) == []


def test_who_adds_the_phrase_of_another_language_is_told_how_several_have_one(
    folder: Path,
) -> None:
    line = add(folder, "phrases.csv", "writer", "schriftsteller", "en", "word", "0.9")
    again = add(folder, "phrases.csv", "writer", "novelist", "en", "word", "0.9")

    said = {each.line: each.said for each in faults(folder)}

    assert "of the language any where several have it" in said[line]
    assert "any" not in said[again]


_NONE = ("", "", "", "", "", "")


@pytest.mark.parametrize(
    ("name", "cells", "says"),
    [
        pytest.param("markets.csv", ("m", "", "twitter", *_NONE[:4]), "'twitter'", id="a platform"),
        pytest.param("markets.csv", ("m", "", "X", *_NONE[:4]), "'X'", id="a platform's name"),
        pytest.param("markets.csv", ("m", "", "x | tiktok", *_NONE[:4]), "'x '", id="blanks"),
        pytest.param("markets.csv", ("m", "a | b", *_NONE[:5]), "blank", id="a collection"),
        pytest.param("markets.csv", ("m", *_NONE[:3], "Spain", "", ""), "'Spain'", id="a country"),
        pytest.param("markets.csv", ("m", *_NONE[:3], "es", "", ""), "'es'", id="small letters"),
        pytest.param(
            "markets.csv", ("conservative_voters", *_NONE), "denied trait", id="a denied market"
        ),
        pytest.param(
            "markets.csv", ("more_x", "", "x", *_NONE[:4]), "never match", id="a rule in the shade"
        ),
        pytest.param(
            "markets.csv",
            ("it", *_NONE[:4], "it_security|data_ai", ""),
            "never match",
            id="a rule in the shade of a longer one",
        ),
        pytest.param("phrases.csv", ("software_dev", "c++", "en", "word", "0.9"), "'c'", id="c++"),
        pytest.param("phrases.csv", ("software_dev", "c#", "en", "word", "0.9"), "'c'", id="c#"),
    ],
)
def test_an_entry_that_does_not_do_what_it_says_is_a_fault(
    folder: Path, name: str, cells: tuple[str, ...], says: str
) -> None:
    line = add(folder, name, *cells)

    found = [each.said for each in faults(folder) if (each.file, each.line) == (name, line)]

    assert any(says in said for said in found), found


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        pytest.param(
            "founders,business,,,,,nosuchmarket", "'nosuchmarket'", id="an unknown market"
        ),
        pytest.param("conservative_voters,business,,,,,x_general", "denied", id="a denied pool"),
        pytest.param("coders,professional,person,software_engineer,,,", "never", id="a persona"),
        pytest.param("doctors,professional,person,doctor,,,x_general", "never", id="of a family"),
    ],
)
def test_a_route_that_no_card_takes_is_a_fault(folder: Path, cells: str, says: str) -> None:
    last = "unrouted,hold,,,,,"
    put(folder, "routes.csv", last, f"{cells}\n{last}")
    line = (folder / "routes.csv").read_text("utf-8").splitlines().index(cells) + 1

    found = [each.said for each in faults(folder) if (each.file, each.line) == ("routes.csv", line)]

    assert any(says in said for said in found), found


def test_a_rule_that_asks_more_than_an_earlier_one_behind_it_is_none(folder: Path) -> None:
    head, *rest = (folder / "markets.csv").read_text("utf-8").splitlines()
    lines = [head, "spain,,x,,ES,,", "known,,,,*,,", *rest]
    (folder / "markets.csv").write_text("\n".join(lines) + "\n", "utf-8")

    assert faults(folder) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param(
            "is_organisation: false", 'is_organisation: "false"', "true or false", id="flag"
        ),
        pytest.param(
            'name: "Doctor or dentist"', "name: 1984", "is a text", id="a number for a name"
        ),
        pytest.param("creator_confidence: 0.7\n", "", "creator_confidence", id="a share lacks"),
        pytest.param("creator_confidence: 0.7", "creator_confidence: 7", "between", id="a share"),
    ],
)
def test_a_value_of_another_type_is_a_fault(folder: Path, old: str, new: str, says: str) -> None:
    text = (folder / "taxonomy.yaml").read_text("utf-8")
    assert old in text
    (folder / "taxonomy.yaml").write_text(text.replace(old, new, 1), "utf-8")

    assert any(says in each.said for each in faults(folder)), faults(folder)


@pytest.mark.parametrize("name", files.FILES)
def test_a_file_as_a_spreadsheet_saves_it_is_read(folder: Path, name: str) -> None:
    whole = files.read(folder)
    data = (folder / name).read_bytes().replace(b"\n", b"\r\n")
    (folder / name).write_bytes(b"\xef\xbb\xbf" + data)

    again = files.read(folder)

    assert (again.tables, again.content, again.faults) == (whole.tables, whole.content, [])


def test_the_platforms_that_a_rule_may_name_are_those_that_are_taken_in() -> None:
    assert set(lint.PLATFORMS) == set(people.PLATFORMS)
