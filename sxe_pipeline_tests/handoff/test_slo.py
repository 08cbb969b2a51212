"""The 30-day view: breached beats unknown beats met, and silence is never success."""

import contextlib
import dataclasses
import itertools

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sxe_pipeline.errors import Refused
from sxe_pipeline.handoff import consumers
from sxe_pipeline_tests.databases import copy_of
from sxe_pipeline_tests.handoff.readers import Readers
from sxe_pipeline_tests.handoff.stories import ERRORS, Story, lay

DAILY = tuple(day + 0.1 for day in range(45))
ALL = frozenset(Story().batches)
WRONG = {"is_wrong": True}
REJECTED = {"status": "rejected"}

STORIES = {
    "a batch a day, each answered": (Story(), "met", ()),
    "a consumer that never answered": (Story(silent=ALL), "unknown", ("overdue", "unanswered")),
    "one answer overdue": (Story(silent=frozenset({5.2})), "unknown", ("overdue",)),
    "one overdue for a year": (
        Story(since=500, batches=(400.2, *ALL), silent=frozenset({400.2})),
        "unknown",
        ("overdue",),
    ),
    "the newest may still be answered": (Story(silent=frozenset({0.2})), "met", ()),
    "nothing answered, all may still be": (
        Story(silent=frozenset(day for day in ALL if day < 30), within=30),
        "unknown",
        ("unanswered",),
    ),
    "a late answer": (Story(after=((6.2, 4),)), "met", ()),
    "errors": (Story(said=((3.2, {"errors": ERRORS}),)), "breached", ("errors",)),
    "a rejection": (Story(said=((3.2, REJECTED),)), "breached", ("rejected",)),
    "wrong rows or keys": (Story(said=((3.2, WRONG),)), "breached", ("wrong",)),
    "errors that left the window": (Story(said=((31.2, {"errors": ERRORS}),)), "met", ()),
    "errors said in the window of a batch before it": (
        Story(said=((33.2, REJECTED | {"errors": ERRORS}),), after=((33.2, 20),)),
        "breached",
        ("errors", "rejected"),
    ),
    "errors and silence": (
        Story(said=((3.2, {"errors": ERRORS}),), silent=frozenset({8.2})),
        "breached",
        ("errors", "overdue"),
    ),
    "days without a batch": (Story().without(6, 7), "unknown", ("gap",)),
    "days without a batch that left the window": (Story().without(33, 34), "met", ()),
    "days without a batch on the edge of the window": (
        Story().without(29, 30, 31),
        "unknown",
        ("gap",),
    ),
    "no batch for days, till now": (Story().without(0, 1, 2), "unknown", ("gap",)),
    "days without a batch, with a head": (Story(heads=DAILY).without(6, 7, 8), "met", ()),
    "batches, and no head for days": (Story(heads=DAILY[5:]), "unknown", ("gap",)),
    "heads that are not in the store": (
        Story(heads=DAILY[5:], unput=DAILY[:5]),
        "unknown",
        ("gap",),
    ),
    "batches before the first head": (Story(heads=DAILY[:10]), "met", ()),
    "nothing changed for 40 days": (Story(batches=(44.2,), heads=DAILY), "met", ()),
    "nothing was ever delivered": (Story(batches=(), heads=DAILY), "unknown", ("no_delivery",)),
    "nothing at all": (Story(batches=()), "unknown", ("no_delivery", "gap")),
    "young": (Story(since=29.9), "unknown", ("young",)),
    "thirty days old": (Story(since=30.1), "met", ()),
    "empty batches": (Story(rows=0), "met", ()),
    "keys that nobody knows": (Story(keys=None), "unknown", ("unproved",)),
    "batches of another market": (
        Story(market="cooks", batches=()),
        "unknown",
        ("no_delivery", "gap"),
    ),
}


@pytest.fixture(scope="module")
def told(staffed):
    """A database where each story happened to a consumer of its own."""
    template, tokens = staffed
    with contextlib.closing(Readers(copy_of(template.state, template.name), tokens)) as made:
        for number, (story, _, _) in enumerate(STORIES.values()):
            lay(made, f"story_{number}", story)
        yield made


