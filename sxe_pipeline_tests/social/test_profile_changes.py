"""Profiles that are made of the difference are those that all observations make."""

import itertools
from contextlib import contextmanager
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxe_pipeline.ops import versions
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.tables import OBSERVATION, POST_SIGHTING, POST_TERMS, PROFILE, SIGHTING
from sxe_pipeline.social import observe, profiles
from sxe_pipeline.store import buckets, delta, tables
from sxe_pipeline_tests import named
from sxe_pipeline_tests.social.landing import NOW
from sxe_pipeline_tests.social.test_merge import answered, at, histories, post, seen

OURS = (SIGHTING, POST_SIGHTING, PROFILE, POST_TERMS)


class Home:
    """A store whose observations are put there as they are, day by day."""

    def __init__(self, conn, root):
        self.conn, self.root = conn, root
        self.days = {}
        self._seconds = itertools.count()

    def put(self, *days):
        """Replace days by observations: (day, rows)."""
        with self.conn.transaction():
            tables.lock(self.conn, observe.TABLE)
            for day, rows in days:
                on = seen("id:0")["landed_day"] + timedelta(days=day)
                self.days[day] = [row | {"landed_day": on} for row in rows]
                table = pa.Table.from_pylist(self.days[day], schema=OBSERVATION.schema)
                reader = table.to_reader()
                version = tables.write(self.conn, self.root, observe.TABLE, reader, days=[on])
                named.name(self.conn, observe.TABLE, version, inputs=f"{day} {version}")

    def rebuild(self, **more):
        now = NOW + timedelta(seconds=next(self._seconds))
        return profiles.rebuild(self.conn, self.root, actor="test", now=now, **more)

    def rows(self, table):
        with self.conn.transaction():
            stored = tables.snapshot(self.conn, self.root, table.name)
        rows = stored.to_table().to_pylist()
        return sorted(rows, key=lambda row: [row[name] for name in table.key])

    def expected(self, table, name):
        """The rows that all observations make, with nothing known of before."""
        rows = answered([row for day in self.days.values() for row in day], name)
        return sorted(rows, key=lambda row: [row[name] for name in table.key])

    def versions(self):
        with self.conn.transaction():
            return {t.name: versions.named(self.conn, t.name).version for t in OURS}

    def is_even(self):
        for table, name in ((PROFILE, "profiles"), (POST_TERMS, "posts")):
            assert self.rows(table) == self.expected(table, name)
        return True


@pytest.fixture
def home(tier):
    return Home(tier.conn, tier.root)


@pytest.fixture
def small(monkeypatch):
    """Buckets of two rows, so that a test fills many."""
    monkeypatch.setattr(buckets, "ROWS", 2)


STEPS = st.lists(
    st.tuples(histories(), st.none() | st.sets(st.integers(0, 2), min_size=1)),
    min_size=4,
    max_size=7,
)
"""Of each step what is landed, and the days that it replaces, other rows left out; None: a day of
its own."""


@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=STEPS,
    most_new=st.sampled_from([0.0, 0.5, 1_000.0]),
    at_once=st.sampled_from([2, 1_000]),
)
def test_after_any_steps_the_rows_are_those_that_all_observations_make(
    tier, tmp_path_factory, small, monkeypatch, steps, most_new, at_once
):
    monkeypatch.setattr(duck, "rows_at_once", lambda row_bytes: at_once)
    monkeypatch.setattr(profiles, "_MOST_NEW", most_new)
    monkeypatch.setattr(profiles, "_MOST_REPLACED", 1.0)
    with tier.conn.transaction(force_rollback=True):
        home = Home(tier.conn, tmp_path_factory.mktemp("tier1").as_uri())
        for number, (rows, replaced) in enumerate(steps, 3):
            if replaced is None:
                home.put((number, rows))
            else:
                first = seen("id:0")["landed_day"]
                home.put(
                    *(
                        (day, [r for r in rows if r["landed_day"] == first + timedelta(days=day)])
                        for day in sorted(replaced)
                    )
                )
            home.rebuild()
            assert home.is_even()
        written = [home.rows(table) for table in (PROFILE, POST_TERMS)]
        home.rebuild(is_whole=True)
        assert [home.rows(table) for table in (PROFILE, POST_TERMS)] == written


def many(count=40, **known):
    rows = (seen(f"id:{n}", row=n, handle=f"user{n}", bio="baker") for n in range(count))
    return [row | known for row in rows]


