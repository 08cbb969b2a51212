"""Many processes that do the contact tier's work on the same requests, and are killed anywhere.

Here: a worker, and the crowd that its driver kills from and fills up again. What the provider saw
is written down in a schema of its own (`outside.sql`). Nothing is asserted here.
"""

import json
import os
import pickle
import random
import signal
import time

from sxe_pipeline.errors import Busy, Refused
from sxe_pipeline.gate import permits
from sxe_pipeline.store import sql
from sxe_pipeline_tests.apart import APART
from sxe_pipeline_tests.gate.paid import UNIT

HEARD_WITHIN_S = 1
"""A provider hears of a call within so many seconds after SENDING, or never."""

UNITS = {"email": UNIT, "phone": 8 * UNIT, "person": UNIT}
GIVES = {"email": ["email"], "phone": ["phone"], "person": ["email", "phone"]}


class Crowd:
    """Processes of `work`; the one that is killed is followed by another one."""

    def __init__(self, dsn, size, dice, seconds):
        self._dsn, self._dice, self._end = dsn, dice, time.time() + seconds
        self._workers = [self._one_more() for _ in range(size)]
        self.lost = 0

    def _one_more(self):
        seed = self._dice.randrange(1 << 32)
        worker = APART.Process(target=work, args=(self._dsn, seed, self._end), daemon=True)
        worker.start()
        return worker

    def kill_one(self):
        """SIGKILL to one of them, wherever it is."""
        self._dice.choice(self._workers).kill()

    def fill_up(self):
        """Another one for each that is dead, by the driver or by its own dice."""
        for place, worker in enumerate(self._workers):
            if worker.exitcode is not None and time.time() < self._end:
                if worker.exitcode != -signal.SIGKILL:
                    raise AssertionError(f"a worker ended by itself: {worker.exitcode}")
                self.lost += 1
                self._workers[place] = self._one_more()

    def stop(self):
        """SIGKILL to all."""
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.join(30)


def work(dsn, seed, end):
    """Sweep, launch, begin, poll and call, at random, until a moment or a death."""
    dice = random.Random(seed)
    conn = sql.open_unchecked(dsn)
    while time.time() < end:
        try:
            _turn(conn, dice)
        except (Busy, Refused):
            conn.rollback()
    time.sleep(60)  # its end is the driver's


def _turn(conn, dice):
    roll = dice.random()
    if roll < 0.04:
        permits.sweep(conn)
    elif roll < 0.08:
        permits.reconcile(conn, "apollo", _counter(conn, "apollo"))
    elif roll < 0.2:
        for launch in permits.claim_launches(conn, 1):
            _begin(conn, dice, launch)
    elif runs := _rows(conn, "select begun from outside.run order by made_at desc limit 8"):
        begun = pickle.loads(dice.choice(runs)[0])
        _ask(conn, dice, begun, dice.choice(begun.waterfall))


def _begin(conn, dice, launch):
    begun = permits.begin(conn, launch.request_id, launch.attempt, f"run-{dice.random()}")
    for call in begun.open_calls:
        if call.state == "AWAITING":
            _poll(conn, dice, begun, call)
    _rows(
        conn,
        "insert into outside.run values (%s, %s) on conflict (request_id) do update "
        "set begun = excluded.begun, made_at = clock_timestamp()",
        *(begun.request_id, pickle.dumps(begun)),
    )


def _ask(conn, dice, begun, provider):
    ((asked_at,),) = _rows(conn, "select clock_timestamp()")
    leave = permits.permit(conn, begun, provider)
    if isinstance(leave, permits.Denied):
        if leave.reason == "nothing_left" and dice.random() < 0.2:
            permits.finish(conn, begun)
        return
    _may_die(dice)
    ((until,),) = _rows(conn, f"select clock_timestamp() + interval '{HEARD_WITHIN_S} seconds'")
    sent = permits.sending(conn, leave)
    if isinstance(sent, permits.Denied):
        if sent.reason == "provider_busy":
            permits.release(conn, leave.call_id, leave.fence, sent.reason)
        return
    _may_die(dice)
    awaits = "phone" in leave.groups
    first = [g for g in leave.groups if not (g == "phone" and awaits)]
    share = dice.choices([1, 0, 1.5], [12, 3, 1])[0] if first else 0
    units = int(share * len(sent.items) * sum(UNITS[g] for g in first))
    if not _heard(conn, leave, sent, asked_at, until, units):
        permits.unknown(conn, leave.call_id, leave.fence, "timeout")
        return
    _may_die(dice)
    end = dice.random()
    if end < 0.1 and units == 0:
        permits.release(conn, leave.call_id, leave.fence, "429")
    elif end < 0.15:
        permits.unknown(conn, leave.call_id, leave.fence, "timeout")
    else:
        positions = [i.position for i in sent.items]
        answer = _answer(dice, first or leave.groups, positions)
        _settle(conn, dice, leave, {"units_micro": units, "awaiting": awaits, "found": answer})


def _poll(conn, dice, begun, call):
    units = dice.choice([0, 1]) * UNITS["phone"] * len(call.items)
    _rows(
        conn,
        "insert into outside.took values (%s, 'rest', %s) on conflict do nothing",
        *(call.call_id, units),
    )
    _may_die(dice)
    ((units,),) = _rows(
        conn, "select units from outside.took where call_id = %s and part = 'rest'", call.call_id
    )
    leave = permits.Permit(call.call_id, begun.fence, call.provider, call.groups, 0, 0)
    answer = _answer(dice, ["phone"], [i.position for i in call.items])
    _settle(conn, dice, leave, {"units_micro": units, "found": answer})


def _answer(dice, groups, positions):
    fields = [field for group in groups for field in GIVES[group]]
    outcome = dice.choice(["match", "no_match", "mismatch"])
    found = {"outcome": outcome, "fields": fields if outcome == "match" else []}
    return [{"position": position} | found for position in positions]


def _settle(conn, dice, leave, outcome):
    while True:
        try:
            with conn.transaction():
                permits.settle(conn, leave.call_id, leave.fence, {"http_status": 200} | outcome)
                _may_die(dice)
            return
        except Busy:
            # It waited for somebody, or the call is no longer this run's.
            if dice.random() < 0.3:
                return


def _heard(conn, leave, sent, asked_at, until, units):
    items = [
        {
            "position": i.position,
            "card_id": i.card_id,
            "inputs": json.dumps(dict(sorted(i.inputs.items()))),
        }
        for i in sent.items
    ]
    ((heard,),) = _rows(
        conn,
        "select outside.call(%s, %s, %s, %s, %s, %s, %s)",
        *(
            leave.call_id,
            leave.provider,
            units,
            asked_at,
            until,
            list(leave.groups),
            json.dumps(items),
        ),
    )
    return heard


def _counter(conn, provider):
    ((units,),) = _rows(
        conn,
        "select coalesce(sum(units), 0)::bigint from outside.took "
        "where call_id in (select call_id from outside.asked where provider = %s)",
        provider,
    )
    return units


def _may_die(dice):
    if dice.random() < 0.01:
        os.kill(os.getpid(), signal.SIGKILL)


def _rows(conn, statement, *values):
    with conn.transaction():
        done = conn.execute(statement, values)
        return done.fetchall() if done.description else []
