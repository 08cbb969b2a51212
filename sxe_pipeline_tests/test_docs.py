"""The pages say what is there: rooms, imports, files, tests, verbs, settings."""

import ast
import itertools
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

import sxe_pipeline
from sxe_pipeline import cli, errors, settings
from sxe_pipeline.cli import audit, main
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import LANDED_ROW, TABLES
from sxe_pipeline.settings import variables
from sxe_pipeline.store import roles
from sxe_pipeline_tests.cli.terminal import all_verbs

PACKAGE = Path(sxe_pipeline.__file__).parent
ROOT = PACKAGE.parent
TESTS = ROOT / "sxe_pipeline_tests"
MAP = ROOT / "docs" / "architecture.md"
DECISIONS = ROOT / "docs" / "decisions.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
GLOSSARY = ROOT / "docs" / "glossary.md"
DENIED = {"lane", "stranger", "duty", "desk", "slot", "cover", "fingerprint", "road"}
GEOGRAPHY = {
    "cards/build.py",
    "cards/places.py",
    "redact/array.py",
    "redact/exact.py",
    "redact/places.py",
    "social/redaction.py",
    "cards/taxonomy.py",
    "contacts/providers/enformion.py",
    "sandbox/provider_calls.py",
}
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
# These tell how things were, not how they are.
HISTORY = {"CHANGELOG.md", "decisions.md"}
PRESENT = [page for page in PAGES if page.name not in HISTORY]
ACTIVATE = ". .venv/bin/activate"


def name(page):
    return page.relative_to(ROOT).as_posix()


def section(page, title):
    return page.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]


def cells(text):
    """The cells of each row of a table, without its head."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[1:]]


def code_lines(page):
    """Every line of a page that a reader would copy, in order: fenced or indented."""
    is_fenced = False
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            is_fenced = not is_fenced
        elif is_fenced or line.startswith("    "):
            yield line.strip()


def verbs_typed(page):
    """The words behind each `sxe` that a reader would type, up to a remark, a pipe or a choice."""
    text = "\n".join(code_lines(page)).replace("\\\n", " ")
    for line in re.findall(r"^(?:\$ )?(?:sxe|as \w+) (.+)", text, re.MULTILINE):
        words = shlex.shlex(
            re.sub(r"\[\w+\]|\(each\)", "", line), posix=True, punctuation_chars=";|&>"
        )
        words.whitespace_split = True
        yield list(itertools.takewhile(lambda word: word[0] not in ";|&>", words))


def top_level():
    modules = {file.stem for file in PACKAGE.glob("*.py") if not file.stem.startswith("_")}
    return modules | {f.name for f in PACKAGE.iterdir() if f.is_dir() and f.name != "__pycache__"}


def test_the_map_names_every_room_and_no_other():
    named = [row[0].strip("`") for row in cells(section(MAP, "Rooms"))]

    assert sorted(named) == sorted(top_level())


def test_the_map_shows_the_import_order_that_is_enforced():
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = configuration["tool"]["importlinter"]["contracts"]
    [layers] = [c["layers"] for c in contracts if c["type"] == "layers"]
    rooms = [[r for r in re.findall(r"\w+", layer) if r in top_level()] for layer in layers]

    drawn = section(MAP, "Who imports whom").split("```")[1].split("\n")

    assert [re.findall(r"\w+", line) for line in drawn if line] == [r for r in rooms if r]


def test_the_map_says_of_each_wall_who_may_pass():
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    walls = [c for c in configuration["tool"]["importlinter"]["contracts"] if "layers" not in c]
    bullets = section(MAP, "Who imports whom").split("\n* ")[1:]
    said = [set(re.findall(r"`([\w/]+?)(?:\.py)?`", bullet)) for bullet in bullets]

    def named(modules):
        return {re.sub(r"^sxe_pipeline\.(\*\*\.)?", "", m).replace(".", "/") for m in modules}

    unsaid = [
        wall["name"]
        for wall in walls
        if wall["type"] == "protected"
        and not any(named(wall["allowed_importers"]) <= names for names in said)
    ]

    assert unsaid == []


def test_the_map_names_every_login_and_its_setting():
    rows = cells(section(MAP, "Seven logins"))

    assert {row[0].strip("`") for row in rows} == {*roles.TIERS, "sxe_admin"}
    assert {row[1].strip("`") for row in rows} == set(settings.DATABASES.values())


def test_the_page_of_configuration_names_every_variable_and_who_needs_it():
    page = CONFIGURATION.read_text()
    listed = set(re.findall(r"`((?:SXE|DAGSTER|APOLLO|ENFORMION)_[A-Z0-9_]+)`", page))
    ours = variables.KNOWN | {*variables.CREDENTIALS, settings.DATABASES["dagster_dsn"]}
    needs = {
        row[0].split("`")[1]: set(re.findall(r"`(\w+)`", row[1]))
        for row in cells(section(CONFIGURATION, "Who needs what"))
    }

    assert listed - {"DAGSTER_HOME", "DAGSTER_STORAGE_URL"} == ours
    assert needs == {name: {*process.needs} for name, process in variables.PROCESSES.items()}


@pytest.mark.parametrize("page", PRESENT, ids=name)
def test_every_file_that_a_page_names_is_there(page):
    path = r"`((?!landing/)[\w./]+/[\w./]*\w\.(?:py|sql|txt|yaml|csv|md|jsonl))`"
    named = set(re.findall(path, page.read_text()))
    bases = (ROOT, PACKAGE, TESTS)

    assert [f for f in sorted(named) if not any((base / f).exists() for base in bases)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def definitions_of(file):
    """Names of the tests that a file defines, a state machine's included."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (t.id for t in node.targets if isinstance(t, ast.Name))