@pytest.mark.parametrize("at_once", [1_000, 9])
def test_a_whole_rebuild_of_what_is_there_writes_nothing(home, small, monkeypatch, at_once):
    home.put((0, many(own_posts=[post("1", ["rye"], [])])))
    home.rebuild()
    before = home.versions()
    assert home.is_even()

    monkeypatch.setattr(duck, "rows_at_once", lambda row_bytes: at_once)
    home.rebuild(is_whole=True)

    assert home.versions() == before


def test_a_day_writes_no_more_than_the_buckets_of_its_accounts(home, small, monkeypatch):
    home.put((0, many()))
    home.rebuild()
    before, written = home.versions(), []
    monkeypatch.setattr(
        delta,
        "put_file",
        lambda *args, real=delta.put_file: written.append(args[1:3]) or real(*args),
    )

    home.put((1, [seen("id:7", row=1, observed_at=at(9), handle="new", bio="cook")]))
    written.clear()
    home.rebuild()

    [(name, _)] = written
    assert name == PROFILE.name
    assert {n for n, version in home.versions().items() if version != before[n]} == {PROFILE.name}
    assert home.is_even()


def test_only_the_days_that_differ_are_read(home, monkeypatch):
    home.put((0, many()), (1, [seen("id:7", row=1)]), (2, []))
    home.rebuild()
    read = set()
    real = buckets.attach

    def attach(engine, view, stored, table, numbers=None, by=buckets.COLUMN):
        if stored.name == observe.TABLE:
            read.update(["all"] if numbers is None else map(str, numbers))
        real(engine, view, stored, table, numbers, by)

    monkeypatch.setattr(buckets, "attach", attach)
    home.put((2, [seen("id:8", row=1, observed_at=at(9))]))
    home.rebuild()
    assert read == {"2026-03-10"}

    home.put((1, []))
    home.rebuild()
    assert "all" in read, "an account that lost an observation is read anew"
    assert home.is_even()


def test_what_came_is_put_among_what_is_kept_when_it_is_much(home):
    home.put((0, many(8)))
    home.rebuild()
    kept = [home.versions()[SIGHTING.name]]
    for day in range(1, 4):
        home.put((day, many(3, observed_at=at(day))))
        home.rebuild()
        kept.append(home.versions()[SIGHTING.name])
        assert home.is_even()

    assert kept[0] == kept[1] < kept[2] == kept[3]
    state = {row["account_key"]: row for row in home.rows(SIGHTING)}
    assert {key: row["observation_count"] for key, row in state.items()} == {
        f"id:{n}": 3 if n < 3 else 1 for n in range(8)
    }


def test_what_an_observation_does_not_say_any_more_is_nowhere(home):
    """Newer rules redact stored rows: what they find must go from what is kept of them."""
    secret = "ana at bread"
    home.put((0, [*many(8), seen("id:9", row=99, bio=secret, handle="ana")]), (1, many(12)))
    home.rebuild()
    assert secret in str(home.rows(SIGHTING))

    home.put((0, [*many(8), seen("id:9", row=99, bio="[email]", handle="ana")]))
    home.rebuild()

    assert not any(secret in str(home.rows(table)) for table in OURS)
    assert home.is_even()


def test_what_is_kept_in_other_columns_is_made_whole(home, monkeypatch):
    home.put((0, many(4)))
    home.rebuild()
    monkeypatch.setattr(buckets, "is_kept_in", lambda stored, table: table is not SIGHTING)
    home.put((1, many(2)))
    read = []
    monkeypatch.setattr(
        profiles.sightings, "find_new", lambda *args: read.append(args) or pytest.fail("read")
    )
    home.rebuild()
    assert home.is_even()


class Killed(Exception):
    """The process ends here."""


@contextmanager
def killed_at(monkeypatch, number):
    """Die instead of the commit of that number."""
    left, real = itertools.count(), delta.replace

    def commit(*args):
        if next(left) == number:
            raise Killed
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(delta, "replace", commit)
        yield


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("most_replaced", [0.5, 1.0], ids=["whole", "of the difference"])
def test_a_build_that_is_killed_between_its_tables_is_made_again(
    home, monkeypatch, number, most_replaced
):
    monkeypatch.setattr(profiles, "_MOST_REPLACED", most_replaced)
    home.put((0, many(4, own_posts=[post("1", ["rye"], [])])), (2, many(1, bio="cook")))
    home.rebuild()
    before = {table.name: home.rows(table) for table in OURS}
    home.put((0, []), (1, many(3, observed_at=at(3), own_posts=[post("2", ["tea"], [])])))

    with pytest.raises(Killed), killed_at(monkeypatch, number):
        home.rebuild()

    assert {table.name: home.rows(table) for table in OURS} == before
    home.rebuild()
    assert home.is_even()
    assert {row["account_key"] for row in home.rows(SIGHTING)} == {"id:0", "id:1", "id:2"}
