"""Write `store/catalogue.txt` anew from a fresh database: `make golden`, after an edit of SQL.

With `--home` it also writes this database down as a home of today, for the upgrade tests to start
from: once for each release, and never again.
"""

import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from sxe_pipeline.local import postgres
from sxe_pipeline.store import catalogue, migrate, sql

HOMES = Path(__file__).with_name("homes")


def main(arguments):
    # While it is written, the text in the tree says nothing.
    catalogue.GOLDEN.write_text("# being made by `make golden` from nothing\n")
    with tempfile.TemporaryDirectory() as folder:
        server = postgres.Server(Path(folder) / "postgres", durable=False)
        with server.attached() as state:
            admin = new_database(state)
            with sql.open_unchecked(admin) as conn:
                lines = catalogue.dump(conn)
            if "--home" in arguments:
                home = HOMES / f"{catalogue.revisions()[-1].number}.sql.gz"
                home.write_bytes(gzip.compress(dump_of(server, admin).encode(), mtime=0))
        server.reset()
    catalogue.GOLDEN.write_text(catalogue.golden_text(lines), encoding="utf-8")
    print(f"{catalogue.GOLDEN.name}: {len(lines)} objects, {catalogue.digest(lines)[:12]}")


def new_database(state):
    """A database that this package makes; its admin's login."""
    root = postgres.dsn(state, "postgres", "postgres")
    with psycopg.connect(root, autocommit=True) as conn:
        conn.execute("create database golden owner sxe_admin")
    admin = postgres.dsn(state, "sxe_admin", "golden")
    migrate.upgrade(admin, state["passwords"])
    return admin


def dump_of(server, admin):
    """What `pg_dump` writes of the catalogue and of what the migration remembers, as the owner."""
    parts = (["--schema-only"], ["--data-only", "--inserts", "--schema=ops"])
    return "\n".join(
        subprocess.run(
            [server.bin / "pg_dump", "--role=sxe_owner", "--no-comments", *part, admin],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for part in parts
    )


if __name__ == "__main__":
    main(sys.argv[1:])
