"""A database that failed over: what is said, by which verbs, and who lets work go on."""


def test_two_persons_let_a_database_that_failed_over_go_on(terminal):
    terminal.world.owner("update ops.server set timeline = timeline - 1")
    terminal.world.owner(
        "insert into ops.work (work, subject, inputs, state, attempt, failures, ask_id, outcome) "
        "values ('intake', '2026-11-01', 'a', 'red', 1, 1, gen_random_uuid(), 'refused')"
    )

    seen = terminal.read(None, "recover", "--dry-run", code=1)
    status = terminal.type(None, "status", code=1)
    verdict = terminal.type(None, "audit", "verify", code=9)
    terminal.type("cho", "recover", code=2)  # it does not say why
    proposed = terminal.read("cho", "recover", "--reason", "the standby took over", code=1)
    terminal.type("cho", "budget", "confirm", str(proposed["proposal_id"]), code=5)
    shown = terminal.type("dan", "budget", "confirm", str(proposed["proposal_id"]))
    after = terminal.read("cho", "budget", "show")

    assert (seen["doubts"], seen["proposal_id"], seen["batches"]) == (["server"], None, 0)
    assert "RESTORED" in status.output
    assert "RESTORED OR FAILED OVER (server)" in verdict.output
    assert "adopt this restored or failed-over database" in shown.output
    assert {row["circuit_state"] for row in after["providers"]} == {"open"}
    assert terminal.world.owner("select state, failures from ops.work") == [("waiting", 0)]
    terminal.type(None, "status")
