"""The queue: how fast a batch is heard of, by which way, and what a kill costs.

Usage: python bench/notices.py [NOTICES] [KILLS]

An embedded database that waits for its disk; RabbitMQ and Redis of this machine, or those that
SXE_TEST_AMQP_URL and SXE_TEST_REDIS_URL name; one that does not answer is left out. Each way sends
the same notices as the outbox holds them. Throughput: all are due at once. Latency: one at a time,
from the commit of its row until its consumer has it, a relay running already (as `sxe worker relay`
does; a sensor adds up to its 30 seconds). Loss: the relay is killed in the middle of a transaction
so many times, and a consumer counts what it sees. CPU seconds are the relay's alone, those of the
servers are not counted. Durability differs by way, so compare within a line, and see docs/queue.md.
"""

import contextlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import measured

from sxe_pipeline.handoff.queue import brokers, outbox, relay
from sxe_pipeline.local import postgres
from sxe_pipeline.store import migrate, sql
from sxe_pipeline_tests import databases
from sxe_pipeline_tests.handoff import queues

_LATENCIES = 60


def _timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _middle(values):
    ordered = sorted(values)
    return statistics.median(ordered), ordered[int(len(ordered) * 0.95)]


def _print(way, what, text):
    print(f"{way:10} {what:11} {text}", flush=True)


def _through_a_broker(way, database, box, notices, kills):
    url = queues.URLS[way]
    dsn = database.dsn("sxe_social")
    consumer = box.subscribe()
    box.fill(notices, consumer)
    with sql.connect(dsn) as conn, brokers.opened(url) as broker:

        def drain():
            while relay.relay(conn, broker).sent:
                pass

        wall, cpu = _timed(drain)
        with queues.reading(url) as read:
            taking, _ = _timed(lambda: read(consumer))
        _print(
            way,
            "throughput",
            f"{notices / wall:,.0f}/s sent ({cpu / notices * 1000:.2f} ms CPU each), "
            f"{notices / taking:,.0f}/s read",
        )
        _print(way, "latency", _latency_of_a_broker(url, conn, broker, box))
    consumer = box.subscribe()
    box.fill(notices, consumer)
    lives = [str(relay.AT_ONCE // 2 + 7 * n % 50) for n in range(kills)]
    child = [sys.executable, "-m", "sxe_pipeline_tests.handoff.relaying", dsn, url, *lives]
    subprocess.run(child, check=True, capture_output=True, cwd=Path(__file__).parents[1])
    with queues.reading(url) as read:
        events = read(consumer)
    _print(way, "loss", _lost(events, notices, kills))
    return _missing(events, notices)


def _latency_of_a_broker(url, conn, broker, box):
    consumer = box.subscribe()
    box.fill(1, consumer)
    relay.relay(conn, broker)
    found = []
    with queues.reading(url) as read:
        read(consumer)
        for _ in range(_LATENCIES):
            box.fill(1, consumer)
            begun = time.perf_counter()
            relay.relay(conn, broker)
            while not read(consumer):
                pass
            found.append((time.perf_counter() - begun) * 1000)
    return "{:.1f} ms, 95 of 100 within {:.1f} ms".format(*_middle(found))


def _through_postgres(database, box, notices, kills):
    consumer = box.subscribe()
    key = box.key(consumer)
    box.fill(notices, consumer)
    taken = []
    with sql.connect(database.dsn("sxe_serve")) as conn:

        def drain():
            while found := outbox.take(conn, key, limit=100):
                for event in found:
                    outbox.done(conn, key, event["id"])
                    taken.append(event)

        wall, cpu = _timed(drain)
        _print(
            "postgres",
            "throughput",
            f"{notices / wall:,.0f}/s taken and done, one by one "
            f"({cpu / notices * 1000:.2f} ms CPU each)",
        )
        found = []
        for _ in range(_LATENCIES):
            box.fill(1, consumer)
            begun = time.perf_counter()
            (event,) = outbox.take(conn, key)
            found.append((time.perf_counter() - begun) * 1000)
            outbox.done(conn, key, event["id"])
        said = "{:.1f} ms, 95 of 100 within {:.1f} ms, and how often it asks"
        _print("postgres", "latency", said.format(*_middle(found)))
    events = _taken_while_cut(database, box, notices, kills)
    _print("postgres", "loss", _lost(events, notices, kills))
    return _missing(events, notices)


def _taken_while_cut(database, box, notices, kills):
    """What a consumer sees whose connection is cut so many times while it works."""
    consumer = box.subscribe()
    key = box.key(consumer)
    box.fill(notices, consumer)
    events, is_over = [], threading.Event()

    def cut():
        for _ in range(kills):
            time.sleep(0.15)
            box.owner(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'sxe_serve'"
            )
        is_over.set()

    killer = threading.Thread(target=cut)
    killer.start()
    while not is_over.is_set() or box.owner(
        "select 1 from handoff.outbox where consumer = %s and sent_at is null limit 1", consumer
    ):
        with contextlib.suppress(Exception), sql.connect(database.dsn("sxe_serve")) as conn:
            while found := outbox.take(conn, key, limit=20, lease_s=1):
                for event in found:
                    events.append(event)
                    outbox.done(conn, key, event["id"])
    killer.join()
    return events


def _lost(events, notices, kills):
    ids = [event["id"] for event in events]
    first = list(dict.fromkeys(event["sequence"] for event in events))
    order = "in order" if first == sorted(first) else "OUT OF ORDER"
    twice = len(ids) - len(set(ids))
    lost = _missing(events, notices)
    return f"{lost} of {notices:,} lost, {twice} twice, {order}; {kills} kills"


def _missing(events, notices):
    return notices - len({event["id"] for event in events})


def main(notices: int, kills: int) -> None:
    """Print a line for each way and question."""
    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        server = postgres.Server(Path(folder) / "postgres")
        with server.attached() as state:
            root = databases.superuser(state)
            root.execute(f"create database {databases.TEMPLATE} owner sxe_admin")
            migrate.upgrade(
                postgres.dsn(state, "sxe_admin", databases.TEMPLATE), state["passwords"]
            )
            print(f"{notices:,} notices")
            for way in ("postgres", "rabbitmq", "redis"):
                database = databases.copy_of(state, databases.TEMPLATE)
                with contextlib.closing(queues.Outbox(database)) as box:
                    if way == "postgres":
                        lost += _through_postgres(database, box, notices, kills)
                    elif queues.is_there(queues.URLS[way]):
                        lost += _through_a_broker(way, database, box, notices, kills)
                    else:
                        print(f"{way}: nobody answers there")
                databases.drop(database)
            databases.close(state)
        with contextlib.suppress(Exception):
            server.reset()
    measured.judge("notices", lost)


if __name__ == "__main__":
    main(*measured.sizes(3_000, 8))
