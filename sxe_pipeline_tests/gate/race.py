"""What the processes of the concurrency tests and of the benchmark do; each has its own login.

Here: functions that another process can import. Nothing is asserted here.
"""

import random
import time
from collections import Counter

from sxe_pipeline.errors import Busy, SxeError
from sxe_pipeline.gate import permits
from sxe_pipeline.store import sql
from sxe_pipeline_tests.apart import APART


def race(target, arguments, *, shared_line=False):
    """Run a function in as many processes as there are argument tuples, from one start.

    Args:
        target: The function; a spawned process imports it.
        arguments: A tuple for each process.
        shared_line: Whether it takes the barrier too, as its last argument.

    Returns:
        What each of them returned, in no order.
    """
    answers, line = APART.Queue(), APART.Barrier(len(arguments))
    runners = [
        APART.Process(target=_run, args=(target, given, line, answers, shared_line))
        for given in arguments
    ]
    for runner in runners:
        runner.start()
    found = [answers.get(timeout=120) for _ in runners]
    for runner in runners:
        runner.join(30)
    if failed := [answer for answer in found if isinstance(answer, str)]:
        raise AssertionError(failed[0])
    return found


def _run(target, given, line, answers, shared_line):
    try:
        line.wait(60)
        answers.put(target(*given, *([line] if shared_line else [])))
    except BaseException as error:
        answers.put(f"{type(error).__name__}: {error}")
        raise


def attempt(dsn, begun, count, provider="apollo"):
    """Ask for that many permits, over several requests in turn."""
    seen = Counter()
    conn = sql.connect(dsn)
    for n in range(count):
        try:
            answer = permits.permit(conn, begun[n % len(begun)], provider)
        except Busy:
            seen["busy"] += 1
            continue
        seen["granted" if isinstance(answer, permits.Permit) else answer.reason] += 1
    conn.close()
    return seen


def claim(dsn, limit):
    """A daemon's ticks, until three in a row find nothing."""
    found, idle = [], 0
    conn = sql.connect(dsn)
    while idle < 3:
        launches = permits.claim_launches(conn, limit)
        idle = 0 if launches else idle + 1
        found += [launch.run_key for launch in launches]
    conn.close()
    return found


def begin(dsn, request_id, attempt_no, run_id):
    """One of several runs of one launch."""
    conn = sql.connect(dsn)
    try:
        return permits.begin(conn, request_id, attempt_no, run_id).fence
    except SxeError as error:
        return type(error)
    finally:
        conn.close()


def storm(dsn, begun, seed, seconds):
    """Everything that the contact tier does, at random, beside the others.

    Returns:
        Counts by what happened, with `charged`: micros that the provider took outside.
    """
    dice, seen, done = random.Random(seed), Counter(charged=0), []
    conn = sql.open_unchecked(dsn)  # the test keeps circuits closed by a trigger of its own
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            _gust(conn, dice, begun, seen, done)
        except Busy:
            conn.rollback()
            seen["busy"] += 1
    conn.close()
    return seen


LATE = (
    "alter function gate.late(uuid, bigint, text) security definer; "
    "grant execute on function gate.late(uuid, bigint, text) to sxe_contacts"
)
"""Two people book a late charge; who races has one connection, so the test lets it book alone."""


def book_late(conn, call_id, units_micro):
    """A charge that an invoice names later."""
    with conn.transaction():
        conn.execute("select gate.late(%s, %s, 'test')", [call_id, units_micro])


def _gust(conn, dice, begun, seen, done):
    roll = dice.random()
    if roll < 0.1:
        permits.sweep(conn)
    elif roll < 0.2:
        permits.reconcile(conn, "apollo", dice.randrange(10**6))
    elif roll < 0.3 and done:
        _persist(seen, lambda: book_late(conn, dice.choice(done), 20))
        seen["charged"] += 1
    else:
        leave = permits.permit(conn, dice.choice(begun), "apollo")
        if isinstance(leave, permits.Permit):
            _call(conn, dice, leave, seen, done)


def _call(conn, dice, leave, seen, done):
    sent = permits.sending(conn, leave)
    if isinstance(sent, permits.Denied):
        seen[sent.reason] += 1
        if sent.reason == "provider_busy":
            permits.release(conn, leave.call_id, leave.fence, "provider_busy")
        return
    seen["sent"] += 1
    end = dice.random()
    if end < 0.2:
        _persist(seen, lambda: permits.release(conn, leave.call_id, leave.fence, "429"))
        return
    if end < 0.3:
        _persist(seen, lambda: permits.unknown(conn, leave.call_id, leave.fence, "timeout"))
        return
    units = dice.choice([0, 1_000_000, 1_500_000])
    found = [{"position": i.position, "outcome": "no_match", "fields": []} for i in sent.items]
    outcome = {"units_micro": units, "found": found, "http_status": 200}

    def settle():
        with conn.transaction():
            permits.settle(conn, leave.call_id, leave.fence, outcome)

    _persist(seen, settle)
    seen["charged"] += units // 20
    done.append(leave.call_id)


def _persist(seen, move):
    while True:
        try:
            return move()
        except Busy:
            seen["again"] += 1
