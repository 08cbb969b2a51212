"""A column that is stated in its tables and in a mapping arrives redacted and scanned.

Nothing else is done for it. The program that knows it (`widened`) runs in a process of its own, as
new code does on a home that the old code filled.
"""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

import sxe_pipeline_tests
from sxe_pipeline.privacy import leaks
from sxe_pipeline.schema.tables import OBSERVATION, PROFILE, QUARANTINE
from sxe_pipeline_tests.social import widened

OLD_DAY, NEW_DAY = "2026-11-01", "2026-11-02"
ADDRESS, NUMBER = "ana.lopes@protonmail.com", "+44 7700 900123"
OLD = {"x_id": "1", "id": "ana", "profile_name": "Ana", "biography": "Baker", "followers": "7"}
ROW = {"id": "2", "user": "ben", "headline": "Baker of bread"}
WAYS = {
    "an address": (ADDRESS, "[email]"),
    "an address in words": ("ana dot lopes at protonmail dot com", "[email]"),
    "an address in brackets": ("ana.lopes (at) protonmail (dot) com", "[email]"),
    "a number": (f"call {NUMBER}", "call [phone]"),
    "a number with dashes": ("tel: 07700-900-123", "tel: [phone]"),
    "both": (f"{ADDRESS} or {NUMBER}", "[email] or [phone]"),
}
LEFT = ("protonmail", "7700", "900123", "900-123")


@pytest.fixture
def home(tier, tmp_path):
    """A home with data: a day that was observed before anybody thought of the new columns."""
    folder = tmp_path / "landing"
    write(folder / "old" / OLD_DAY / "page.jsonl", OLD)
    widened.run(tier.dsn, tier.root, folder.as_uri(), widened.date.fromisoformat(OLD_DAY))
    return Home(tier, folder)


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


def test_a_new_column_is_stored_redacted_however_a_contact_is_written(home):
    written = [text for text, _ in WAYS.values()]
    rows = [
        ROW
        | {"id": str(10 + n), "user": f"ben{n}", "headline": text, "motto": text}
        | {"mottos": ["bread", text]}
        for n, text in enumerate(written)
    ]

    home.observe_tomorrow(*rows)

    for table in (OBSERVATION, PROFILE):
        for n, (text, stored) in enumerate(WAYS.values()):
            row = home.row(table, f"id:{10 + n}")
            assert row["headline"] == stored, text
            assert row["motto"] == stored, "a column without a class is text"
            assert row["mottos"] == ["bread", stored]
            assert row["redaction_count"] >= 3
        assert not [word for word in LEFT if word in home.said(table)]
    assert home.reasons() == []
    assert home.leaks() == leaks.Leaks(0, 0)


def test_a_new_link_is_redacted_as_a_link(home):
    home.observe_tomorrow(
        ROW | {"homepage": f"mailto:{ADDRESS}", "shops": ["https://wa.me/447700900123"]},
        ROW | {"id": "3", "user": "eve", "homepage": "https://linktr.ee/eve.bakes"},
        ROW | {"id": "4", "user": "joe", "shops": ["https://bread.example", "tel:07700900123"]},
    )

    for table in (OBSERVATION, PROFILE):
        gone, hub, kept = (home.row(table, f"id:{n}") for n in (2, 3, 4))
        assert (gone["homepage"], gone["shops"], gone["redaction_count"]) == (None, [], 2)
        assert (hub["homepage"], hub["link_hub"]) == ("linktr.ee", "linktr.ee")
        assert kept["shops"] == ["https://bread.example"]
    assert home.leaks() == leaks.Leaks(0, 0)


def test_rows_of_the_old_day_say_nothing_in_a_new_column(home):
    home.observe_tomorrow(ROW)

    for table in (OBSERVATION, PROFILE):
        old, new = home.row(table, "id:1"), home.row(table, "id:2")
        assert {old[column.name] for column in widened.ADDED} == {None}
        assert old["bio"] == "Baker"
        assert new["headline"] == "Baker of bread"


@pytest.mark.parametrize("column", ["headline", "motto", "mottos"])
def test_the_second_detector_looks_at_a_new_column(home, column):
    planted = {column: [ADDRESS] if column == "mottos" else ADDRESS}

    home.observe_tomorrow(ROW | planted, switches=("--without-redaction",))

    assert home.reasons() == ["leak"]
    assert not any("protonmail" in str(row) for row in home.tier.rows(OBSERVATION.name))


def test_the_check_scans_a_stored_column_that_nobody_declares(home):
    home.observe_tomorrow(
        ROW | {"headline": ADDRESS, "mottos": [ADDRESS]},
        switches=("--without-redaction", "--without-scan"),
    )

    assert home.reasons() == []
    assert home.leaks().certain == 2
