"""Bring a database to the newest revision.

Here: what belongs to the database as a whole (its grants are not copied with a template) and the
call of Alembic. The tables are in `migrations/versions/`.
"""

from pathlib import Path

import psycopg
from psycopg import sql as compose

from sxe_pipeline.errors import Refused
from sxe_pipeline.store import sql
from sxe_pipeline.store.roles import TIERS


def upgrade(admin_dsn: str) -> None:
    """Run every revision that is missing, in one transaction; a second call changes nothing.

    Roles must exist: `roles.ensure` comes first. Two calls at once run one after the other.

    Args:
        admin_dsn: The migrating login. It owns the database and may become `sxe_owner`; it needs
            no superuser.

    Raises:
        Refused: That login lacks a right.
        StoreUnavailable: The database cannot be reached.
    """
    import sqlalchemy
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    # Without a pool: an idle connection forbids CREATE DATABASE .. TEMPLATE.
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: sql.connect(admin_dsn), poolclass=NullPool
    )
    try:
        open_database(admin_dsn)
        with engine.begin() as connection:
            connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('sxe migration'))")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (psycopg.errors.InsufficientPrivilege, sqlalchemy.exc.ProgrammingError) as error:
        raise Refused(
            f"the migrating login lacks a right ({type(error).__name__}); it must own the "
            "database and be a member of sxe_owner"
        ) from error


def open_database(admin_dsn: str) -> None:
    """Let the tiers in and nobody else, and close what PostgreSQL leaves open to everybody."""
    with sql.connect(admin_dsn) as conn:
        database = compose.Identifier(conn.info.dbname)
        tiers = compose.SQL(", ").join(compose.Identifier(role) for role in TIERS)
        for statement in (
            "revoke all on database {database} from public",
            "grant connect on database {database} to {tiers}",
            "grant create on database {database} to sxe_owner",
            "revoke all on schema public from public",
            "create schema if not exists ops authorization sxe_owner",
        ):
            conn.execute(compose.SQL(statement).format(database=database, tiers=tiers))
