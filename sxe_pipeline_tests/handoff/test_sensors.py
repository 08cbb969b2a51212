"""The sensors of the handoff, in ticks of Dagster."""

import contextlib

import dagster as dg
import pytest

from sxe_pipeline.handoff.sensors import relayed_notices
from sxe_pipeline.settings import load
from sxe_pipeline_tests.handoff import queues
from sxe_pipeline_tests.ports import free_port


@pytest.fixture
def tick(database, tmp_path):
    """`tick(url)`: one of the social tier's sensor; what it says."""
    sensor = relayed_notices("social_tier", "social_dsn")

    def run(url=None):
        given = {
            "SXE_HOME": str(tmp_path),
            "SXE_SOCIAL_DATABASE_URL": database.dsn("sxe_social"),
            "SXE_BROKER_URL": url or "",
        }
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance=instance, resources={"settings": load(given)}
            )
            return sensor.evaluate_tick(context).skip_message

    return run


def test_a_tick_sends_what_is_due_and_says_what_waits(database, tick):
    url = queues.broker("rabbitmq")
    with contextlib.closing(queues.Outbox(database)) as outbox:
        consumer = outbox.subscribe()
        outbox.fill(2, consumer)

        without = tick()
        sent = tick(url)

        assert without.startswith("no broker is set, Postgres is the queue: 2 notices wait")
        assert sent.startswith("2 notices sent")
        assert tick(url) == "nothing waits; 0 notices are dead"
        with queues.reading(url) as read:
            assert len(read(consumer)) == 2


def test_a_tick_without_its_broker_fails_in_words_of_ours(database, tick):
    with contextlib.closing(queues.Outbox(database)) as outbox:
        outbox.fill(1, outbox.subscribe("acme"))

        with pytest.raises(dg.Failure) as said:
            tick(f"amqp://someone:hush@127.0.0.1:{free_port()}//")

        assert "the broker cannot be reached" in said.value.description
        assert "1 notices wait" in said.value.description
        assert "hush" not in said.value.description
        assert outbox.rows("attempts") == [0]
