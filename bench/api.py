"""API: latency of a consumer's requests at a steady rate, alone and beside a build.

Usage: python bench/api.py [SECONDS] [REQUESTS A SECOND] [CONNECTIONS]

The API is the process that `sxe serve` starts; the build is one of 300,000 accounts in the same
database. Connections are kept, as a consumer keeps them, and a request is due by the clock, not
when the last one is answered: what waits counts. Most ask what is polled, one in ten reads a file
or the rows of a batch of 500 cards. The goal is a p95 of 100 ms at 20 requests a second over 16
connections.
"""

import contextlib
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

import day
import measured
import pyarrow as pa

from sxe_pipeline import schema
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.local import postgres
from sxe_pipeline.sign import Signer
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.gate.world import World, new_database
from sxe_pipeline_tests.handoff.conftest import card
from sxe_pipeline_tests.handoff.readers import Readers
from sxe_pipeline_tests.ports import free_port
from sxe_pipeline_tests.web.site import Site

CARDS = 500
ACCOUNTS = 300_000


def main(seconds, rate, connections):
    with tempfile.TemporaryDirectory() as folder:
        server = postgres.Server(Path(folder) / "postgres")
        with server.attached() as state:
            site, key, paths = prepared(state, Path(folder) / "handoff")
            home = Path(folder) / "home"
            day.land(home / "landing", date(2026, 1, 5), day.accounts(0, ACCOUNTS))
            with_api(site, key, paths, seconds, rate, connections, home)
        server.reset()


def prepared(state, store):
    """A database with a consumer and a batch, and what the consumer asks for."""
    world = World(new_database(state, "bench"))
    world.bootstrap()
    people = Readers(world.database, world.tokens)
    site = Site(people, Signer.generate(), free_port(), Objects(store.as_uri()))
    contract = schema.load("lead_card", "1.0.0")
    rows = [card(number, 1, "x_general") for number in range(CARDS)]
    batch = site.publish(pa.Table.from_pylist(rows, schema=contract.arrow()))
    key = site.key(consumer="bench")
    site.make_head()
    sealed = people.one("select manifest from handoff.batch where batch_id = %s", batch.batch_id)
    one = f"/v1/batches/{batch.batch_id}"
    large = [f"{one}/rows", f"{one}/files/{manifest.files_of(sealed)[0]['name']}"]
    polled = ["/v1/batches?contract=lead_card", one, "/v1/heads/lead_card", "/v1/slo"]
    return site, key, [*(polled * 5)[:18], *large]


def with_api(site, key, paths, seconds, rate, connections, home):
    env = {
        **os.environ,
        "SXE_SERVE_DATABASE_URL": site.database.dsn("sxe_serve"),
        "SXE_HANDOFF_STORE_URL": site.objects.url,
    }
    command = [Path(sys.executable).with_name("sxe"), "serve", "--port", str(site.port)]
    api = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        wait_for(site)
        took = asked(site.port, key, paths, seconds, rate, connections)
        report("alone", took, seconds, rate, connections)
        with building(home, site.database.dsn("sxe_social")):
            took = asked(site.port, key, paths, seconds, rate, connections)
        p95 = report("beside a build", took, seconds, rate, connections)
        measured.judge("api", p95)
    finally:
        api.terminate()
        api.wait()


@contextlib.contextmanager
def building(home, dsn):
    """A build until it is left; it must not end before."""
    running = []

    def build():
        for name in day.ACTS:
            act = subprocess.Popen(day.command(name, home, dsn), stdout=subprocess.DEVNULL)
            running[:] = [act]
            if act.wait():
                return
        running[:] = []

    builder = threading.Thread(target=build)
    builder.start()
    try:
        yield
        if not running:
            raise SystemExit("the build ended too early: give it more accounts")
    finally:
        for act in running:
            act.kill()
        builder.join()


def asked(port, key, paths, seconds, rate, connections):
    """Path -> seconds from when it was due to its last byte."""
    begun, took = time.monotonic() + 0.5, []

    def one(number):
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for turn in range(number, seconds * rate, connections):
            due = begun + turn / rate
            time.sleep(max(0, due - time.monotonic()))
            conn.request(
                "GET", paths[turn % len(paths)], headers={"Authorization": f"Bearer {key}"}
            )
            got = conn.getresponse()
            got.read()
            took.append((got.status, time.monotonic() - due))
        conn.close()

    threads = [threading.Thread(target=one, args=(n,)) for n in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def report(title, took, seconds, rate, connections):
    """Print a line; the p95 in milliseconds."""
    good = [1000 * s for status, s in took if status == 200]
    cuts = statistics.quantiles(good, n=100)
    print(
        f"{title}: {len(good)} of {seconds * rate} answered 200 over {connections} connections; "
        f"p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, p99 {cuts[98]:.0f} ms, "
        f"longest {max(good):.0f} ms"
    )
    return cuts[94]


def wait_for(site):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if site.ask("/healthz").status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the API does not answer")


if __name__ == "__main__":
    main(*measured.sizes(60, 20, 16))
