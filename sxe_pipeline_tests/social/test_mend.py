"""A landing is mended: a file goes or another takes its place, and its neighbours stay."""

import os
import signal
import subprocess
import sys
import time

import pytest

from sxe_pipeline.errors import BadInput, Busy, LandingGone, NotFound
from sxe_pipeline.ingest import inventory, mend
from sxe_pipeline.social import observe
from sxe_pipeline.store import sql
from sxe_pipeline_tests.social.intake import DAY, NEXT_DAY, lines

ONE, TWO = f"makers/{DAY}/one.jsonl", f"makers/{DAY}/two.jsonl"


@pytest.fixture
def built(intake):
    intake.put(ONE, lines("ana", "ben"))
    intake.put(TWO, lines("cleo") + "no json\n")
    assert intake.build() == [DAY]
    return intake


def sha(intake, name):
    return intake.find(name).file_sha256


def touch_later(file):
    """As a copy that is made some seconds from now."""
    later = time.time() + 5
    os.utime(file, (later, later))


def test_a_withdrawn_file_leaves_with_its_rows_and_the_rest_of_its_day_stays(built):
    done = built.withdraw(ONE)

    assert done.is_new
    assert built.handles() == ["ana", "ben", "cleo"], "nothing changes before the day is built"
    assert built.build() == [DAY]
    assert built.handles() == ["cleo"]
    assert built.pending() == []
    assert built.even()
    assert built.ask("select collection, file_sha256 from social.file_count") == [
        ("makers", sha(built, TWO))
    ]


def test_the_reason_is_kept_and_the_event_holds_its_hash(built, database):
    built.withdraw(ONE)

    reasons = built.ask("select withdrawn_reason from ingest.landing_file where path = %s", ONE)
    with sql.connect(database.dsn("sxe_api")) as conn:
        [(payload,)] = conn.execute(
            "select convert_from(payload, 'utf8') from audit.event "
            "where kind = 'landing_file.withdrawn'"
        ).fetchall()
    assert reasons == [("a test",)]
    assert "a test" not in payload
    assert "reason_sha256" in payload
    assert sha(built, ONE) in payload


def test_withdrawing_twice_is_one_event_and_one_build(built):
    first = built.find(ONE)
    built.withdraw(ONE)
    again = mend.withdraw(built.conn, first, reason="another", actor="test")
    built.build()

    assert not again.is_new
    assert built.events("landing_file.withdrawn") == 1
    assert built.ask("select withdrawn_reason from ingest.landing_file where path = %s", ONE) == [
        ("a test",)
    ]
    assert built.build() == []


def test_a_withdrawal_that_dies_before_its_commit_never_was(built):
    file = built.find(ONE)
    with pytest.raises(KeyboardInterrupt), built.conn.transaction():
        mend.withdraw(built.conn, file, reason="a test", actor="test")
        raise KeyboardInterrupt

    assert built.events("landing_file.withdrawn") == 0
    assert built.find(ONE).withdrawn_at is None
    assert built.pending() == []


def test_the_withdrawn_file_is_not_taken_in_again_by_the_next_tick(built):
    built.withdraw(ONE)
    built.build()

    assert built.register().new == 0
    assert built.build() == []


@pytest.mark.parametrize("door", ["touched", "copied", "handed in"])
def test_withdrawn_content_that_lands_again_counts_again(built, door):
    built.withdraw(ONE)
    built.build()
    if door == "touched":
        touch_later(built.root / ONE)
    elif door == "copied":
        touch_later(built.put(f"makers/{DAY}/again.jsonl", lines("ana", "ben")))

    done = built.register(again=[ONE] if door == "handed in" else ())

    assert (done.new, done.days) == (1, [DAY])
    assert built.build() == [DAY]
    assert built.handles() == ["ana", "ben", "cleo"]
    assert built.events("landing_file.registered") == 3, "it landed three times"
    assert built.even()


def test_content_lands_on_another_day_only_once_the_first_was_built_without_it(built):
    built.withdraw(ONE)
    touch_later(built.put(f"makers/{NEXT_DAY}/one.jsonl", lines("ana", "ben")))

    assert built.register().new == 0, "its old day still holds its rows"
    assert built.build() == [DAY]
    assert built.build() == [NEXT_DAY]
    assert built.handles() == ["ana", "ben", "cleo"]
    assert built.even()


