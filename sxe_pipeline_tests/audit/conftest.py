"""A real Dagster instance on the embedded server, and an audit log to keep in step with it."""

import dagster as dg
import psycopg
import pytest
import yaml
from psycopg.types.json import Jsonb

from sxe_pipeline import audit, face
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline.store.sql import with_driver
from sxe_pipeline_tests.databases import TEMPLATE, copy_of, drop

ASSETS = sorted(set(audit.KINDS.values()))


class Catalog:
    """Dagster's event log since now, as the mirror sees it."""

    def __init__(self, instance):
        self.instance, self.before = instance, 0
        self.before = max(self.find(ASSETS).values(), default=0)

    def report(self, asset_key, metadata, day=None):
        face.report_runless(self.instance, asset_key, metadata, day)

    def find(self, asset_keys):
        found = face.materializations(self.instance, asset_keys)
        return {digest: number for digest, number in found.items() if number > self.before}

    def count(self):
        keys = map(dg.AssetKey.from_user_string, ASSETS)
        pages = [self.instance.fetch_materializations(key, limit=99).records for key in keys]
        return sum(record.storage_id > self.before for page in pages for record in page)

    def wipe(self):
        self.instance.wipe_assets([dg.AssetKey.from_user_string(name) for name in ASSETS])


@pytest.fixture(scope="session")
def _instance(server, tmp_path_factory):
    """One for all tests of a worker: its tables take seconds to make."""
    database = copy_of(server, TEMPLATE)
    url = with_driver(database.dsn("sxe_dagster"), "psycopg2")
    config = {
        "storage": {"postgres": {"postgres_url": url}},
        "telemetry": {"enabled": False},
    }
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(folder)) as opened:
        yield opened
    drop(database)


@pytest.fixture
def catalog(_instance):
    """Empty at the start of each test."""
    return Catalog(_instance)


@pytest.fixture
def conn(database):
    """The social tier's login, as the sensor opens it."""
    with sql.connect(database.dsn("sxe_social")) as opened:
        yield opened


@pytest.fixture
def add(conn):
    """`add(number)` records one event."""

    def added(number, kind="table.vacuum_begun", **data):
        with conn.transaction():
            return audit.append(conn, kind, actor="job", subject="s", key=str(number), **data)

    return added


@pytest.fixture
def by_owner(database):
    """`by_owner(kind, subject, key, **data)` records any kind, as the functions of facts do."""
    with sql.connect(database.dsn("sxe_admin")) as owner:
        owner.autocommit = True
        owner.execute("set role sxe_owner")

        def written(kind, subject, key, **data):
            [(made,)] = owner.execute(
                "select audit.append(%s, 'job', %s, %s, %s)", [kind, subject, key, Jsonb(data)]
            ).fetchall()
            return made

        yield written


@pytest.fixture
def store(tmp_path):
    """Where checkpoints are kept."""
    return Objects((tmp_path / "audit").as_uri())


@pytest.fixture
def sealer(database):
    """The login of who seals."""
    with sql.connect(database.dsn("sxe_sealer")) as opened:
        opened.autocommit = True
        yield opened


@pytest.fixture
def look(database):
    """`look(statement)`: rows, as a superuser reads them."""
    with psycopg.connect(database.dsn("postgres"), autocommit=True) as root:
        yield lambda statement, *values: root.execute(statement, values or None).fetchall()
