"""The same day with all three stores in buckets, behind a real S3 protocol on a socket."""

import json
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta

import boto3
import dagster as dg
import pyarrow as pa
import pytest
import yaml

from sxe_pipeline import definitions, settings
from sxe_pipeline.handoff.reader import pull, sources, verify
from sxe_pipeline.local import attach, runs, variables
from sxe_pipeline.local.run_logs import RunLogs
from sxe_pipeline.ops import upkeep
from sxe_pipeline.store import key_files, objects, sql, tables
from sxe_pipeline.store import upkeep as tables_upkeep
from sxe_pipeline_tests import named

DAY = (datetime.now(UTC) - timedelta(days=1)).date()
BUCKETS = {
    "landing": "sxe-landing",
    "tier1": "sxe-t1",
    "handoff": "sxe-handoff",
    "contact_handoff": "sxe-contact-handoff",
    "audit": "sxe-audit",
}


SERVER = """
    import logging, sys
    from moto.server import ThreadedMotoServer
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()
    server.stop()
"""
"""In a process of its own: Delta keeps the interpreter to itself while it restores a version."""


@pytest.fixture
def bucket(monkeypatch):
    """S3 on a free port, with the usual variables of an S3 client."""
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    port = int(server.stdout.readline())
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    for name in BUCKETS.values():
        client.create_bucket(Bucket=name)
    yield client
    client.close()
    server.communicate()


