"""A database of before revision 1002: what was paid for, what was in force, is known after it."""

import contextlib
import secrets
import string

import psycopg
import pytest

from sxe_pipeline.store import catalogue
from sxe_pipeline_tests.databases import Database, drop, superuser

# r1 is the revision that a card had when it was asked about; r2 the one it got when it came back.
BEFORE = string.Template("""
insert into gate.principal (principal, scopes, event_id) values
    ('ana', '{request}', gen_random_uuid()), ('ben', '{budget}', gen_random_uuid());
insert into gate.proposal (proposal_id, kind, content, reason, proposed_by, expires_at, event_id)
values ('$p', 'price', '{}', 'test', 'ben', now(), gen_random_uuid());
insert into gate.policy (sha256, content, proposal_id, in_force_since) values
    (sha256('h'), '{"loopback_only": false}', '$p', '2026-01-01'),
    (sha256('x'), '{}', '$p', '2026-02-01');
insert into gate.price_card (provider, sha256, content, needs, groups, gives_email, gives_phone,
    is_async, worst_micros, proposal_id, in_force_since)
select 'apollo', sha256(convert_to(n::text, 'UTF8')), jsonb_build_object('micros_per_unit', 5,
    'batch_max', 10, 'has_counter', maybe, 'negative_for', soon,
    'sells', '{"email": {"hit_share": 0.5}}'::jsonb),
    '{"{}","{linkedin_url}"}', '{email}', '{true}', '{false}', '{false}', '{5}',
    '$p', timestamptz '2026-01-01' - make_interval(days => n)
from (values (1, 'maybe', 'soon'), (2, 'true', '180 days'), (3, 'no', '-1 day')) o (n, maybe, soon);
insert into gate.candidate (card_id, market, platforms, inputs, inputs_revision, generation,
    withdrawn_at)
values ('back', 'm', '{x}', '{"city": "Austin"}', '$r2', '$p', null),
       ('away', 'm', '{x}', null, '$r1', '$p', now()),
       ('other', 'm', '{x}', '{"city": "Boston"}', '$r3', '$p', null),
       ('unknown', 'm', '{x}', '{"city": "Miami"}', '$r4', '$p', null);
insert into gate.request (request_id, version, market, state, created_by, decide_by, event_id)
values ('$p', 1, 'm', 'DONE', 'ana', now(), gen_random_uuid());
insert into gate.request_version (request_id, version, header, content_sha256, item_count,
    edited_by, event_id) values ('$p', 1, 'x', sha256('h'), 4, 'ana', gen_random_uuid());
insert into gate.request_item (request_id, version, position, card_id, inputs, nonce,
    item_sha256, inputs_revision, platforms)
select '$p', 1, n, card, case when revision <> '$r5' then convert_to('{"city":"Austin"}',
    'UTF8') end, case when revision <> '$r5' then 'x'::bytea end, sha256('h'), revision, '{x}'
from (values (1, 'back', uuid '$r1'), (2, 'away', '$r1'), (3, 'other', '$r1'),
             (4, 'unknown', '$r5')) o (n, card, revision);
insert into gate.call (call_id, request_id, version, provider, groups, state, fence, lease_until,
    micros_per_unit, sync_micros, async_micros)
values ('$p', '$p', 1, 'apollo', '{email}', 'SETTLED', 1, now(), 5, 5, 0);
insert into gate.call_item (call_id, position, field_group, card_id, survivor_id, provider,
    inputs_revision, is_async, live, outcome)
select call_id, position, 'email', card_id, card_id, 'apollo', inputs_revision, false, false,
    'no_match' from gate.request_item join gate.call using (request_id);
insert into gate.answer (card_id, provider, field, inputs_revision, outcome, call_id, valid_until)
select card_id, provider, 'email', inputs_revision, 'no_match', call_id, now() + interval '9 days'
from gate.call_item;
update gate.setting set run_within = '100 years', poll_wait = '40 days';
""")


@pytest.fixture(scope="module")
def upgraded(server):
    """A database with a past, and revision 1002 run over it."""
    name = f"t_{secrets.token_hex(6)}"
    superuser(server).execute(f"create database {name}")
    made = Database(server, name)
    files = [file for revision in catalogue.revisions() for file in revision.files]
    uuids = {n: f"00000000-0000-4000-8000-00000000000{i}" for i, n in enumerate(("p", *_REVISIONS))}
    with contextlib.closing(psycopg.connect(made.dsn("postgres"), autocommit=True)) as conn:
        conn.execute("set search_path = pg_catalog")
        conn.execute("create schema ops")
        for file in files:
            if file.parent.name < "1002":
                conn.execute(file.read_bytes())
        conn.execute(BEFORE.substitute(uuids))
        for name in ("1_money.sql", "1_begun.sql"):
            conn.execute(next(f for f in files if f.name == name).read_bytes())
        yield conn
    drop(made)


_REVISIONS = ("r1", "r2", "r3", "r4", "r5")


def rows(conn, statement):
    return conn.execute(statement).fetchall()


def test_what_was_paid_for_before_the_upgrade_stays_known(upgraded):
    bound = rows(
        upgraded,
        "select c.card_id, c.inputs_revision = a.inputs_revision, c.inputs_tick <= k.tick "
        "from gate.candidate c join gate.answer a using (card_id) join gate.call k using (call_id) "
        "order by 1",
    )

    # Another town is another question; what nobody remembers any more counts as the same one.
    assert bound == [
        ("away", True, True),
        ("back", True, True),
        ("other", False, False),
        ("unknown", False, True),
    ]
    assert rows(upgraded, "select to_regclass('gate.digest_of')") == [(None,)]


def test_a11_a_stored_price_card_holds_nothing_that_its_types_do_not(upgraded):
    cards = rows(
        upgraded,
        "select has_counter, negative_for is null, needs, batch_max, micros_per_unit, hit_share "
        "from gate.price_card order by in_force_tick",
    )

    needs = ["{linkedin_url}"]
    assert [tuple(card) for card in cards] == [
        (False, True, needs, 10, 5, cards[0][5]),
        (True, False, needs, 10, 5, cards[0][5]),
        (False, True, needs, 10, 5, cards[0][5]),
    ]


def test_what_was_in_force_stays_so_and_what_comes_next_is_newer(upgraded):
    assert rows(upgraded, "select loopback_only from gate.policy order by in_force_tick desc") == [
        (True,),
        (False,),
    ]
    newest = (
        "select nextval('gate.tick') > greatest((select max(in_force_tick) from gate.policy), "
        "(select max(in_force_tick) from gate.price_card), (select max(tick) from gate.call))"
    )
    assert rows(upgraded, newest) == [(True,)]
    assert rows(upgraded, "select run_within = '10 years', poll_wait = '30 days' from gate.setting")


def test_what_a_finished_request_bought_is_handed_over_after_the_upgrade(upgraded):
    assert rows(upgraded, "select state, version, begun_version from gate.request") == [
        ("DONE", 1, 1)
    ]