def test_every_promise_is_guarded_by_tests_that_are_there():
    rows = cells(section(MAP, "What is promised"))
    guards = {row[0]: re.findall(r"`([\w/]+\.py)::(\w+)`", row[2]) for row in rows}

    missing = [
        f"{file}::{test}"
        for tests in guards.values()
        for file, test in tests
        if not (TESTS / file).exists() or test not in definitions_of(TESTS / file)
    ]

    assert list(guards) == [f"P{n}" for n in range(1, 17)]
    assert [promise for promise, tests in guards.items() if not tests] == []
    assert missing == []


def test_nothing_refers_to_a_paper_that_is_not_here():
    """A number of a promise is explained on the map, and used there only."""
    foreign = re.compile(r"DESIGN|STYLE\.md|house\.md|\bWalks? \d|\b[Ii]ssue #?\d|\bP\d\d?\b(?!\d)")
    folders = [PACKAGE, TESTS, *(ROOT / f for f in ("docs", "examples", "bench", "deploy"))]
    files = [f for folder in folders for f in folder.rglob("*")] + list(ROOT.glob("*.*"))
    kinds = {".py", ".md", ".sql", ".yaml", ".toml"}

    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in files
        if file.suffix in kinds and file not in (MAP, Path(__file__))
        for line in file.read_text().splitlines()
        if foreign.search(line)
    ]

    assert found == []


@pytest.mark.parametrize("page", PRESENT, ids=name)
def test_a_page_on_which_a_verb_is_typed_begins_with_the_activation(page):
    lines = list(code_lines(page))
    typed = [n for n, line in enumerate(lines) if re.match(r"(\$ )?(as \w+|sxe) ", line)]

    assert "bin/sxe" not in page.read_text()
    assert not typed or any(line.startswith(ACTIVATE) for line in lines[: typed[0]])


@pytest.mark.parametrize("page", PRESENT, ids=name)
def test_every_verb_that_a_page_types_is_one_with_its_options(page, monkeypatch):
    # A file of an example need not be there.
    for kind in (click.Path, click.File):
        monkeypatch.setattr(kind, "convert", lambda _, value, *__: value)
    for line in verbs_typed(page):
        words, command = [*line], main
        while isinstance(command, click.Group):
            found = command.get_command(click.Context(command), words.pop(0)) if words else None
            assert found is not None, line
            command = found
        assert command.make_context(command.name, words).args == [], line


def test_a_room_says_that_it_leaves_each_of_its_tables():
    tables = {table.name for table in (*TABLES, LEAD_CARD) if table is not LANDED_ROW}
    said = {room: (PACKAGE / room / "__init__.py").read_text() for room in ("social", "cards")}

    assert {name for name in tables if name not in said[name.partition("/")[0]]} == set()


def test_decisions_stand_newest_first_before_the_list_of_dependencies():
    decisions, _, dependencies = DECISIONS.read_text().partition("\n## Dependencies\n")
    dated = re.compile(r"^\*\*(\d{4}-\d\d-\d\d)[,.] ", re.MULTILINE)
    dates = dated.findall(decisions)

    assert len(dates) == len(re.findall(r"^\*\*", decisions, re.MULTILINE)), "each has its date"
    assert dates == sorted(dates, reverse=True)
    assert dated.findall(dependencies) == []


def test_decisions_say_of_each_dependency_what_it_is_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    ours, all_of_them = (
        {re.split(r"[\[<>=]", line)[0] for line in itertools.chain(*lists)}
        for lists in (
            [project["dependencies"], extras["embedded"]],
            [project["dependencies"], *extras.values()],
        )
    )
    heads = re.findall(r"^- ([\w, -]+?)(?: \(\w+\))?: ", section(DECISIONS, "Dependencies"), re.M)
    listed = {name for head in heads for name in head.split(", ")}

    assert ours <= listed <= all_of_them


