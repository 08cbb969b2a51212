"""The database server dies without a warning: what is on record of the calls that left."""

import contextlib
import os
import signal

import pytest

from sxe_pipeline.errors import NotFound
from sxe_pipeline.gate import permits
from sxe_pipeline.local import postgres
from sxe_pipeline_tests.databases import Database
from sxe_pipeline_tests.gate.world import World, new_database


@pytest.fixture
def home(processes, tmp_path):
    """Of a server whose commits are flushed, as in production."""
    server = postgres.Server(tmp_path, durable=True)
    yield server
    server.reset()


def crash(server):
    """Every process of the server ends at once; nothing that it still had in memory is written."""
    pid = int((server.data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)


def test_a_crash_forgets_no_call_that_left_and_lets_no_forgotten_permit_leave(home):
    with home.attached() as state:
        world = World(new_database(state, "crashed"))
        world.open()
        for n in range(3):
            world.approve(world.submit(card_ids=world.cards(1, prefix=f"c{n}")))
        before, middle, after = world.launch()

        earlier = world.permit(before, "enformion")
        sent, _ = world.send(middle)
        later = world.permit(after, "enformion")
        crash(home)
        world.close()

    with home.attached() as state:
        world = World(Database(state, "crashed"))
        found = dict(world.owner("select call_id, state from gate.call"))
        events = world.one(
            "select count(*) from gate.call_step join audit.event using (event_id) "
            "where call_id = %s",
            sent.call_id,
        )

        assert found.pop(sent.call_id) == "SENDING"
        assert events == 1
        assert found.pop(earlier.call_id) == "RESERVED"  # the log goes to disk in its order
        assert found in ({}, {later.call_id: "RESERVED"})
        if not found:
            with pytest.raises(NotFound):
                permits.sending(world.contacts, later)
        world.assert_books_are_right()
        world.close()