def test_a_replacement_lands_on_the_day_of_the_old_one(built, tmp_path):
    new = tmp_path / "mended.jsonl"
    new.write_text(lines("ana", "ben", "dora"))

    done = built.replace(ONE, new)
    built.build()

    assert (done.is_new, done.is_landed) == (True, True)
    assert built.handles() == ["ana", "ben", "cleo", "dora"]
    assert built.find(done.replaced_by[:12]).landed_day == DAY
    assert (built.events("landing_file.replaced"), built.events("landing_file.withdrawn")) == (1, 0)
    assert built.events("landing_file.registered") == 3
    assert built.even()


def test_replacing_twice_changes_nothing_more(built, tmp_path):
    new = tmp_path / "mended.jsonl"
    new.write_text(lines("dora"))
    file = built.find(ONE)
    built.replace(ONE, new)
    again = mend.replace(built.conn, built.store, file, new, reason="a test", actor="test")

    assert (again.is_new, again.is_landed) == (False, False)
    assert built.events("landing_file.replaced") == 1
    assert len(built.ask("select 1 from ingest.landing_file")) == 3


KILLED = """
import os, signal, sys
from pathlib import Path
from sxe_pipeline.ingest import mend
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects

dsn, store, name, new, point = sys.argv[1:]

class Dying(Objects):
    def put_new(self, key, data):
        super().put_new(key, data)
        if point == "after its copy":
            os.kill(os.getpid(), signal.SIGKILL)

with sql.connect(dsn) as conn:
    landing = Dying(store)
    file = mend.find(conn, landing, name)
    with conn.transaction():
        mend.replace(conn, landing, file, Path(new), reason="a test", actor="test")
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("point", ["after its copy", "before its commit"])
def test_a_replacement_that_is_killed_half_way_can_be_repeated(built, database, tmp_path, point):
    new = tmp_path / "mended.jsonl"
    new.write_text(lines("dora"))
    given = (database.dsn("sxe_social"), built.root.as_uri(), ONE, str(new), point)

    died = subprocess.run([sys.executable, "-c", KILLED, *given], check=False)

    assert died.returncode == -signal.SIGKILL
    assert built.events("landing_file.replaced") == 0
    built.build()
    assert built.handles() == ["ana", "ben", "cleo", "dora"], "the copy landed; the old one stays"
    assert built.even()

    built.replace(ONE, new)
    built.build()

    assert built.handles() == ["cleo", "dora"]
    assert built.events("landing_file.replaced") == 1
    assert built.even()


def test_an_overwritten_file_has_a_road_out(built):
    old = sha(built, ONE)
    built.put(ONE, lines("eve", "fay", "gil"))
    with pytest.raises(LandingGone, match=f"sxe landing withdraw {old[:12]}"):
        built.build()
    built.conn.rollback()

    built.withdraw(old[:12])
    built.build()

    assert built.handles() == ["cleo", "eve", "fay", "gil"]
    assert built.even()


def test_a_deleted_file_has_a_road_out(built):
    (built.root / ONE).unlink()
    built.put(f"makers/{DAY}/three.jsonl", lines("hal"))
    with pytest.raises(LandingGone, match="is gone"):
        built.build()
    built.conn.rollback()

    built.withdraw(ONE)
    built.build()

    assert built.handles() == ["cleo", "hal"]


def test_a_replacement_may_already_lie_in_the_landing_store(built):
    old = sha(built, ONE)
    new = built.put(ONE, lines("eve", "fay"))

    done = built.replace(old, new)
    built.build()

    assert built.handles() == ["cleo", "eve", "fay"]
    assert built.find(done.replaced_by).path == ONE
    assert built.register().new == 0


def test_rows_of_expired_neighbours_stay_without_being_read(built):
    built.expire(TWO)
    built.withdraw(ONE)
    built.put(f"makers/{DAY}/three.jsonl", lines("ida"))

    assert built.build() == [DAY]

    assert built.handles() == ["cleo", "ida"]
    [kept] = built.ask(
        "select input_count, observation_count, reasons, filled ->> 'handle' "
        "from social.file_count where file_sha256 = %s",
        sha(built, TWO),
    )
    assert kept == (2, 1, {"malformed": 1}, "1")
    assert built.even()
    assert built.build() == []


def test_an_expired_file_that_was_withdrawn_goes_like_any_other(built):
    built.expire(TWO)
    built.withdraw(TWO)
    built.build()

    assert built.handles() == ["ana", "ben"]
    assert built.even()


def test_a_file_that_expired_before_it_was_observed_stops_its_day_and_names_the_way_out(intake):
    intake.put(ONE, lines("ana"))
    intake.register()
    intake.expire(ONE)

    with pytest.raises(LandingGone, match="sxe landing withdraw"):
        intake.build()
    intake.conn.rollback()
    intake.withdraw(ONE)

    assert intake.build() == [DAY]
    assert intake.handles() == []


@pytest.mark.parametrize("name", ["0000", "abc", "makers/nothing.jsonl", "zz zz", "", "x" * 5_000])
def test_a_file_that_nobody_knows_is_not_found(built, name):
    with pytest.raises(NotFound, match="sxe landing list"):
        built.find(name)


def test_a_name_that_several_files_bear_is_refused(built):
    built.put(f"other/{DAY}/one.jsonl", lines("ana", "ben"))
    built.build()

    with pytest.raises(BadInput, match="2 registered files"):
        built.find(built.find(ONE).file_sha256[:16])
    assert built.find(f"other/{DAY}/one.jsonl").collection == "other"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        pytest.param("new.jsonl", lines("ana", "ben"), "content of the old one", id="the same"),
        pytest.param(".new.jsonl.aB12cd", lines("x"), "half written", id="half written"),
        pytest.param("../landing/other/a.jsonl", lines("x"), "another collection", id="other"),
    ],
)
def test_what_cannot_take_a_files_place_is_refused(built, tmp_path, name, text, said):
    new = tmp_path / "new" / name
    (tmp_path / "new").mkdir()
    new.parent.mkdir(exist_ok=True)
    new.resolve().parent.mkdir(exist_ok=True)
    new.write_text(text)

    with pytest.raises(BadInput, match=said):
        built.replace(ONE, new)
    assert built.find(ONE).withdrawn_at is None


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 501, "ask ana@example.com"])
def test_a_reason_says_something_and_is_no_contact(built, reason):
    with pytest.raises(BadInput, match="reason") as caught:
        mend.withdraw(built.conn, built.find(ONE), reason=reason, actor="test")

    assert "ana@" not in str(caught.value)
    assert built.find(ONE).withdrawn_at is None


def test_content_withdrawn_from_another_day_cannot_replace_before_that_day_is_built(built):
    old = built.put(f"makers/{NEXT_DAY}/three.jsonl", lines("jon"))
    built.build()
    built.withdraw(f"makers/{NEXT_DAY}/three.jsonl")

    with pytest.raises(Busy, match="sxe build"):
        built.replace(ONE, old)
    built.conn.rollback()
    built.build()
    built.replace(ONE, old)
    built.build()

    assert built.handles() == ["cleo", "jon"]
    assert built.even()


def test_a_file_is_shown_with_its_rejects_and_how_its_columns_are_filled(built):
    mapping = (
        "platform: x\nshapes:\n  - name: own\n    match: {has: [a, b]}\n"
        "    columns: {platform_id: Autor ID, handle: a, follower_count: b, region: c}\n"
    )
    built.put("vendor/_mapping.yaml", mapping)
    file = f"vendor/{DAY}/v.csv"
    built.put(file, "a,b,c\nkim,3,\nlea,many,\nm m,4,\n")
    built.build()

    found = inventory.report(built.conn, built.find(file))

    assert (found.line.state, found.line.observation_count) == ("observed", 2)
    assert found.reasons == {"bad_value": 1}
    by_column = {c.column: (c.filled, c.share, c.unread, c.refused) for c in found.columns}
    assert by_column == {
        "platform_id": (0, 0.0, 0, 0),
        "handle": (2, 1.0, 0, 1),
        "follower_count": (1, 0.5, 1, 0),
        "region": (0, 0.0, 0, 0),
    }
    empty, unread = found.warnings()
    assert "platform_id, region" in empty
    assert "follower_count" in unread


def test_quarantine_names_file_and_row_and_never_what_they_hold(built):
    rows, total = inventory.quarantine(built.conn, built.tier1, day=DAY, file=built.find(TWO))

    assert total == 1
    assert rows == [
        {
            "landed_day": DAY,
            "collection": "makers",
            "path": TWO,
            "file_sha256": sha(built, TWO),
            "row": 2,
            "shape": None,
            "reason": "malformed",
        }
    ]
    assert inventory.quarantine(built.conn, built.tier1, file=built.find(ONE)) == ([], 0)
    assert inventory.quarantine(built.conn, built.tier1, limit=1)[1] == 1


def test_states_of_files_are_told_apart(built):
    built.put("bad/a.jsonl", lines("kai"))
    built.register()
    built.put("bad/_mapping.yaml", "platform: [")
    built.register()
    built.withdraw(TWO)

    states = {line.path: line.state for line in inventory.lines(built.conn)}

    assert states == {ONE: "observed", TWO: "withdrawn", "bad/a.jsonl": "set_aside"}
    assert list(inventory.problems(built.conn)) == ["bad"]
    assert observe.TABLE in str(built.ask("select table_name from ops.version"))
