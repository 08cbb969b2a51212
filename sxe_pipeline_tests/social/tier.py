"""The social tier of a test: what is observed there, made of it, and asked."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import psycopg
import pyarrow as pa

from sxe_pipeline.social import identities, observe, profiles
from sxe_pipeline.store import tables
from sxe_pipeline_tests.social import landing


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
