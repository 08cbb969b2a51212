"""What a provider was paid for, as the provider sees it: its calls, and what each one asked."""

import dataclasses

from sxe_pipeline.gate import permits
from sxe_pipeline_tests.gate.world import APOLLO, ENFORMION

UNIT = 1_000_000
PRICES = {"apollo": APOLLO, "enformion": ENFORMION}


@dataclasses.dataclass
class Call:
    """One call as the provider sees it: `units` is what it took, `room` what was reserved."""

    leave: permits.Permit
    sent: permits.Sent
    state: str
    units: int
    room: int

    @property
    def micros(self):
        price = PRICES[self.leave.provider]["micros_per_unit"]
        return -(-self.units * price // UNIT)


class Paid:
    """Fresh answers by question, and which cards were ever one."""

    def __init__(self):
        self.known, self._kin = {}, {}

    def are_kin(self, one, other):
        """Two cards merged, or one split from the other."""
        both = self.kin(one) | self.kin(other)
        self._kin |= dict.fromkeys(both, both)

    def kin(self, card):
        """Every card that this one was ever one with."""
        return self._kin.get(card, {card})

    def learn(self, world, leave, sent):
        """What the gate now knows of the items of a call, unless it had to drop it."""
        outcomes = world.owner(
            "select card_id, field_group, outcome from gate.call_item where call_id = %s",
            leave.call_id,
        )
        said = {(card, group): outcome for card, group, outcome in outcomes}
        for question in _questions(leave, sent):
            outcome = said[question[0], question[2]]
            if outcome in ("match", "no_match", "mismatch"):
                self.known[question] = outcome

    def assert_not_again(self, leave, sent, survivor):
        """A call that leaves asks nothing whose answer is known, and nobody twice."""
        asked = list(_questions(leave, sent))
        assert len({(survivor(card), group) for card, _, group, _ in asked}) == len(asked)
        for card, *question in asked:
            for (other, *before), outcome in self.known.items():
                if other in self.kin(card):
                    assert before != question, "the same was asked already"
                if survivor(other) == survivor(card) and before[1] == question[1]:
                    assert outcome != "match", "it is known already"


def _questions(leave, sent):
    for item in sent.items:
        inputs = tuple(sorted(item.inputs.items()))
        for group in leave.groups:
            yield item.card_id, leave.provider, group, inputs
