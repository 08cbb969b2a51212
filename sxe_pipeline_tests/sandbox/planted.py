"""One plant of every kind."""

import random

from sxe_pipeline.sandbox.plants import KINDS, plant


def one_of_each(seed=7):
    rng = random.Random(seed)
    return [plant(kind, number, rng) for number, kind in enumerate(KINDS)]
