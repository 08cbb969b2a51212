"""A column that is stated in its tables and in a mapping arrives redacted and scanned.

Nothing else is done for it. The program that knows it (`widened`) runs in a process of its own, as
new code does on a home that the old code filled.
"""

import contextlib
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

import sxe_pipeline_tests
from sxe_pipeline.privacy import leaks
from sxe_pipeline.schema.tables import OBSERVATION, PROFILE, QUARANTINE
from sxe_pipeline.store import sql
from sxe_pipeline_tests import databases
from sxe_pipeline_tests.social import widened
from sxe_pipeline_tests.social.tier import Tier

OLD_DAY, NEW_DAY = "2026-11-01", "2026-11-02"
ADDRESS, NUMBER = "ana.lopes@protonmail.com", "+44 7700 900123"
OLD = {"x_id": "1", "id": "ana", "profile_name": "Ana", "biography": "Baker", "followers": "7"}
WAYS = {
    "an address": (ADDRESS, "[email]"),
    "an address in words": ("ana dot lopes at protonmail dot com", "[email]"),
    "an address in brackets": ("ana.lopes (at) protonmail (dot) com", "[email]"),
    "a number": (f"call {NUMBER}", "call [phone]"),
    "a number with dashes": ("tel: 07700-900-123", "tel: [phone]"),
    "both": (f"{ADDRESS} or {NUMBER}", "[email] or [phone]"),
}
NEW = {"id": "2", "user": "ben", "headline": "Baker of bread"}
WRITTEN = [
    NEW
    | {"id": str(10 + n), "user": f"ben{n}", "headline": text, "motto": text}
    | {"mottos": ["bread", text]}
    for n, (text, _) in enumerate(WAYS.values())
]
LINKED = [
    NEW
    | {"id": "3", "user": "amy"}
    | {"homepage": f"mailto:{ADDRESS}", "shops": ["https://wa.me/447700900123"]},
    NEW | {"id": "4", "user": "eve", "homepage": "https://linktr.ee/eve.bakes"},
    NEW | {"id": "5", "user": "joe", "shops": ["https://bread.example", "tel:07700900123"]},
]
PLANTED = {
    "headline": NEW | {"headline": ADDRESS},
    "motto": NEW | {"id": "3", "user": "amy", "motto": ADDRESS},
    "mottos": NEW | {"id": "4", "user": "eve", "mottos": [ADDRESS]},
}
"""Column -> a row that holds a contact there."""
LEFT = ("protonmail", "7700", "900123", "900-123")


@contextlib.contextmanager
def home(server, folder: Path):
    """A home with data: a day that was observed before anybody thought of the new columns."""
    database = databases.copy_of(server, databases.TEMPLATE)
    dsn, landing = database.dsn("sxe_social"), folder / "landing"
    write(landing / "old" / OLD_DAY / "page.jsonl", OLD)
    with sql.connect(dsn) as conn:
        tier = Tier(conn, dsn, (folder / "tier1").as_uri())
        widened.run(dsn, tier.root, landing.as_uri(), widened.date.fromisoformat(OLD_DAY))
        yield Home(tier, landing)
    databases.drop(database)


@pytest.fixture(scope="module")
def redacted(server, tmp_path_factory):
    """A home on which the new program ran once over all that these tests land."""
    with home(server, tmp_path_factory.mktemp("redacted")) as made:
        made.observe_tomorrow(NEW, *WRITTEN, *LINKED)
        yield made


@pytest.fixture(scope="module")
def scanned(server, tmp_path_factory):
    """One where its second detector is alone, and a contact stands in each of three columns."""
    with home(server, tmp_path_factory.mktemp("scanned")) as made:
        made.observe_tomorrow(*PLANTED.values(), switches=("--without-redaction",))
        yield made


@pytest.fixture(scope="module")
def unseen(server, tmp_path_factory):
    """One where neither detector is on."""
    with home(server, tmp_path_factory.mktemp("unseen")) as made:
        planted = NEW | {"headline": ADDRESS, "mottos": [ADDRESS]}
        made.observe_tomorrow(planted, switches=("--without-redaction", "--without-scan"))
        yield made


