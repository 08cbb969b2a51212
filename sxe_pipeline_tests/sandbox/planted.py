"""One plant of every kind."""

import random

from sxe_pipeline.sandbox.plants import KINDS, plant


def one_of_each():
    rng = random.Random(7)
    return [plant(kind, number, rng) for number, kind in enumerate(KINDS)]
