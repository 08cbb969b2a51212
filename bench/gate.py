"""Gate: permits a second against the bare guarded UPDATE, and what a naive sum grants too much.

Usage: python bench/gate.py [ROUNDS] [PROCESSES]

A permit is the committed first transaction of a call. All three ways run in the same processes on
the same durable server (fsync on), in turns, so that a slow minute hits each of them. Prints
numbers only; the goal is a ratio of 0.4.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from sxe_pipeline.errors import Busy
from sxe_pipeline.gate import permits
from sxe_pipeline.sandbox import postgres
from sxe_pipeline.store import migrate, roles, sql
from sxe_pipeline_tests.gate.race import race
from sxe_pipeline_tests.gate.world import APOLLO, MARKET, Copy, World

EACH = 24
"""Of each kind, for each process and round. A permit is of a request of its own, as a lane has one
call in flight; so nothing that is reserved is looked at again."""

GUARDED = "update bench.budget set reserved = reserved + 50000 where reserved + 50000 <= cap"
SUMMED = "select coalesce(sum(amount), 0) + 50000 <= %s from bench.grant_made where round = %s"
GRANTED = "insert into bench.grant_made (round, amount) values (%s, 50000)"


def _permit(conn, begun):
    for n in range(EACH):
        while True:
            try:
                answer = permits.permit(conn, begun[n % len(begun)], "apollo")
            except Busy:
                continue
            assert isinstance(answer, permits.Permit), answer
            break


def _guard(conn):
    for _ in range(EACH):
        with conn.transaction():
            assert conn.execute(GUARDED).rowcount == 1


def _sum_then_insert(conn, turn, cap):
    for _ in range(EACH):
        with conn.transaction():
            if conn.execute(SUMMED, [cap, turn]).fetchone()[0]:
                conn.execute(GRANTED, [turn])


def _release(conn, begun):
    for one in begun:
        rows = conn.execute(
            "select call_id from bench.reserved where request_id = %s", [one.request_id]
        ).fetchall()
        conn.commit()
        for (call_id,) in rows:
            permits.release(conn, call_id, one.fence, "bench")


def work(dsn, begun, rounds, cap, line):
    """One process: each kind in turn, all processes at the same time; seconds by kind."""
    conn, took = sql.connect(dsn), {"permit": [], "guarded": [], "naive": []}
    for turn in range(rounds):
        for kind, run in (
            ("permit", lambda: _permit(conn, begun)),
            ("guarded", lambda: _guard(conn)),
            ("naive", lambda turn=turn: _sum_then_insert(conn, turn, cap)),
        ):
            line.wait()
            began = time.perf_counter()
            run()
            line.wait()
            took[kind].append(time.perf_counter() - began)
        _release(conn, begun)
    conn.close()
    return took


def _prepare(state, processes):
    admin = postgres.dsn(state, "sxe_admin", "bench")
    with psycopg.connect(postgres.dsn(state, "postgres", "postgres"), autocommit=True) as conn:
        conn.execute("create database bench owner sxe_admin")
    roles.ensure(admin, state["passwords"])
    migrate.upgrade(admin)
    migrate.open_database(admin)
    world = World(Copy(state, "bench"))
    world.open(cap=10**12, prices=(APOLLO | {"batch_max": 1},))
    world.settings(max_tries=10**6)
    for statement in (
        "create schema bench",
        "create table bench.budget (cap bigint, reserved bigint, check (reserved <= cap)) "
        "with (fillfactor = 50)",
        "insert into bench.budget values (1000000000000, 0)",
        "create table bench.grant_made (round int, amount bigint)",
        "create view bench.reserved as select call_id, request_id from gate.call "
        "where state = 'RESERVED'",
        "grant usage on schema bench to sxe_contacts",
        "grant select, insert, update on all tables in schema bench to sxe_contacts",
    ):
        world.owner(statement)
    for n in range(processes * EACH):
        world.approve(world.submit(card_ids=world.cards(2, market=MARKET, prefix=f"r{n}")))
    begun = []
    while launched := world.launch():
        begun += launched
    world.owner("update gate.request set lease_until = now() + interval '1 day'")
    return world, begun


def measure(rounds, processes):
    """Print rates, the ratio, and by how much the naive sum passed its cap."""
    with tempfile.TemporaryDirectory() as home:
        server = postgres.Server(Path(home), durable=True)
        with server.attached() as state:
            world, begun = _prepare(state, processes)
            cap = processes * EACH * 50_000 // 2
            shares = [begun[n * EACH : (n + 1) * EACH] for n in range(processes)]
            took = race(work, [(world.database.dsn("sxe_contacts"), share, rounds, cap)
                               for share in shares], shared_line=True)  # fmt: skip
            over = [
                max(0, granted - cap) // 50_000
                for (granted,) in world.owner(
                    "select sum(amount)::bigint from bench.grant_made group by round"
                )
            ]
            world.assert_books_are_right()
            world.close()
        server.reset()
    count = processes * EACH
    rates = {
        kind: [count / max(one[kind][turn] for one in took) for turn in range(rounds)]
        for kind in ("permit", "guarded", "naive")
    }
    for kind, found in rates.items():
        print(f"{kind:8} {statistics.median(found):8,.0f}/s  "
              f"({min(found):,.0f} to {max(found):,.0f})")  # fmt: skip
    ratios = [p / g for p, g in zip(rates["permit"], rates["guarded"], strict=True)]
    print(f"ratio    {statistics.median(ratios):8.2f}  permit to guarded, of {rounds} rounds")
    print(f"naive sum: past its cap in {sum(o > 0 for o in over)} of {rounds} rounds, "
          f"by up to {max(over)} grants of {count // 2}")  # fmt: skip


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    measure(*(given + [7, 8][len(given) :]))
