"""What is due is asked for again until it is done or red, whatever became of the run."""

import time
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import settings as tries
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sxe_pipeline.ops import runs, work
from sxe_pipeline.settings import Pace

PACE = Pace(start_grace=60, retry_pause=0)
DAY = "2031-02-01"


def ask(conn, due, pace=PACE, **more):
    return work.ask(conn, work.INTAKE, due, pace, **more)


def ended(conn, asked, outcome, reason=None):
    """A run that took the ask up and ended so."""
    run_id = f"run of {asked.ask_id}"
    with conn.transaction():
        conn.execute(
            "insert into ops.run (run_id, lease_until, ended_at, outcome, reason) "
            "values (%s, clock_timestamp(), clock_timestamp(), %s, %s)",
            [run_id, outcome, reason],
        )
        conn.execute("update ops.work set run_id = %s where ask_id = %s", [run_id, asked.ask_id])


def row(conn, subject=DAY):
    with conn.transaction():
        found = work.rows(conn, ["asked", "waiting", "red", "done"])
    return next(r for r in found if r.subject == subject)


def test_what_is_due_is_asked_for_once(conn):
    [first] = ask(conn, {DAY: "a"})

    assert ask(conn, {DAY: "a"}) == []
    assert (first.subjects, first.attempt) == ((DAY,), 1)


def test_what_is_not_due_any_more_is_done(conn):
    ask(conn, {DAY: "a"})

    assert ask(conn, {}) == []
    assert row(conn).state == "done"
    assert [a.attempt for a in ask(conn, {DAY: "b"})] == [2]


@pytest.mark.parametrize("outcome", ["transient", "unexpected", "lost", "ended"])
def test_d02_what_may_go_better_is_asked_for_again_five_times_and_is_red_then(conn, outcome):
    keys = set()
    for attempt in range(1, 6):
        [asked] = ask(conn, {DAY: "a"})
        assert asked.attempt == attempt
        keys.add(asked.run_key)
        ended(conn, asked, outcome)
        assert ask(conn, {DAY: "a"}) == []

    assert row(conn).state == "red"
    assert ask(conn, {DAY: "a"}) == []
    assert len(keys) == 5, "Dagster drops a key that it has seen"


def test_a_refusal_is_red_at_once_and_says_why(conn):
    [asked] = ask(conn, {DAY: "a"})
    ended(conn, asked, "refused", "the file is gone")

    assert ask(conn, {DAY: "a"}) == []
    assert (row(conn).state, row(conn).reason) == ("red", "the file is gone")


def test_other_inputs_are_asked_for_at_once_and_counted_anew(conn):
    [asked] = ask(conn, {DAY: "a"})
    ended(conn, asked, "refused")
    ask(conn, {DAY: "a"})

    [again] = ask(conn, {DAY: "b"})

    assert again.attempt == 2
    assert row(conn).failures == 0


def test_the_pause_doubles(conn):
    slow = replace(PACE, retry_pause=60)
    waits = []
    for _ in range(3):
        [asked] = ask(conn, {DAY: "a"}, slow)
        ended(conn, asked, "transient")
        assert ask(conn, {DAY: "a"}, slow) == []
        found = row(conn)
        waits.append((found.retry_at - found.changed_at).total_seconds())
        with conn.transaction():
            conn.execute("update ops.work set retry_at = clock_timestamp()")

    assert [round(wait / 60) for wait in waits] == [1, 2, 4]


def test_an_ask_that_no_run_took_up_is_lost_after_the_grace_unless_it_is_queued(conn):
    quick = replace(PACE, start_grace=0)
    [asked] = ask(conn, {DAY: "a"}, quick)

    assert ask(conn, {DAY: "a"}, quick, queued=[asked.ask_id]) == []
    assert row(conn).state == "asked"
    ask(conn, {DAY: "a"}, quick)
    assert (row(conn).state, row(conn).outcome) == ("waiting", "lost")


def follows(left, right):
    return date.fromisoformat(left) + timedelta(days=1) == date.fromisoformat(right)


def test_days_that_follow_each_other_are_one_run_and_never_across_a_gap(conn):
    due = dict.fromkeys(["2031-02-01", "2031-02-02", "2031-02-04"], "a")

    asks = ask(conn, due, together=follows)

    assert [a.subjects for a in asks] == [("2031-02-01", "2031-02-02"), ("2031-02-04",)]


