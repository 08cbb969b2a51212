"""Names are kept in the clear, so what is named like a contact does not come in."""

from datetime import date

import pytest

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest import land
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.social.intake import DAY, lines

NUMBER = "+1 415 555 0134"


def everything_stored(intake):
    """All that the register keeps, as one text; an audit event names a collection by its hash."""
    return str(
        [
            intake.ask("select collection, path from ingest.landing_file"),
            intake.ask("select collection, problem from ingest.collection"),
        ]
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("jane@gmail.com/a.jsonl", id="a collection"),
        pytest.param(f"spring/{DAY}/{NUMBER}/a.jsonl", id="a folder"),
        pytest.param(f"spring/{DAY}/jane (at) gmail (dot) com.jsonl", id="a file"),
    ],
)
def test_what_lies_in_the_landing_store_under_such_a_name_waits_and_is_told_of(intake, name):
    intake.put(f"good/{DAY}/a.jsonl", lines("ana"))
    intake.put(name, lines("ben"))

    found = intake.register()
    intake.build()

    assert found.new == 1
    assert [aside.files for aside in found.set_aside] == [1]
    assert "contact data; rename" in str(found.set_aside[0])
    assert intake.handles() == ["ana"]
    told = everything_stored(intake) + str(found)
    assert "jane" not in told
    assert "415" not in told


def test_a04_a_shape_that_is_named_so_sets_its_collection_aside(intake):
    shape = "name: jane@gmail.com, match: {has: [id]}, columns: {handle: username}"
    intake.put(f"bad/{DAY}/a.jsonl", lines("ben"))
    intake.put("bad/_mapping.yaml", f"platform: x\nshapes:\n  - {{{shape}}}\n")

    [aside] = intake.register().set_aside

    assert aside.problem == "_mapping.yaml: a shape's name holds contact data; give it another"
    assert "jane" not in everything_stored(intake)


@pytest.mark.parametrize(
    ("folder", "file", "collection"),
    [
        pytest.param("jane@gmail.com", "a.jsonl", None, id="a folder"),
        pytest.param("spring", f"call {NUMBER}.jsonl", None, id="a file"),
        pytest.param("spring", "a.jsonl", NUMBER, id="the option"),
    ],
)
def test_such_a_name_is_refused_at_the_door_before_anything_is_copied(
    tmp_path, folder, file, collection
):
    given = tmp_path / folder
    given.mkdir()
    (given / file).write_text("{}")
    store = Objects((tmp_path / "landing").as_uri())

    with pytest.raises(BadInput, match=r"1 files have a name.*rename") as refused:
        land.land(store, [given], collection=collection, day=date(2026, 11, 29))

    assert "jane" not in str(refused.value)
    assert not list(store.list())
