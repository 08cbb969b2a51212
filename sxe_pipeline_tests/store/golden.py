"""Write `store/catalogue.txt` anew from a fresh database: `make golden`, after an edit of SQL."""

import tempfile
from pathlib import Path

import psycopg

from sxe_pipeline.local import postgres
from sxe_pipeline.store import catalogue, migrate, sql


def fresh_dump():
    """The catalogue of a database that this package just made."""
    with tempfile.TemporaryDirectory() as home:
        server = postgres.Server(Path(home) / "postgres", durable=False)
        with server.attached() as state:
            root = postgres.dsn(state, "postgres", "postgres")
            with psycopg.connect(root, autocommit=True) as conn:
                conn.execute("create database golden owner sxe_admin")
            admin = postgres.dsn(state, "sxe_admin", "golden")
            migrate.upgrade(admin, state["passwords"])
            with sql.open_unchecked(admin) as conn:
                lines = catalogue.dump(conn)
        server.reset()
    return lines


if __name__ == "__main__":
    # While it is written, the text in the tree says nothing.
    catalogue.GOLDEN.write_text("# being made by `make golden` from nothing\n")
    lines = fresh_dump()
    catalogue.GOLDEN.write_text(catalogue.golden_text(lines), encoding="utf-8")
    print(f"{catalogue.GOLDEN.name}: {len(lines)} objects, {catalogue.digest(lines)[:12]}")
