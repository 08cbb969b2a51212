"""Living SQL: an edit in the tree is in the database after the next migration, and no other is."""

import re
import shutil

import psycopg
import pytest

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.store import catalogue, migrate, routines
from sxe_pipeline_tests.store.test_migrate import as_owner

FILE = "gate/sql/refusals.sql"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The SQL of the package in a folder of this test, to be edited."""
    package = tmp_path / "package"
    for file in [*catalogue.living_files(), *(f for r in catalogue.revisions() for f in r.files)]:
        target = package / file.relative_to(catalogue.PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    monkeypatch.setattr(catalogue, "PACKAGE", package)
    monkeypatch.setattr(catalogue, "VERSIONS", package / "store" / "versions")
    catalogue.files_sha256.cache_clear()
    yield Tree(package)
    catalogue.files_sha256.cache_clear()


class Tree:
    def __init__(self, package):
        self.package = package

    def edit(self, path, old, new):
        file = self.package / path
        text = file.read_text()
        assert old in text, f"{path} does not hold what this test edits"
        file.write_text(text.replace(old, new))
        catalogue.files_sha256.cache_clear()

    def write(self, path, text):
        (self.package / path).parent.mkdir(exist_ok=True)
        (self.package / path).write_text(text)
        catalogue.files_sha256.cache_clear()


def upgrade(database, **how):
    return migrate.upgrade(database.dsn("sxe_admin"), **how)


def ask(database, query):
    with psycopg.connect(database.dsn("postgres")) as conn:
        return conn.execute(query).fetchall()


def dump(database):
    with psycopg.connect(database.dsn("sxe_api")) as conn:
        return catalogue.dump(conn)


def test_nothing_edited_replays_nothing(database, tree):
    before = dump(database)

    done = upgrade(database)

    assert not done.is_change
    assert dump(database) == before


def test_an_edited_function_is_live_after_the_next_migration(database, tree):
    before = dump(database)
    tree.edit(FILE, "'unnamed'", "'nameless'")

    done = upgrade(database)

    assert done.files == (FILE,), "only the file whose digest changed"
    assert ask(database, "select gate.reason_code('Not A Word')") == [("nameless",)]
    changed = set(dump(database)) ^ set(before)
    assert {line.split("(")[0] for line in changed} == {"function gate.reason_code"}


def test_a_function_that_leaves_its_file_is_dropped(database, tree):
    tree.edit("gate/sql/delivery.sql", "gate.deliverable(", "gate.may_leave(")
    tree.edit("gate/sql/grants.sql", "gate.deliverable(uuid)", "gate.may_leave(uuid)")

    done = upgrade(database)

    assert done.dropped == ("function gate.deliverable(_request uuid)",)
    assert ask(database, "select to_regproc('gate.deliverable')") == [(None,)]


def test_another_return_type_and_other_arguments_replace_the_function(database, tree):
    text = (tree.package / FILE).read_text()
    head, _, rest = text.partition("create or replace function gate.reason_code")
    body = re.sub(r"^\(_reason text\) returns text", "(_reason text, _n int) returns varchar", rest)
    tree.write(FILE, f"{head}create or replace function gate.reason_code{body}")
    first = upgrade(database)
    tree.write(
        FILE, f"{head}create or replace function gate.reason_code{body}".replace("varchar", "name")
    )
    second = upgrade(database)

    assert first.files == second.files == (FILE,)
    assert ask(database, "select pg_get_function_result('gate.reason_code'::regproc)") == [
        ("name",)
    ]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("gate/sql/append_only.sql", id="to an earlier file"),
        pytest.param("gate/sql/terms.sql", id="to a later file"),
        pytest.param("gate/sql/a_new_one.sql", id="to a new file"),
    ],
)
@pytest.mark.parametrize("returns", ["text", "varchar"], ids=["as it is", "with another type"])
def test_a_function_moves_to_another_file_in_one_migration(database, tree, target, returns):
    text = (tree.package / FILE).read_text()
    head, name, body = text.partition("create or replace function gate.reason_code")
    tree.write(FILE, head)
    there = tree.package / target
    before = there.read_text() if there.exists() else "-- A new one.\n"
    tree.write(target, before + "\n" + name + body.replace("returns text", f"returns {returns}"))

    done = upgrade(database)

    assert set(done.files) == {FILE, target}
    assert done.dropped == ()
    assert ask(database, "select gate.reason_code('a_word')") == [("a_word",)]
    assert not upgrade(database).is_change


def test_a_right_that_a_file_no_longer_names_is_gone(database, tree):
    tree.edit("gate/sql/grants.sql", "gate.renew(text, text, timestamptz), ", "")

    upgrade(database)

    with (
        psycopg.connect(database.dsn("sxe_api")) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute("select gate.renew('x', 'x', now())")


def test_a_right_that_somebody_granted_by_hand_is_gone_after_the_next_edit(database, tree):
    as_owner(database, "grant select on gate.budget to sxe_contacts")
    tree.edit(FILE, "'unnamed'", "'nameless'")

    upgrade(database)

    with (
        psycopg.connect(database.dsn("sxe_contacts")) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute("select * from gate.budget")


def test_a_trigger_view_and_policy_of_no_file_are_dropped(database, tree):
    as_owner(
        database,
        "create view gate.spy as select * from gate.budget; "
        "create policy spy on handoff.batch to sxe_api using (true); "
        "create trigger spy before insert on gate.budget for each row "
        "execute function gate.refuse_change()",
    )

    done = upgrade(database)

    assert set(done.dropped) == {
        "policy spy on handoff.batch",
        "trigger spy on gate.budget",
        "view gate.spy",
    }


def test_a_file_that_does_not_compile_changes_nothing(database, tree):
    before = dump(database)
    tree.edit(FILE, "raise exception using", "raise exceptoin using")

    with pytest.raises(BadConfig, match=r'does not compile.*"refuse"'):
        upgrade(database)

    assert dump(database) == before


def test_a_local_name_that_shadows_another_does_not_compile(database, tree):
    tree.edit(
        FILE,
        "begin\n    raise exception using",
        "begin\n    declare _why text; begin null; end;\n    raise exception using",
    )

    with pytest.raises(BadConfig, match="shadows"):
        upgrade(database)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(database, tree):
    before = dump(database)
    tree.edit(FILE, "'unnamed'", "'nameless'")

    planned = upgrade(database, is_dry_run=True)

    assert planned.files == (FILE,)
    assert dump(database) == before


def test_every_file_of_living_sql_is_one_idea_and_names_its_objects_once(tree):
    names = {}
    for file in catalogue.living_files():
        text = file.read_text()
        assert text.startswith("-- "), f"{file.name} does not say what belongs in it"
        assert text.count("\n") <= 300, file.name
        made = re.findall(r"create (?:or replace )?(?:function|view) ([\w.]+)", text)
        for name in made:
            assert name not in names, f"{name} stands in {file.name} and {names[name]}"
            names[name] = file.name
            assert name.split(".")[0] == file.parent.parent.name, f"{name} is of another room"
    assert len(names) > 80


def test_the_living_objects_are_found_by_room_and_kind(database):
    with psycopg.connect(database.dsn("sxe_admin")) as conn:
        kinds = {row[0].split(" ")[0] for row in conn.execute(routines._LIVING)}

    assert kinds == {"function", "policy", "trigger", "view"}


def test_a_revision_may_change_a_table_that_views_triggers_and_policies_stand_on(database, tree):
    before = dump(database)
    tree.write(
        "store/versions/9999/1_reasons.sql",
        "alter table gate.approval alter column reason type varchar(500);\n"
        "alter table handoff.batch alter column contract type varchar(80);\n"
        "alter table audit.event add column note text;\n",
    )

    done = upgrade(database)

    changed = {line.split(" ")[0] for line in set(dump(database)) ^ set(before)}
    assert done.revisions == (9999,)
    assert len(done.files) == len(catalogue.living_files()), "all of it stands on new tables"
    assert done.dropped == ()
    # The text of what stands on a changed column names its new type, and is there again.
    assert changed <= {"column", "constraint", "index", "policy", "view"}
    assert not upgrade(database).is_change
