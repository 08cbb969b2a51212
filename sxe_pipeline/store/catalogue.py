"""What a database is made of, as text: one line an object, the same on every supported PostgreSQL.

Here: reading the catalogue, its digest, and whether the database fits this package. The text of a
fresh database is in the tree (`catalogue.txt`, made by `make golden`). Not here: changing anything
(`migrate`, `routines`). Dagster's own tables are Dagster's.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psycopg

from sxe_pipeline.errors import BadConfig, Refused
from sxe_pipeline.schema.columns import Column

PACKAGE = Path(__file__).parents[1]
VERSIONS = Path(__file__).with_name("versions")
GOLDEN = Path(__file__).with_name("catalogue.txt")
OWNER = "sxe_owner"

_READ = Path(__file__).with_name("catalogue.sql")
_COLUMN = re.compile(r"column (\w+\.\w+)\.(\w+) (.+?)( not null)? default .*")


@dataclass(frozen=True)
class Revision:
    """One step of the history of tables, types and roles: a folder of files, run by name."""

    number: int
    files: tuple[Path, ...]

    @property
    def sha256(self) -> str:
        """Over names and contents."""
        return _sha256(self.files)


def revisions() -> list[Revision]:
    """Every revision of this package, oldest first."""
    folders = sorted(folder for folder in VERSIONS.iterdir() if folder.name.isdigit())
    return [Revision(int(f.name), tuple(sorted(f.glob("*.sql")))) for f in folders]


def living_files() -> list[Path]:
    """Every file of living SQL, the grants last: they name what the others make."""
    files = sorted(PACKAGE.glob("*/sql/*.sql"))
    return sorted(files, key=lambda file: (file.name == "grants.sql", file))


@lru_cache(maxsize=1)
def files_sha256() -> str:
    """The digest of all SQL of this package."""
    return _sha256([*(f for r in revisions() for f in r.files), *living_files()])


def file_sha256(file: Path) -> str:
    """The digest of one file."""
    return _sha256([file])


def dump(conn: psycopg.Connection) -> list[str]:
    """The catalogue of this database, one line an object, sorted."""
    return [line for (line,) in conn.execute(_READ.read_bytes())]


def digest(lines: Sequence[str]) -> str:
    """The SHA-256 of a dump."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def golden() -> tuple[str, list[str]]:
    """The dump in the tree, and the digest of the files that it was made from."""
    head, *lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    return head.rsplit(" ", 1)[-1], lines


@lru_cache(maxsize=1)
def _golden_columns() -> dict[str, list[Column]]:
    found: dict[str, list[Column]] = {}
    for line in golden()[1]:
        if said := _COLUMN.fullmatch(line):
            table, name, kind, never = said.groups()
            found.setdefault(table, []).append(Column(name, kind, nullable=not never))
    return found


def columns_of(table: str) -> list[Column]:
    """The columns of a table of this database, such as 'ingest.landing_file', as it is shipped."""
    return _golden_columns()[table]


def golden_text(lines: Sequence[str]) -> str:
    """A dump in the form of the file in the tree."""
    return "\n".join([f"# made by `make golden` from {files_sha256()}", *lines]) + "\n"


def require_fit(conn: psycopg.Connection) -> None:
    """Compare the database with this package and with what its last migration left.

    Raises:
        BadConfig: It was never migrated, or by another version of this package.
        Refused: It was changed by hand since.
    """
    with conn.transaction():
        stamp = _stamp(conn)
        seen = digest(dump(conn)) if stamp else ""
    if stamp is None:
        raise BadConfig("this database was not migrated yet; run `sxe migrate` with its admin")
    number, files, catalogue = stamp
    newest = revisions()[-1].number
    if number > newest:
        raise BadConfig(
            f"this database is at revision {number}, this package knows {newest}; install the "
            "package that migrated it, or a newer one"
        )
    if files != files_sha256():
        raise BadConfig("this database was migrated by another package; run `sxe migrate`")
    if seen != catalogue:
        raise Refused(
            "the database's functions, tables or grants were changed by hand, or restored from a "
            "dump, since its last migration; `sxe migrate` puts back what it can and names the rest"
        )


def _stamp(conn: psycopg.Connection) -> tuple[int, str, str] | None:
    # A home of before has a schema `ops`, too, which this login may not even look into.
    readable = conn.execute(
        "select from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where nspname = 'ops' and relname = 'stamp' and has_schema_privilege(n.oid, 'usage') "
        "and has_table_privilege(c.oid, 'select')"
    ).fetchone()
    if readable is None:
        return None
    row = conn.execute(
        "select (select max(revision) from ops.revision), files_sha256, catalogue_sha256 "
        "from ops.stamp"
    ).fetchone()
    return (int(row[0]), str(row[1]), str(row[2])) if row else None


def _sha256(files: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for file in files:
        name = file.relative_to(PACKAGE).as_posix()
        whole.update(f"{name}\n{file.read_text(encoding='utf-8')}\n".encode())
    return whole.hexdigest()