class Home:
    def __init__(self, tier, folder: Path) -> None:
        self.tier, self.folder = tier, folder

    def observe_tomorrow(self, *rows: dict, switches: tuple[str, ...] = ()) -> None:
        """Land rows with a mapping that fills the new columns, and let the new program run."""
        (self.folder / "new").mkdir(exist_ok=True)
        (self.folder / "new" / "_mapping.yaml").write_text(widened.MAPPING)
        write(self.folder / "new" / NEW_DAY / "page.jsonl", *rows)
        program = [sys.executable, "-m", "sxe_pipeline_tests.social.widened", self.tier.dsn]
        subprocess.run(
            [*program, self.tier.root, self.folder.as_uri(), NEW_DAY, *switches],
            check=True,
            cwd=Path(sxe_pipeline_tests.__file__).parents[1],
        )

    def row(self, table, key: str) -> dict:
        [row] = [r for r in self.tier.rows(table.name) if r["account_key"] == key]
        return row

    def said(self, table) -> str:
        """All that a table holds but its times: the microseconds of now may be any digits."""
        rows = self.tier.rows(table.name)
        return str([[v for v in row.values() if not isinstance(v, datetime)] for row in rows])

    def reasons(self) -> list[str]:
        return [row["reason"] for row in self.tier.rows(QUARANTINE.name)]

    def leaks(self) -> leaks.Leaks:
        """What the check finds; this process does not know the new columns."""
        from sxe_pipeline.store import tables

        with self.tier.conn.transaction():
            stored = tables.snapshot(self.tier.conn, self.tier.root, OBSERVATION.name)
            return leaks.contact_data(self.tier.conn, stored, OBSERVATION)


def write(file: Path, *rows: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(json.dumps(row) for row in rows))


def test_a_new_column_is_stored_redacted_however_a_contact_is_written(redacted):
    for table in (OBSERVATION, PROFILE):
        for n, (text, stored) in enumerate(WAYS.values()):
            row = redacted.row(table, f"id:{10 + n}")
            assert row["headline"] == stored, text
            assert row["motto"] == stored, "a column without a class is text"
            assert row["mottos"] == ["bread", stored]
            assert row["redaction_count"] >= 3
        assert not [word for word in LEFT if word in redacted.said(table)]
    assert redacted.reasons() == []
    assert redacted.leaks() == leaks.Leaks(0, 0)


def test_a_new_link_is_redacted_as_a_link(redacted):
    for table in (OBSERVATION, PROFILE):
        gone, hub, kept = (redacted.row(table, f"id:{n}") for n in (3, 4, 5))
        assert (gone["homepage"], gone["shops"], gone["redaction_count"]) == (None, [], 2)
        assert (hub["homepage"], hub["link_hub"]) == ("linktr.ee", "linktr.ee")
        assert kept["shops"] == ["https://bread.example"]
    assert redacted.leaks() == leaks.Leaks(0, 0)


def test_rows_of_the_old_day_say_nothing_in_a_new_column(redacted):
    for table in (OBSERVATION, PROFILE):
        old, new = redacted.row(table, "id:1"), redacted.row(table, "id:2")
        assert {old[column.name] for column in widened.ADDED} == {None}
        assert old["bio"] == "Baker"
        assert new["headline"] == "Baker of bread"


@pytest.mark.parametrize("column", PLANTED)
def test_the_second_detector_looks_at_a_new_column(scanned, column):
    stored = scanned.tier.rows(OBSERVATION.name)

    assert scanned.reasons() == ["leak"] * len(PLANTED)
    assert f"id:{PLANTED[column]['id']}" not in {row["account_key"] for row in stored}
    assert not any("protonmail" in str(row) for row in stored)


def test_the_check_scans_a_stored_column_that_nobody_declares(unseen):
    assert unseen.reasons() == []
    assert unseen.leaks().certain == 2
