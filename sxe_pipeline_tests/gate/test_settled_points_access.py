"""The settled points of the gate, eleven and twelve, as far as the database alone can show them."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from sxe_pipeline.errors import BadInput, Refused
from sxe_pipeline.gate import people, permits
from sxe_pipeline.store import roles
from sxe_pipeline_tests.gate.world import ENFORMION, MARKET, POLICY

SOON = datetime.now(UTC) + timedelta(days=9)


def second_token(world, name):
    token = people.make_token()
    people.renew(world.api, world.tokens[name], token.sha256, SOON)
    return token.text


def test_two_tokens_of_one_person_are_one_person(world):
    world.settings(quorum=2)
    world.cards(1)
    made = world.submit()
    world.approve(made)
    world.tokens["ben again"] = second_token(world, "ben")
    assert world.approve(made, "ben again").state == "SUBMITTED"
    proposal = people.propose(
        world.api, world.tokens["cho"], "cap", {"provider": "apollo", "cap_micros": 1}, "less"
    )
    with pytest.raises(Refused):
        people.decide(world.api, second_token(world, "cho"), proposal, is_confirmed=True)


def test_the_first_two_are_made_once_and_only_by_the_admin(empty):
    empty.bootstrap()
    with pytest.raises(Refused):
        empty.bootstrap()
    with empty.fresh("sxe_api") as conn, pytest.raises(Refused):
        people.bootstrap(conn, ("x", "0" * 64), ("y", "1" * 64), SOON)


def test_one_person_is_no_two_admins(empty):
    token = people.make_token()
    with empty.fresh("sxe_admin") as conn:
        for pair in ((("cho", token.sha256), ("cho", "1" * 64)),
                     (("cho", token.sha256), ("dan", token.sha256))):  # fmt: skip
            with pytest.raises(BadInput):
                people.bootstrap(conn, *pair, SOON)


@pytest.mark.parametrize("scopes", [["approve"], ["admin", "approve"]])
def test_no_one_makes_a_principal_alone(world, scopes):
    content = {
        "principal": "sock",
        "scopes": scopes,
        "token_sha256": people.make_token().sha256,
        "expires_at": SOON.isoformat(),
    }
    with pytest.raises(Refused):
        world.agree("principal", content, "cho", "cho")
    with pytest.raises(Refused):
        world.agree("principal", content, "ben", "eve")


@pytest.mark.parametrize(
    "change",
    [{"token_sha256": "zz"}, {"scopes": ["root"]}, {"principal": "A B"}, {"scopes": "admin"},
     {"expires_at": "soon"}, {"token_sha256": None}],
)  # fmt: skip
def test_a_principal_that_makes_no_sense_is_refused_in_our_words(world, change):
    content = {
        "principal": "fay",
        "scopes": ["approve"],
        "token_sha256": people.make_token().sha256,
        "expires_at": SOON.isoformat(),
    }
    with pytest.raises(BadInput):
        world.agree("principal", content | change)


def test_a_retired_person_speaks_no_more(world):
    world.cards(1)
    made = world.submit()
    other = second_token(world, "ben")
    people.retire(world.api, world.tokens["cho"], "ben")
    for token in (world.tokens["ben"], other):
        world.tokens["ben"] = token
        with pytest.raises(Refused):
            world.approve(made)
    with pytest.raises(Refused):
        people.retire(world.api, world.tokens["ana"], "eve")


OPEN_TABLES = {
    ("sxe_contacts", "contacts.contact_point"): {"SELECT"},
    ("sxe_contacts", "contacts.quarantine"): {"SELECT", "INSERT"},
    ("sxe_contacts", "audit.attestation"): {"SELECT", "INSERT"},
    ("sxe_contacts", "audit.attested_event"): {"SELECT", "INSERT"},
    ("sxe_social", "audit.attestation"): {"SELECT", "INSERT"},
    ("sxe_social", "audit.attested_event"): {"SELECT", "INSERT"},
    ("sxe_api", "audit.event"): {"SELECT"},
    ("sxe_api", "audit.attestation"): {"SELECT"},
    ("sxe_api", "audit.attested_event"): {"SELECT"},
    ("sxe_api", "audit.pending"): {"SELECT"},
    ("sxe_api", "audit.leaf"): {"SELECT"},
    ("sxe_api", "audit.seal"): {"SELECT"},
    ("sxe_sealer", "audit.pending"): {"SELECT"},
    ("sxe_sealer", "audit.leaf"): {"SELECT", "INSERT"},
    ("sxe_sealer", "audit.seal"): {"SELECT", "INSERT"},
}
OF_BOTH_HALVES = {"audit.record(jsonb)", "audit.newest_checkpoint()"}
"""They ask who is logged in, or tell what every consumer is told."""
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


def test_no_login_has_more_of_a_table_than_is_written_here(world):
    held = world.owner(
        "select r.rolname, c.oid::regclass::text, v.verb from pg_class c "
        "join pg_namespace n on n.oid = c.relnamespace cross join unnest(%s::text[]) v (verb) "
        "cross join pg_roles r where r.rolname = any(%s) and c.relkind in ('r', 'v', 'p', 'm') "
        "and n.nspname in ('gate', 'privacy', 'contacts', 'audit') "
        "and has_table_privilege(r.oid, c.oid, v.verb)",
        list(VERBS),
        list(roles.TIERS),
    )
    more = [
        (role, table, verb)
        for role, table, verb in held
        if table.split(".")[0] in ("gate", "privacy")
        or verb not in OPEN_TABLES.get((role, table), {"SELECT", "INSERT"})
        or verb in ("UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
    ]
    assert more == []
    others = {(role, table) for role, table, _ in held} - set(OPEN_TABLES)
    assert {role for role, _ in others} <= {"sxe_contacts"}


def test_no_column_of_the_gate_is_open_to_any_login(world):
    assert (
        world.owner(
            "select r.rolname, c.oid::regclass::text from pg_class c "
            "join pg_namespace n on n.oid = c.relnamespace cross join pg_roles r "
            "where r.rolname = any(%s) and c.relkind = 'r' and n.nspname in ('gate', 'privacy') "
            "and has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')",
            list(roles.TIERS),
        )
        == []
    )


def test_every_table_refuses_every_login_that_was_not_let_in(world):
    tables = world.owner(
        "select c.oid::regclass::text, (select quote_ident(attname) from pg_attribute a "
        "where a.attrelid = c.oid and attnum > 1 and not attisdropped limit 1) from pg_class c "
        "where relkind = 'r' and relnamespace::regnamespace::text in ('gate', 'privacy')"
    )
    assert len(tables) > 15
    for role in roles.TIERS:
        conn = world.login(role)
        for table, column in tables:
            for statement in (
                f"select {column} from {table}",
                f"insert into {table} default values",
                f"update {table} set {column} = {column}",
                f"delete from {table}",
                f"truncate {table}",
                f"lock table {table}",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                    conn.execute(statement)


def test_a_function_of_one_tier_is_closed_to_the_others(world):
    functions = world.owner(
        "select p.oid::regprocedure::text, p.proname, prosecdef, p.proconfig, array("
        "select r.rolname::text from pg_roles r where r.rolname = any(%s) "
        "and has_function_privilege(r.oid, p.oid, 'EXECUTE') order by 1) "
        "from pg_proc p where p.pronamespace::regnamespace::text "
        "in ('gate', 'privacy', 'contacts', 'audit')",
        list(roles.TIERS),
    )
    assert len(functions) > 60
    for name, _, is_definer, config, may in functions:
        # Whoever may call it runs it as the owner, so it must not look names up anywhere else.
        assert len(may) <= 1 or name in OF_BOTH_HALVES, name
        assert not may or is_definer, name
        assert not is_definer or any("search_path=pg_catalog, pg_temp" in c for c in config), name
        arguments = name[name.index("(") + 1 : -1].split(",") if "()" not in name else []
        nulls = ", ".join(f"null::{argument}" for argument in arguments)
        call = f"select {name[: name.index('(')]}({nulls})"
        for role in set(roles.TIERS) - set(may):
            conn = world.login(role)
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(call)


def test_the_events_that_only_the_gate_records(world):
    for kind in (
        "request.approved",
        "call.settled",
        "budget.cap_set",
        "circuit.closed",
        "principal.added",
        "proposal.made",
        "suppression.added",
        "provider.added",
    ):
        conn = world.login("sxe_contacts")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute(
                "insert into audit.event (event_id, kind, actor, subject, payload) "
                "values (gen_random_uuid(), %s, 'x', 'x', '{}')",
                [kind],
            )


def test_a_reservation_leaves_no_event_and_every_later_move_one(world):
    world.cards(1)
    _, begun = world.approved()
    before = world.one("select count(*) from audit.event")
    leave = world.permit(begun)
    assert world.one("select count(*) from audit.event") == before
    sent = permits.sending(world.contacts, leave)
    assert world.one("select count(*) from audit.event") == before + 1
    world.settle(leave, sent)
    assert world.one("select count(*) from audit.event") == before + 2


def test_no_send_unless_the_lease_outlives_the_read_timeout(world):
    world.cards(1)
    _, begun = world.approved()
    leave = world.permit(begun)
    world.settings(send_deadline="10 minutes")
    with pytest.raises(Refused):
        permits.sending(world.contacts, leave)
    assert world.sent_calls() == 0


def test_the_sandbox_policy_is_told_to_the_run(world):
    world.cards(1)
    assert world.approved()[1].loopback_only is True
    world.agree("policy", POLICY | {"loopback_only": False, "version": "live"})
    made = world.submit()
    world.approve(made)
    assert world.begun_again(made).loopback_only is False
    assert (ENFORMION["provider"], MARKET) == ("enformion", "x_general")
