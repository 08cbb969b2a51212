"""What an auditor asks after: refused attempts, reasons, what was before, and the run."""

import hashlib
from contextlib import closing

import psycopg

from sxe_pipeline.audit.search import search
from sxe_pipeline.gate import people, requests
from sxe_pipeline.privacy import suppression
from sxe_pipeline.store import sql

WHY = "the prices doubled over night"
DIGEST = hashlib.sha256(WHY.encode()).hexdigest()


def last(world, kind):
    return search(world.api, kind=kind)[0].data


def test_refused_attempts_are_counted_by_person_and_minute_without_the_token(world):
    for token in (world.tokens["ana"], world.tokens["ana"], "sxe-token-guessed", "x" * 5000):
        people.count_refusal(world.api, token)

    found = {(r.principal, r.attempts) for r in people.refusals(world.api)}
    assert sum(n for who, n in found if who == "ana") == 2
    assert sum(n for who, n in found if who == "nobody") == 2
    assert "guessed" not in str(world.owner("select * from gate.refusal"))


def test_a_count_is_kept_although_the_refused_transaction_is_taken_back(world):
    world.cards(1)
    with world.api.transaction(force_rollback=True):
        people.count_refusal(world.api, world.tokens["ana"])
    assert people.refusals(world.api) == []

    people.count_refusal(world.api, world.tokens["ana"])
    assert len(people.refusals(world.api)) == 1


def test_old_counts_go_with_the_first_of_a_new_minute(world):
    world.owner("insert into gate.refusal values ('ana', '2020-01-01 00:00+00', 3)")

    people.count_refusal(world.api, "x")

    assert [r.principal for r in people.refusals(world.api)] == ["nobody"]


def test_c6_the_reason_of_a_stop_is_kept_and_its_event_holds_the_digest(world):
    people.kill(world.api, world.tokens["ana"], "apollo", WHY)

    assert world.owner(
        "select provider, reason, stopped_by from gate.stop join audit.event using (event_id)"
    ) == [("apollo", WHY, "ana")]
    said = last(world, "circuit.killed")
    assert (said["reason_sha256"], said["before"]) == (DIGEST, "closed")
    people.kill(world.api, world.tokens["ana"], "apollo", "again")
    assert world.one("select count(*) from gate.stop") == 1, "it stood still already"


def test_a_cap_says_what_it_was_and_whose_proposal_it_is(world):
    world.agree("cap", {"provider": "apollo", "cap_micros": 7})

    said = last(world, "budget.cap_set")
    assert (said["before_micros"], said["cap_micros"]) == (10_000_000, 7)
    assert said["proposal_id"] == str(
        world.one(
            "select proposal_id from gate.proposal order by decided_at desc nulls last limit 1"
        )
    )


def test_a_setting_says_what_it_was(world):
    world.agree("setting", {"quorum": 2})

    assert last(world, "proposal.confirmed")["before"] == {"quorum": 1}


def test_reasons_of_approvals_and_suppressions_are_told_by_digest(world):
    world.cards(2)
    made = world.submit()
    requests.approve(world.api, world.tokens["ben"], made.request_id, 1, made.content_sha256, WHY)
    requests.revoke(world.api, world.tokens["ana"], made.request_id, WHY)
    suppression.suppress(world.api, world.tokens["ana"], "card-0000", WHY)

    for kind in ("request.approved", "request.revoked", "suppression.added"):
        assert last(world, kind)["reason_sha256"] == DIGEST, kind
    assert last(world, "request.revoked")["before"] == "APPROVED"


def test_an_event_names_the_run_whose_lease_the_login_holds_and_no_other(world):
    def recorded(run, key):
        dsn = world.database.dsn("sxe_social")
        with closing(sql.connect(dsn, application_name=f"sxe run {run}")) as conn:
            conn.execute(
                "select audit.record(%s)",
                [
                    psycopg.types.json.Jsonb(
                        {
                            "kind": "table.vacuum_begun",
                            "actor": "job",
                            "subject": "s",
                            "key": key,
                            "data": {},
                        }
                    )
                ],
            )
            conn.commit()
        return last(world, "table.vacuum_begun").get("run")

    with closing(sql.connect(world.database.dsn("sxe_social"))) as conn:
        conn.execute("insert into ops.run (run_id, lease_until) values ('mine', now())")
        conn.commit()
    world.contacts.execute("insert into ops.run (run_id, lease_until) values ('theirs', now())")
    world.contacts.commit()

    assert recorded("mine", "1") == "mine"
    assert recorded("theirs", "2") is None
    assert recorded("invented", "3") is None
