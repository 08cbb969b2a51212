"""A real Postgres of the suite's own, one database per test, and an empty Tier 1 store."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pyarrow as pa
import pytest

from sxe_pipeline.sandbox import postgres
from sxe_pipeline.social import identities, observe, profiles
from sxe_pipeline.store import migrate, roles, sql, tables
from sxe_pipeline_tests.social import landing


def _in_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[dict[str, str]]:
    """Logins of a fresh server, whose template database is migrated."""
    home = tmp_path_factory.mktemp("postgres")
    with postgres.Server(home, durable=False).attached() as state:
        admin = postgres.dsn(state, "sxe_admin")
        roles.ensure(admin, state["passwords"])
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute("create database migrated")
        migrate.upgrade(_in_database(admin, "migrated"))
        yield {"admin": admin, "social": postgres.dsn(state, "sxe_social")}


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
def tier(server, tmp_path: Path) -> Iterator[Tier]:
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(server["admin"], autocommit=True) as conn:
        conn.execute(f"create database {name} template migrated")
    migrate.open_database(_in_database(server["admin"], name))
    dsn = _in_database(server["social"], name)
    with sql.connect(dsn) as conn:
        yield Tier(conn, dsn, (tmp_path / "tier1").as_uri())
    with psycopg.connect(server["admin"], autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)")