def test_one_bad_day_does_not_hold_up_its_neighbours(conn):
    due = dict.fromkeys(["2031-02-01", "2031-02-02", "2031-02-03"], "a")
    [stretch] = ask(conn, due, together=follows)
    ended(conn, stretch, "refused", "a file is gone")
    ask(conn, due, together=follows)

    singles = ask(conn, due, together=follows)
    for each, outcome in zip(singles, ["ended", "refused", "ended"], strict=True):
        ended(conn, each, outcome, "a file is gone")
    ask(conn, {"2031-02-02": "a"}, together=follows)

    assert [a.subjects for a in singles] == [("2031-02-01",), ("2031-02-02",), ("2031-02-03",)]
    assert [row(conn, day).state for day in due] == ["done", "red", "done"]


def test_what_is_due_later_waits(conn):
    assert ask(conn, {DAY: "a"}, later=[DAY]) == []
    assert len(ask(conn, {DAY: "a"})) == 1


def test_a_run_ties_itself_to_what_it_was_asked_for(conn, database):
    [asked] = ask(conn, {DAY: "a"})
    tags = {runs.ASK: str(asked.ask_id)}

    with runs.held(database.dsn("sxe_social"), "run-1", tags, lease_s=60):
        assert row(conn).run_id == "run-1"
        assert ask(conn, {DAY: "a"}, replace(PACE, start_grace=0)) == [], "it is under way"
    time.sleep(0.01)
    ask(conn, {DAY: "a"})
    assert row(conn).outcome == "unexpected", "it ended, and its work is still due"


class Month(RuleBasedStateMachine):
    """Whatever happens to runs, each day is under way, waiting, red for a reason, or done."""

    connection = None

    def __init__(self):
        super().__init__()
        self.inputs, self.open, self.made = {}, {}, {}

    @initialize()
    def empty(self):
        with self.connection.transaction():
            self.connection.execute("delete from ops.work")

    def tick(self):
        due = {d: i for d, i in self.inputs.items() if self.made.get(d) != i}
        for asked in work.ask(
            self.connection, work.INTAKE, due, PACE, queued=list(self.open), together=follows
        ):
            for subject in asked.subjects:
                assert all(subject not in a.subjects for a in self.open.values()), "asked twice"
            self.open[asked.ask_id] = asked

    @rule(day=st.integers(1, 5), inputs=st.sampled_from("abc"))
    def land(self, day, inputs):
        self.inputs[f"2031-02-{day:02}"] = inputs
        self.tick()

    @precondition(lambda self: self.open)
    @rule(
        pick=st.integers(0, 9),
        outcome=st.sampled_from(["ended", "transient", "unexpected", "refused", "lost"]),
        does_it=st.booleans(),
    )
    def end(self, pick, outcome, does_it):
        ids = sorted(self.open, key=lambda each: self.open[each].subjects)
        asked = self.open.pop(ids[pick % len(ids)])
        if does_it or outcome == "ended":
            self.made |= {day: self.inputs[day] for day in asked.subjects}
        ended(self.connection, asked, outcome)
        self.tick()

    @invariant()
    def every_day_is_somewhere(self):
        with self.connection.transaction():
            rows = {r.subject: r for r in work.rows(self.connection, ["asked", "waiting", "red"])}
        for day, inputs in self.inputs.items():
            if self.made.get(day) == inputs:
                continue
            assert day in rows, f"{day} is forgotten"
            if rows[day].state == "red":
                assert rows[day].outcome == "refused" or rows[day].failures >= work.MOST_FAILURES

    def teardown(self):
        """Left to itself, and nothing goes wrong any more: it comes to an end."""
        for _ in range(12):
            self.tick()
            for asked in list(self.open.values()):
                self.made |= {day: self.inputs[day] for day in asked.subjects}
                ended(self.connection, self.open.pop(asked.ask_id), "ended")
        with self.connection.transaction():
            left = work.rows(self.connection, ["asked", "waiting"])
        assert left == []


def test_no_order_of_ends_forgets_a_day_or_asks_twice(conn):
    machine = type("Month", (Month,), {"connection": conn})

    run_state_machine_as_test(
        machine, settings=tries(max_examples=25, stateful_step_count=20, deadline=None)
    )