@pytest.fixture
def place(processes, bucket, tmp_path, monkeypatch):
    for name in (*settings.DATABASES.values(), "SXE_SIGNING_KEY", "SXE_POLICY_FILE"):
        monkeypatch.delenv(name, raising=False)
    urls = {
        variable: f"s3://{BUCKETS[folder]}/at"
        for variable, folder in settings.STORES.values()
        if folder
    }
    given = settings.load({"SXE_HOME": str(tmp_path / "home"), "SXE_SETTLE_S": "0", **urls})
    with attach.attached(given, "social", "dagster") as held:
        home = variables.dagster_home(held.settings)
        for name, value in variables.exports(held.settings, home).items():
            monkeypatch.setenv(name, value)
        with runs.instance() as instance:
            yield held.settings, instance
    attach.stop(given, delete=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:boto.*", "ignore::ResourceWarning")
def test_a_day_on_buckets_is_a_verified_batch(bucket, place, tmp_path):
    given, instance = place
    people = [
        {
            "id": str(2**60 + n),
            "username": f"maker{n}",
            "name": f"Maker {n}",
            "description": "Photographer from Lyon. I love hiking and trail running",
            "public_metrics": {"followers_count": 100},
        }
        for n in range(8)
    ]
    key = f"at/makers/{DAY.isoformat()}/page.json"
    bucket.put_object(
        Bucket=BUCKETS["landing"], Key=key, Body=json.dumps({"data": people}).encode()
    )
    tier = definitions.assemble(given)

    wanted = runs.sensor_tick(tier, instance, "landed_files")
    first = runs.run(tier, instance, "tier1_day", [DAY])
    again = runs.run(tier, instance, "tier1_day", [DAY])

    assert [w.partition for w in wanted] == [DAY.isoformat()]
    assert first.is_success, first.failure
    assert again.is_success, again.failure
    with sql.connect(given.need("social_dsn")) as conn:
        cards = tables.snapshot(conn, given.tier1_url, "cards/lead_cards").to_table()
        batches = conn.execute(
            "select batch_id, row_count from handoff.batch where contract = 'lead_card'"
        ).fetchall()
    assert cards.num_rows == 8
    assert [rows for _, rows in batches] == [8]
    prefix = verify.Prefix(objects.Objects(given.handoff_url), f"lead_card/v1/{batches[0][0]}")
    seen = verify.verify(prefix, key_files.of_settings(given).public_key)
    assert seen.row_count == 8
    pulled = pull.pull(
        sources.store_of(str(given.handoff_url), [given.handoff_url]),
        key_files.of_settings(given).public_key,
        contract="lead_card",
        major=1,
        into=tmp_path / "mine",
        now=datetime.now(UTC),
    )
    assert [(b.batch_id, b.row_count) for b in pulled.batches] == [(batches[0][0], 8)]
    [page] = objects.Objects(given.tier1_url).list("cards/market_pages")
    shown = instance.get_latest_materialization_event(dg.AssetKey(["cards", "audience_pools"]))
    [row] = shown.asset_materialization.metadata["sxe/pages"].records
    assert row.data["page"] == f"s3://{BUCKETS['tier1']}/at/{page.key}", "an address, no signature"


PRINTED = f"ana.writes@protonmail.com read 20 rows\n{'@ ' * 50_000}\nüber\n"
KEPT = f"[email] read 20 rows\n{'@ ' * 200}\nüber\n".encode()
"""Of each piece of a long line that may hold an address, the beginning."""
RUN = ["a-run", "compute_logs", "a-step"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:boto.*", "ignore::ResourceWarning")
def test_d16_what_a_run_printed_is_kept_without_contact_data(bucket, monkeypatch):
    bucket.create_bucket(Bucket="sxe-run-logs")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"AWS_{name}")
        monkeypatch.setenv(f"SXE_RUN_LOG_STORE_{name}", "of-the-logs")
    monkeypatch.setenv("SXE_RUN_LOG_STORE_URL", "s3://sxe-run-logs/engine")

    manager = RunLogs.from_config_value(None, {})
    with manager.capture_logs(RUN):
        sys.stdout.write(PRINTED)
        sys.stdout.flush()

    [entry] = bucket.list_objects_v2(Bucket="sxe-run-logs")["Contents"]
    body = bucket.get_object(Bucket="sxe-run-logs", Key=entry["Key"])["Body"].read()
    assert entry["Key"] == "engine/storage/a-run/compute_logs/a-step.out", "no empty stderr"
    assert body == manager.get_log_data(RUN).stdout == KEPT


def test_a_process_that_names_no_bucket_keeps_nothing_of_what_it_printed():
    config = yaml.safe_load(variables.deploy_file("dagster.yaml").read_text())

    assert config["compute_logs"] == {"module": RunLogs.__module__, "class": RunLogs.__name__}
    assert RunLogs.from_config_value(None, config_value={}).get_log_data(RUN).stdout is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning:boto.*", "ignore::ResourceWarning")
def test_a_table_in_a_bucket_is_compacted_cleared_and_read_on(bucket, database, monkeypatch):
    root, name = f"s3://{BUCKETS['tier1']}/at", "social/things"
    monkeypatch.setattr(tables_upkeep, "LOG_SLACK", 3)

    def written(conn, *words):
        with conn.transaction():
            tables.lock(conn, name)
            rows = pa.table({"landed_day": [DAY] * len(words), "word": list(words)})
            return tables.write(conn, root, name, rows.to_reader(), days=[DAY])

    def put(conn, *words):
        version = written(conn, *words)
        with conn.transaction():
            named.name(conn, name, version, inputs="test")

    def words(conn):
        with conn.transaction():
            return tables.snapshot(conn, root, name).to_table(["word"])["word"].to_pylist()

    def stored(part):
        listed = bucket.list_objects_v2(Bucket=BUCKETS["tier1"], Prefix=f"at/{name}/{part}")
        return [entry["Key"] for entry in listed.get("Contents", [])]

    with sql.connect(database.dsn("sxe_social")) as conn:
        for n in range(5):
            put(conn, f"word {n}")
        written(conn, "orphan")
        done = upkeep.keep_table(conn, root, name, actor="test", grace_s=0)
        assert done.dropped_versions == 4
        assert words(conn) == ["word 4"]
        assert len(stored("landed_day")) == 1
        assert len([key for key in stored("_delta_log") if key.endswith(".json")]) < 6
        assert done.disk_bytes >= sum(
            entry["Size"] for entry in bucket.list_objects_v2(Bucket=BUCKETS["tier1"])["Contents"]
        )
        assert not upkeep.keep_table(conn, root, name, actor="test", grace_s=0).is_new
        put(conn, "next")
        assert words(conn) == ["next"]
        assert tables_upkeep.holds(root, name, tables.snapshot(conn, root, name).version)
        bucket.delete_object(Bucket=BUCKETS["tier1"], Key=sorted(stored("landed_day"))[-1])
        bucket.delete_object(Bucket=BUCKETS["tier1"], Key=sorted(stored("landed_day"))[-1])
        assert not tables_upkeep.holds(root, name, tables.snapshot(conn, root, name).version)
