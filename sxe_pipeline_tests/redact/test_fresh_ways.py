"""Ways that no rule was made for: recall, false alarms, and one answer from every door."""

import random

import pyarrow as pa
import pytest

from sxe_pipeline.redact import redact_array, redact_links, redact_text
from sxe_pipeline_tests.redact.ways import KINDS, contacts, hard_lookalikes, harmless
from sxe_pipeline_tests.redact.ways.compose import covered

SEED = 20261129
LEAST = {"email": 0.90, "phone": 0.90, "messenger": 0.80, "url": 0.85, "street": 0.60}


def spans_of(text):
    return [(span.start, span.end) for span in redact_text(text)[1]]


@pytest.mark.parametrize("kind", KINDS)
def test_a06_most_contacts_of_a_kind_go_however_they_are_written(kind):
    rows = contacts(SEED, 250, (kind,))

    found = [covered(row, spans_of(row.text)) >= 0.6 for row in rows]

    assert sum(found) / len(rows) >= LEAST[kind], f"seed {SEED}: {sum(found)} of {len(rows)}"


def test_ordinary_texts_and_look_alikes_stay():
    plain, hard = harmless(SEED, 1000), hard_lookalikes(SEED, 560)

    alarms = [sum(bool(spans_of(row.text)) for row in rows) for rows in (plain, hard)]

    assert alarms[0] <= 0.005 * len(plain), f"seed {SEED}"
    assert alarms[1] <= 3 / 112 * len(hard), f"seed {SEED}"


def test_a_column_gives_what_each_text_gives_on_fresh_ways():
    seed = random.SystemRandom().randrange(10**6)
    texts = [row.text for row in contacts(seed, 120)]

    columns = redact_array(pa.array(texts)).texts.to_pylist()

    other = [
        row.way
        for row, column in zip(contacts(seed, 120), columns, strict=True)
        if column != redact_text(row.text)[0]
    ]
    assert len(other) <= 3, f"seed {seed}: {other}"


def test_redacting_twice_changes_nothing_on_fresh_ways():
    once = redact_array(pa.array([row.text for row in contacts(SEED, 150)])).texts

    assert redact_array(once).texts.equals(once)


def test_a_link_field_lets_no_fresh_way_through():
    urls = [row.text[row.start : row.end] for row in contacts(SEED, 200, ("url",))]

    left = redact_links(pa.array([[url] for url in urls], pa.list_(pa.string())))

    assert sum(count > 0 for count in left.counts.to_pylist()) >= LEAST["url"] * len(urls)


def test_a_seed_gives_the_same_texts_for_ever_and_another_seed_others():
    assert contacts(7, 3) == contacts(7, 3)
    assert contacts(7, 3) != contacts(8, 3)
