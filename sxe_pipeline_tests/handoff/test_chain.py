from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sxe_pipeline.handoff.chain import day_to_publish, open_days

DAY = date(2026, 3, 10)
days = st.integers(-6, 6).map(lambda n: DAY + timedelta(days=n))


@given(st.sets(days), st.sets(days), days)
def test_an_open_day_is_later_than_every_published_one_and_not_old(asked, published, newest):
    for day in asked:
        is_late = all(day > other for other in published)
        is_fresh = day >= newest - timedelta(days=1)

        assert (day in open_days(asked, published, newest)) == (is_late and is_fresh)


@given(st.sets(days), st.sets(days), days)
def test_a_run_over_several_days_publishes_the_newest_open_one(asked, published, newest):
    chosen = day_to_publish(asked, published, newest)

    assert chosen == max(open_days(asked, published, newest), default=None)


@given(st.lists(st.tuples(st.sets(days, max_size=4), days), max_size=12))
def test_whatever_is_run_the_days_of_a_chain_only_rise(runs):
    published: list[date] = []
    for asked, newest in runs:
        chosen = day_to_publish(asked, published, newest)
        if chosen is not None:
            published.append(chosen)

    assert published == sorted(set(published))


@given(st.sets(days), st.sets(days))
def test_nothing_is_open_before_anything_landed(asked, published):
    assert open_days(asked, published, None) == []


def test_a_backfill_of_an_old_day_publishes_nothing():
    assert day_to_publish([DAY - timedelta(days=2)], [], DAY) is None
    assert day_to_publish([DAY - timedelta(days=1)], [], DAY) == DAY - timedelta(days=1)
