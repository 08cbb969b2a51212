"""Plants: many kinds, each told from every other, the same ones from the same seed."""

import random

import pytest

from sxe_pipeline.sandbox.plants import KINDS, plant
from sxe_pipeline_tests.sandbox.planted import one_of_each

FIELDS = {"bio", "display_name", "location", "link", "vendor_email", "vendor_phone", "handle"}


def test_no_two_of_three_thousand_plants_share_a_needle():
    rng = random.Random(3)
    needles = [
        needle
        for number in range(3000)
        for needle in plant(KINDS[number % len(KINDS)], number, rng).plant.needles
    ]

    assert len(set(needles)) == len(needles)
    digits = [needle for needle in needles if needle.isdigit()]
    assert len({needle[-9:] for needle in digits}) == len(digits)
    assert min(map(len, needles)) >= 10
    assert not any(
        needle.isdigit() and needle[:2] in {b"15", b"16", b"17"} and len(needle) == 10
        for needle in needles
    )


def test_there_are_many_kinds_in_every_field_and_a_plant_repeats():
    first, again = one_of_each(), one_of_each()

    assert len(KINDS) >= 28
    assert {each.field for each in first} == FIELDS
    assert first == again
    assert all(each.text and each.plant.value for each in first)


@pytest.mark.parametrize(
    ("kind", "number"), [("smoke_signal", 1), ("mail_plain", -1), ("mail_plain", 1_000_000)]
)
def test_an_unknown_kind_and_a_number_out_of_range_are_refused(kind, number):
    with pytest.raises(ValueError, match="plant"):
        plant(kind, number, random.Random(0))
