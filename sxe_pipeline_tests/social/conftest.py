"""The social tier of one test: a database and an empty Tier 1 store."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from sxe_pipeline.social import identities, observe, profiles
from sxe_pipeline.store import sql, tables
from sxe_pipeline_tests.social import landing
from sxe_pipeline_tests.social.intake import Intake


@dataclass
class Tier:
    """The social tier of one test: its database login, its store, and the three steps."""

    conn: psycopg.Connection
    dsn: str
    root: str

    def observe(self, files: dict[date, Sequence[landing.File]], **more):
        given = {"read": landing.read, "now": landing.NOW, "actor": "test"} | more
        return observe.observe(self.conn, self.root, days=list(files), files_by_day=files, **given)

    def profiles(self) -> dict[tuple[str, str], dict]:
        profiles.rebuild(self.conn, self.root, actor="test", now=landing.NOW)
        return {(r["platform"], r["account_key"]): r for r in self.rows(profiles.TABLE)}

    def identities(self, **more) -> dict[tuple[str, str], dict]:
        given = {"mint": lambda: secrets.token_hex(8), "now": landing.NOW} | more
        identities.rebuild(self.conn, self.root, actor="test", **given)
        return {(r["platform"], r["account_key"]): r for r in self.rows(identities.TABLE)}

    def table(self, name: str) -> pa.Table:
        with self.conn.transaction():
            return tables.snapshot(self.conn, self.root, name).to_table()

    def rows(self, name: str) -> list[dict]:
        return self.table(name).to_pylist()

    def ask(self, statement: str) -> list[tuple]:
        with self.conn.transaction():
            return self.conn.execute(statement).fetchall()


@pytest.fixture
def tier(database, tmp_path: Path) -> Iterator[Tier]:
    dsn = database.dsn("sxe_social")
    with sql.connect(dsn) as conn:
        yield Tier(conn, dsn, (tmp_path / "tier1").as_uri())


@pytest.fixture
def intake(database, tmp_path: Path) -> Iterator[Intake]:
    folder = tmp_path / "landing"
    folder.mkdir()
    with sql.connect(database.dsn("sxe_social")) as conn:
        yield Intake(conn, folder, (tmp_path / "tier1").as_uri())
