"""How it looks when nothing may leave: the same question after every invariant."""

from sxe_pipeline.gate import permits


def assert_nothing_leaves(world, begun, *reasons):
    """Neither a permit, nor the sending of one that was given before."""
    answer = world.permit(begun)
    if isinstance(answer, permits.Permit):
        answer = permits.sending(world.contacts, answer)
    assert isinstance(answer, permits.Denied), answer
    assert answer.reason in reasons
    assert world.sent_calls() == 0


def assert_refused_at_sending(world, leave, reason):
    answer = permits.sending(world.contacts, leave)
    assert answer == permits.Denied(reason)
    assert world.call(leave) == "RELEASED"
    assert world.sent_calls() == 0
    assert world.money()[:2] == (0, 0)
