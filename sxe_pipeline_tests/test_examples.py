"""The programs of users in `examples/` do what their page says."""

import contextlib
import csv
import datetime as dt
import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from sxe_pipeline import schema
from sxe_pipeline.handoff import publish
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.queue import brokers, relay
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import objects, sql
from sxe_pipeline_tests.cli.terminal import LOGINS
from sxe_pipeline_tests.gate.world import MARKET, World
from sxe_pipeline_tests.handoff import queues
from sxe_pipeline_tests.handoff.conftest import card
from sxe_pipeline_tests.places import TODAY, land, opened, person

EXAMPLES = Path(__file__).parents[1] / "examples"
PROFILES = EXAMPLES / "profiles.jsonl"


def run(program, *arguments, **variables):
    """The program as a user runs it, with `sxe` where an activated shell finds it."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    done = subprocess.run(
        [sys.executable, EXAMPLES / program, *map(str, arguments)],
        env=env | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_file_is_redacted_and_keeps_its_other_fields():
    done = run("redact_file.py", PROFILES, "bio")

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[1] == {"id": "2", "bio": "Potter. Orders: [email] or [phone]"}
    assert "removed: 1 email, 1 phone" in done.stderr


def test_texts_are_labeled_with_the_words_that_caused_it():
    done = run("label_texts.py", PROFILES, "bio")

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 4
    assert "photographer" in rows[0]["because"]
    assert rows[0]["tribe"]
    assert rows[3]["because"] == "", "what says nothing gets no label"


def test_a_folder_with_its_own_mapping_is_counted_and_never_shown():
    done = run("map_folder.py", EXAMPLES / "landing" / "acme")

    assert done.stdout.startswith("2 rows, 1 refused")
    assert "refused: no_account 1" in done.stdout
    assert "example.com" not in done.stdout


def test_a_batch_is_verified_and_read(database, tmp_path):
    contract, signer = schema.load("lead_card"), Signer.from_text("sxe-signing:" + "A" * 43 + "=")
    cards = [card(number, 1, "x_general") for number in range(12)]
    with sql.connect(database.dsn("sxe_social")) as conn:
        done = publish.publish(
            conn,
            objects.Objects(tmp_path.as_uri()),
            contract=contract,
            batch_key=BatchKey("x_general", dt.date(2026, 3, 10)),
            rows=pa.Table.from_pylist(cards, schema=contract.arrow()),
            signer=signer,
            actor="test",
            now=dt.datetime(2026, 3, 11, tzinfo=dt.UTC),
        )
    pinned = tmp_path / "pinned.pub"
    pinned.write_bytes(signer.public_pem())

    read = run("read_batch.py", tmp_path / "lead_card" / "v1" / str(done.batch_id), pinned)

    assert "x_general 2026-03-10: 12 cards, signature holds" in read.stdout


@pytest.mark.parametrize("queue", ["rabbitmq", "redis", "postgres"])
def test_a_consumer_hears_of_batches_and_verifies_each_from_its_notice(database, tmp_path, queue):
    url = database.dsn("sxe_serve") if queue == "postgres" else queues.broker(queue)
    contract, signer = schema.load("lead_card"), Signer.from_text("sxe-signing:" + "A" * 43 + "=")
    pinned = tmp_path / "pinned.pub"
    pinned.write_bytes(signer.public_pem())
    with (
        contextlib.closing(queues.Outbox(database)) as outbox,
        sql.connect(database.dsn("sxe_social")) as conn,
    ):
        consumer = outbox.subscribe()
        for n in (1, 2):
            publish.publish(
                conn,
                objects.Objects(tmp_path.as_uri()),
                contract=contract,
                batch_key=BatchKey("x_general", dt.date(2026, 3, 9 + n)),
                rows=pa.Table.from_pylist(
                    [card(number, 1, "x_general") for number in range(n)], schema=contract.arrow()
                ),
                signer=signer,
                actor="test",
                now=dt.datetime(2026, 3, 11, tzinfo=dt.UTC),
            )
        if queue != "postgres":
            with brokers.opened(url) as broker:
                relay.relay(conn, broker)
        outbox.key(consumer, text="sesame")

        read = [
            run("read_queue.py", url, consumer, tmp_path, pinned, CONSUMER_KEY="sesame").stdout
            for _ in range(2)
        ]

        assert outbox.rows() == [True, True]
    assert read == [
        "1: x_general 2026-03-10, 1 rows, signature holds\n"
        "2: x_general 2026-03-11, 2 rows, signature holds\n",
        "",
    ]


def test_one_asks_and_another_approves(database, tmp_path):
    with contextlib.closing(World(database)) as world:
        world.open()
        world.cards(5)
        tokens = world.tokens
    for name in ("ana", "ben"):
        (tmp_path / f"{name}.token").write_text(tokens[name])
    variables = {name: database.dsn(role) for name, role in LOGINS.items()}

    done = run("ask_and_approve.py", tmp_path, MARKET, SXE_HOME=str(tmp_path), **variables)

    assert "asked by ana" in done.stdout
    assert "APPROVED" in done.stdout


@pytest.mark.parametrize("program", sorted(p.name for p in EXAMPLES.glob("*.py")))
def test_every_program_is_on_the_page(program):
    assert f"[{program}]({program})" in (EXAMPLES / "README.md").read_text()


# Dagster's client of Pipes itself uses what Dagster warns of.
@pytest.mark.filterwarnings("ignore")
def test_a_dagster_of_ones_own_has_a_day_built_elsewhere_and_is_told_by_pipes(
    server, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    program = runpy.run_path(str(EXAMPLES / "build_elsewhere.py"))
    wanted = dg.RunConfig({"tier1_elsewhere": program["Build"](engine="local")})

    with opened(server, tmp_path / "home") as place:
        land(place.settings.home, TODAY - dt.timedelta(days=2), [person(n) for n in range(3)])
        with dg.DagsterInstance.ephemeral() as own:
            done = dg.materialize(
                [program["tier1_elsewhere"]],
                resources={"pipes": dg.PipesSubprocessClient()},
                run_config=wanted,
                instance=own,
            )
        with sql.connect(place.settings.need("social_dsn")) as conn:
            [(built,)] = conn.execute("select sum(observation_count) from social.day_count")

    [told] = done.asset_materializations_for_node("tier1_elsewhere")
    assert {name: told.metadata[name].value for name in ("days", "runs")} == {"days": 1, "runs": 1}
    assert built == 3