def docstrings(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def is_there(dotted):
    """Whether there is such a module, or a module before its last word that has this word."""
    folder, _, last = dotted.replace(".", "/").rpartition("/")
    if (PACKAGE / folder / last).is_dir() or (PACKAGE / folder / f"{last}.py").exists():
        return True
    files = (PACKAGE / f"{folder}.py", PACKAGE / folder / "__init__.py")
    return any(f.exists() and re.search(rf"\b{last}\b", f.read_text()) for f in files)


def test_every_module_table_and_function_that_a_docstring_names_by_its_room_is_there():
    rooms = "|".join(sorted(top_level()))
    dotted = re.compile(rf"`((?:{rooms})(?:\.\w+)+)(?<!\.py)(?<!\.json)(?<!\.pub)`")
    stored = (PACKAGE / "store" / "catalogue.txt").read_text()
    named = {
        (file.relative_to(PACKAGE).as_posix(), name)
        for file in PACKAGE.rglob("*.py")
        for text in docstrings(file)
        for name in dotted.findall(text)
    }

    assert len(named) > 50
    assert {
        n for n in named if not is_there(n[1]) and not re.search(rf"\b{n[1]}\b", stored)
    } == set()


def identifiers(file):
    """Every name that a module defines or binds, word by word."""
    for node in ast.walk(ast.parse(file.read_text())):
        for key in () if isinstance(node, ast.keyword) else ("name", "arg", "id", "attr"):
            found = getattr(node, key, None)
            if isinstance(found, str) and not found.startswith("__"):
                yield from (
                    w.lower() for w in re.findall(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+", found)
                )


def test_a_word_that_meant_several_things_does_not_come_back():
    """As an identifier, singular or plural; `place` is geography, where geography is at hand."""
    banned = {word + ending for word in DENIED for ending in ("", "s")}
    found = {
        f"{name}: {word}"
        for file in PACKAGE.rglob("*.py")
        for name in [file.relative_to(PACKAGE).as_posix()]
        for word in identifiers(file)
        if word in banned or (word in ("place", "places") and name not in GEOGRAPHY)
    }

    assert found == set()


def test_the_glossary_gives_each_word_one_meaning():
    text = GLOSSARY.read_text().split("\n## Words that are not used")[0]
    rows = re.findall(r"^\| (?!word \|)([^|]+) \|", text, re.MULTILINE)
    terms = [term.strip() for row in rows for term in row.split(",")]

    assert len(terms) > 50
    assert sorted(terms) == sorted(set(terms))


def exit_codes(kind):
    """What an error and all its kinds end with."""
    return {kind.exit_code, *itertools.chain(*map(exit_codes, kind.__subclasses__()))}


@pytest.mark.parametrize(
    "text", [(ROOT / "README.md").read_text(), cli.__doc__], ids=["page", "code"]
)
def test_every_exit_code_is_listed(text):
    listed = re.search(r"Exit codes: (.+?)\.(?:\s|$)", text, re.DOTALL)[1]

    said = {int(code) for code in re.findall(r"(?:^|,\s+)(\d+)\s", listed)}

    assert said == exit_codes(errors.SxeError) | {0, audit.CANNOT_TELL, 130}


def test_no_page_says_more_of_a_dry_run_than_the_verbs_do():
    """Not each verb that writes has one: those that hand out a secret could not show it."""
    without = [
        words
        for words, command in all_verbs(main)
        if not any("--dry-run" in option.opts for option in command.params)
    ]

    assert ("people", "bootstrap") in without
    for page in PRESENT:
        for sentence in re.split(r"[.;:]\s", " ".join(page.read_text().split())):
            is_general = "`--dry-run`" in sentence and "sxe " not in sentence
            assert not is_general or "have it" in sentence, (name(page), sentence)


def doctors(page):
    """The processes whose doctor a reader of the page types, in order."""
    lines = (re.match(r"sxe doctor --as (\w+)", line) for line in code_lines(page))
    return [line[1] for line in lines if line]


def test_every_process_of_a_deployment_is_looked_at_once():
    deploy = ROOT / "docs" / "deploy.md"
    rows = cells(section(deploy, "What runs"))
    workers = re.findall(r"`sxe worker (\w+)", section(deploy, "What runs"))

    assert len(rows) == len({tuple(row) for row in rows}), "each component stands there once"
    assert sorted(doctors(deploy)) == sorted([*workers, "api"])
    assert sorted(doctors(CONFIGURATION)) == sorted(variables.PROCESSES)
