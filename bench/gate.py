"""Gate: permits a second against the bare guarded UPDATE, and what a naive sum grants too much.

Usage: python bench/gate.py [ROUNDS] [PROCESSES]

A permit is the committed first transaction of a call. All ways run in the same processes on one
durable server (fsync on), in turns, so that a slow minute hits each of them, and like is compared
with like: once nobody waits for the disk, as a permit does in the product (it is on disk when
SENDING is), and once everybody does. Prints numbers only; the goal is a ratio of 0.4 to the update
of one budget, either way.
"""

import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import measured

from sxe_pipeline.errors import Busy
from sxe_pipeline.local import postgres
from sxe_pipeline.store import sql
from sxe_pipeline.store.functions import at_once, translated_errors
from sxe_pipeline_tests.gate.race import race
from sxe_pipeline_tests.gate.world import APOLLO, World, new_database

KINDS = ("permit", "four", "guarded")
WAITS = {False: "no wait for the disk", True: "on disk"}
EACH = 24
"""Of each kind, for each process and round. A permit is of a request of its own, as a run has one
call at a time, and of a card that nobody was asked about, as most are."""

FOUR = (
    "with held as (select budget_id from bench.budgets where budget_id = any (%s) "
    "order by budget_id for no key update) "
    "update bench.budgets b set reserved = reserved + 50000 from held "
    "where b.budget_id = held.budget_id and reserved + spent + overrun + 50000 <= cap"
)
GUARDED = (
    "update bench.budgets set reserved = reserved + 50000 "
    "where budget_id = 1 and reserved + spent + overrun + 50000 <= cap"
)
PERMIT = "select gate.permit(%s, %s, 'apollo')"
ON_DISK = PERMIT + ", set_config('synchronous_commit', 'on', true)"
"""The permit asks for no wait; what is said last counts at the commit."""
SUMMED = "select coalesce(sum(amount), 0) + 50000 <= %s from bench.grant_made where round = %s"
GRANTED = "insert into bench.grant_made (round, amount) values (%s, 50000)"


def _permit(conn, begun, waits):
    for n in range(EACH):
        one = begun[n % len(begun)]
        while True:
            try:
                with translated_errors(), at_once(conn):
                    answer = conn.execute(ON_DISK if waits else PERMIT, [one.request_id, one.fence])
            except Busy:
                continue
            assert answer.fetchone()[0]["granted"]
            break


def _guard(conn):
    for _ in range(EACH):
        with at_once(conn):  # as the permit: a statement, its own transaction
            assert conn.execute(GUARDED).rowcount == 1


def _guard_four(conn, own):
    for n in range(EACH):
        with at_once(conn):
            assert conn.execute(FOUR, [[1, 2, 3, own[n % len(own)]]]).rowcount == 4


def _sum_then_insert(conn, turn, cap):
    for _ in range(EACH):
        with conn.transaction():
            if conn.execute(SUMMED, [cap, turn]).fetchone()[0]:
                conn.execute(GRANTED, [turn])


def _own(process):
    """Rows of `bench.budgets` that only this process draws on, as a call does on its request."""
    first = 4 + process * EACH
    return list(range(first, first + EACH))


def _pass_over(conn, begun):
    """As if they were booked: the next permit is of the next card, which nobody was asked about."""
    with conn.transaction():
        conn.execute("select bench.pass_over(%s)", [[one.request_id for one in begun]])


def work(dsn, begun, own, rounds, cap, line):
    """One process: each way in turn, all processes at the same time; seconds by way."""
    conn, took = sql.connect(dsn), defaultdict(list)
    run = {
        "permit": lambda waits, _: _permit(conn, begun, waits),
        "guarded": lambda *_: _guard(conn),
        "four": lambda *_: _guard_four(conn, own),
        "naive": lambda _, turn: _sum_then_insert(conn, turn, cap),
    }
    for turn in range(rounds):
        for kind, waits in (
            *((kind, waits) for waits in WAITS for kind in KINDS),
            ("naive", True),
        ):
            with at_once(conn):
                conn.execute(f"set synchronous_commit to {'on' if waits else 'off'}")
            line.wait()
            began = time.perf_counter()
            run[kind](waits, turn)
            line.wait()
            took[kind, waits].append(time.perf_counter() - began)
            if kind == "permit":
                _pass_over(conn, begun)
    conn.close()
    return took


def _prepare(state, processes, rounds):
    world = World(new_database(state, "bench"))
    world.open(cap=10**12, prices=(APOLLO | {"batch_max": 1},))
    world.settings(max_tries=10**6)
    for statement in (
        "create schema bench",
        "create table bench.budgets (like gate.budget including all)",
        "insert into bench.budgets (request_id, cap) select gen_random_uuid(), 1000000000000 "
        f"from generate_series(1, {3 + processes * EACH})",
        "create table bench.grant_made (round int, amount bigint)",
        "create function bench.pass_over(_requests uuid[]) returns void language sql "
        "security definer as $$ update gate.request_item i set done_by = '{apollo}' "
        "from gate.call_item c "
        "join gate.call k using (call_id) where k.request_id = any (_requests) "
        "and k.request_id = i.request_id and c.position = i.position and i.done_by = '{}' $$",
        "grant usage on schema bench to sxe_contacts",
        "grant select, insert, update on all tables in schema bench to sxe_contacts",
    ):
        world.owner(statement)
    for n in range(processes * EACH):
        world.approve(world.submit(card_ids=world.cards(2 * rounds + 1, prefix=f"r{n}")))
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
            world, begun = _prepare(state, processes, rounds)
            cap = processes * EACH * 50_000 // 2
            shares = [begun[n * EACH : (n + 1) * EACH] for n in range(processes)]
            took = race(
                work,
                [
                    (world.database.dsn("sxe_contacts"), share, _own(n), rounds, cap)
                    for n, share in enumerate(shares)
                ],
                shared_line=True,
            )
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
        way: [count / max(one[way][turn] for one in took) for turn in range(rounds)]
        for way in took[0]
    }
    for (kind, waits), found in rates.items():
        print(f"{kind:8} {WAITS[waits]:21} {statistics.median(found):8,.0f}/s  "
              f"({min(found):,.0f} to {max(found):,.0f})")  # fmt: skip
    for waits, how in WAITS.items():
        for kind, what in (("four", "the four budgets of a call"), ("guarded", "one budget")):
            pairs = zip(rates["permit", waits], rates[kind, waits], strict=True)
            ratio = statistics.median(p / g for p, g in pairs)
            print(f"permit to the bare guarded update of {what}, both {how}: {ratio:.2f}")
            if kind == "guarded":
                measured.judge("gate_on_disk" if waits else "gate", ratio)
    print(f"naive sum: past its cap in {sum(o > 0 for o in over)} of {rounds} rounds, "
          f"by up to {max(over)} grants of {count // 2}")  # fmt: skip


if __name__ == "__main__":
    measure(*measured.sizes(7, 8))