@pytest.fixture(scope="module")
def views(told):
    rows = consumers.slo(told.api)
    return {row.consumer: row for row in rows}


@pytest.mark.parametrize("name", STORIES)
def test_a8_a_consumers_last_thirty_days(views, name):
    _, state, reasons = STORIES[name]

    seen = views[f"story_{list(STORIES).index(name)}"]

    assert (seen.state, seen.reasons) == (state, reasons)


def test_a8_the_view_counts_what_it_judges_by(views):
    def of(name):
        return views[f"story_{list(STORIES).index(name)}"]

    assert (of("a late answer").late, of("a late answer").overdue) == (1, 0)
    assert of("errors").errors == 2
    assert (of("a batch a day, each answered").deliveries, of("errors").acks) == (30, 30)
    assert of("one overdue for a year").overdue == 1
    assert of("the newest may still be answered").open == 1
    assert of("days without a batch").longest_gap_s == 3 * 86_400


@examples(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    batches=st.sets(st.integers(0, 60), max_size=40),
    heads=st.sets(st.integers(0, 60), max_size=40),
    since=st.integers(1, 90),
    within=st.integers(1, 30),
)
def test_p14_a_consumer_that_never_answered_is_never_met(told, batches, heads, since, within):
    days = tuple(day + 0.2 for day in batches)
    story = Story(
        since=since,
        batches=days,
        heads=tuple(day + 0.1 for day in heads),
        silent=frozenset(days),
        within=within,
    )
    name = f"silent_{told.one('select count(*) from handoff.consumer')}"

    lay(told, name, story)

    [seen] = consumers.slo(told.api, name)
    assert seen.state == "unknown"
    assert seen.acks == 0


@examples(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    silent=st.sets(st.sampled_from(sorted(ALL)), max_size=3),
    bad=st.dictionaries(
        st.sampled_from(sorted(ALL)), st.sampled_from([{"errors": ERRORS}, WRONG, REJECTED]),
        max_size=2,
    ),
    gone=st.sets(st.integers(0, 44), max_size=2),
)  # fmt: skip
def test_a8_met_is_said_of_what_was_whole_and_of_nothing_else(told, silent, bad, gone):
    """The same judged again, slowly, from the story."""
    story = Story(silent=frozenset(silent), said=tuple(bad.items())).without(*gone)
    name = f"any_{told.one('select count(*) from handoff.consumer')}"

    lay(told, name, story)

    kept = {day for day in story.batches if day not in silent}
    is_breached = any(day in kept and day - 0.04 < 30 for day in bad)
    times = [*sorted(story.batches), 99]
    gaps = [times[0], *(b - a for a, b in itertools.pairwise(times) if a < 30)]
    is_unknown = any(day in silent and day > 2 for day in story.batches) or any(
        gap > 1.5 for gap in gaps
    )
    [seen] = consumers.slo(told.api, name)
    expected = "breached" if is_breached else "unknown" if is_unknown else "met"
    assert seen.state == expected, dataclasses.asdict(seen)


def test_a3_a_consumer_sees_its_own_view_of_the_contracts_of_its_key(readers):
    readers.add("acme", "lead_card", "lead_contact", key=False)
    readers.add("beta", "lead_card")
    readers.key("acme")

    [own] = consumers.own_slo(readers.serve, readers.keys["acme"].sha256)

    assert (own.consumer, own.contract, own.state) == ("acme", "lead_card", "unknown")
    assert len(consumers.slo(readers.api)) == 3
    with pytest.raises(Refused):
        consumers.own_slo(readers.serve, b"\0" * 32)


def test_a8_what_ended_is_judged_no_more(readers):
    readers.add("acme", "lead_card", "lead_contact")
    consumers.unsubscribe(readers.api, readers.tokens["cho"], "acme", "lead_contact")
    assert [row.contract for row in consumers.slo(readers.api)] == ["lead_card"]

    consumers.end(readers.api, readers.tokens["cho"], "acme")

    assert consumers.slo(readers.api) == []
