"""What a consumer answers: once, with proof of reading, and no value of a row."""

import contextlib
import hashlib
import json
import re
import threading
from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from sxe_pipeline.errors import BadInput, Conflict, NotFound, Refused
from sxe_pipeline.handoff import acks
from sxe_pipeline_tests.databases import copy_of
from sxe_pipeline_tests.handoff.readers import KEYS, Readers

NOTHING = hashlib.sha256(b"").hexdigest()
ERROR = {"path": "persona", "rule": "null", "count": 2}


def raw(readers, batch, body, name="acme"):
    """The same without a look by Python at what is put: what the database itself takes."""
    with readers.fresh("sxe_serve") as conn:
        said = conn.execute(
            "select handoff.put_ack(%s, %s, %s)",
            [readers.keys[name].sha256, batch, Jsonb(body)],
        ).fetchone()
        conn.commit()
        return said[0]


@pytest.fixture
def delivered(readers):
    """A batch of three rows that was delivered to acme."""
    readers.add("acme", "lead_card")
    return readers.publish()


def test_a5_the_same_answer_again_changes_nothing_and_another_is_a_conflict(readers, delivered):
    first = readers.put("acme", delivered, errors=[ERROR, ERROR | {"path": "tribe"}])
    again = readers.put("acme", delivered, errors=[ERROR | {"path": "tribe"}, ERROR])

    assert (first.is_new, again.is_new) == (True, False)
    assert first.acked_at == again.acked_at
    for other in ({"rows_read": 2}, {"status": "rejected"}, {"keys_sha256": NOTHING}, {}):
        with pytest.raises(Conflict, match="stands already"):
            readers.put("acme", delivered, **other)
    assert readers.events("ack.received") == 1
    assert readers.findings() == {}


def test_a5_of_many_at_once_one_is_new_and_the_others_are_the_same(readers, delivered):
    connections = [readers.fresh("sxe_serve") for _ in range(6)]
    said, line = [], threading.Barrier(6)

    def put(connection):
        with connection as conn:
            line.wait(30)
            said.append(readers.put("acme", delivered, conn=conn).is_new)

    threads = [threading.Thread(target=put, args=[each]) for each in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(said) == [False] * 5 + [True]
    assert readers.events("ack.received") == 1


def test_a5_of_two_different_ones_at_once_one_stands(readers, delivered):
    said, line = [], threading.Barrier(2)

    def put(rows):
        with readers.fresh("sxe_serve") as conn:
            line.wait(30)
            try:
                said.append(readers.put("acme", delivered, conn=conn, rows_read=rows).is_new)
            except Conflict:
                said.append("conflict")

    threads = [threading.Thread(target=put, args=[rows]) for rows in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert set(said) == {True, "conflict"}
    assert readers.events("ack.received") == 1


@pytest.mark.parametrize(
    ("changes", "is_proved", "is_wrong"),
    [
        pytest.param({}, True, False, id="every row"),
        pytest.param({"rows_read": 2}, False, True, id="fewer rows"),
        pytest.param({"rows_read": 4}, False, True, id="more rows"),
        pytest.param({"keys_sha256": NOTHING}, False, True, id="other rows, as many"),
    ],
)
def test_what_was_read_is_proved_by_its_count_and_its_keys(
    readers, delivered, changes, is_proved, is_wrong
):
    answer = readers.put("acme", delivered, **changes)

    assert (answer.is_proved, answer.is_wrong) == (is_proved, is_wrong)


@pytest.mark.parametrize(
    ("batch", "said", "is_wrong"),
    [
        pytest.param({"rows": 0, "keys": NOTHING}, {"keys_sha256": NOTHING}, False, id="empty"),
        pytest.param({"rows": 0, "keys": NOTHING}, {}, True, id="rows of an empty one"),
        pytest.param({"keys": None}, {"rows_read": 3}, False, id="of unknown keys"),
        pytest.param({"keys": None}, {"rows_read": 2}, True, id="of unknown keys, fewer rows"),
    ],
)
def test_an_empty_batch_proves_receipt_and_unknown_keys_prove_nothing(
    readers, batch, said, is_wrong
):
    readers.add("acme", "lead_card")
    made = readers.publish(**batch)

    answer = readers.put("acme", made, **{"rows_read": 0} | said)

    assert (answer.is_proved, answer.is_wrong) == (False, is_wrong)


def test_a_late_answer_is_taken_and_kept_as_late(readers):
    readers.add("acme", "lead_card", ack_within=timedelta(microseconds=1))
    batch = readers.publish()

    first, again = readers.put("acme", batch), readers.put("acme", batch)

    assert first.is_late
    assert again.is_late
    event = readers.one("select convert_from(payload, 'UTF8') from audit.event "
                        "where kind = 'ack.received'")  # fmt: skip
    assert json.loads(event)["data"]["is_late"] is True
    assert json.loads(event)["actor"] == "consumer:acme"


def test_a3_a_batch_of_another_consumer_is_no_batch(readers, delivered):
    readers.add("beta", "lead_card", market="cooks")
    readers.add("gamma", "lead_card", "lead_contact", key=False)
    readers.key("gamma", contracts=["lead_contact"])
    readers.publish(market="cooks")
    unknown = "f" * 32

    told = set()
    for name, batch in (("beta", delivered), ("gamma", delivered), ("acme", unknown), ("acme", "")):
        with pytest.raises(NotFound) as refused:
            readers.put(name, batch)
        told.add(str(refused.value))

    assert told == {"there is no such batch"}
    assert readers.events("ack.received") == 0


def test_a3_a_key_of_one_market_answers_for_no_other(readers):
    readers.add("acme", "lead_card", key=False)
    readers.key("acme", markets=["cooks"])
    of_makers, of_cooks = readers.publish(market="makers"), readers.publish(market="cooks")

    assert readers.put("acme", of_cooks).is_new
    with pytest.raises(NotFound):
        readers.put("acme", of_makers)


def test_the_answer_names_the_manifest_of_the_batch(readers, delivered):
    with pytest.raises(BadInput, match="not the manifest of this batch"):
        readers.put("acme", delivered, manifest_sha256=KEYS)
    assert readers.events("ack.received") == 0


def test_a_person_enters_what_came_as_a_file(readers, delivered):
    said = readers.said(delivered)
    entered = acks.enter(readers.api, readers.tokens["ben"], "acme", delivered, said)
    same = readers.put("acme", delivered)

    assert (entered.is_new, entered.is_proved, same.is_new) == (True, True, False)
    for token in (readers.tokens["ana"], readers.tokens["cho"], "sxe-token-guessed"):
        with pytest.raises(Refused):
            acks.enter(readers.api, token, "acme", delivered, said)
    with pytest.raises(NotFound):
        acks.enter(readers.api, readers.tokens["ben"], "beta", delivered, said)
    actor = readers.one("select actor from audit.event where kind = 'ack.received'")
    assert actor == "principal:ben"


LONG = "a" * 41
HOSTILE = {
    "no object": "accepted",
    "a list": [],
    "nothing": {},
    "null": None,
    "another key": {"note": "ana@example.com"},
    "a value beside an error": {"errors": [ERROR | {"value": "ana@example.com"}]},
    "an address for a path": {"errors": [ERROR | {"path": "ana@example.com"}]},
    "a number for a path": {"errors": [ERROR | {"path": "+12025550123"}]},
    "a sentence for a rule": {"errors": [ERROR | {"rule": "was Ana Tester"}]},
    "a long rule": {"errors": [ERROR | {"rule": LONG}]},
    "a long path": {"errors": [ERROR | {"path": ".".join(["a"] * 5)}]},
    "a line break": {"errors": [ERROR | {"path": "persona\n"}]},
    "a letter that looks like one": {"errors": [ERROR | {"path": "p\u0435rsona"}]},
    "a count of none": {"errors": [ERROR | {"count": 0}]},
    "a count of less": {"errors": [ERROR | {"count": -1}]},
    "a count of parts": {"errors": [ERROR | {"count": 1.5}]},
    "a count as text": {"errors": [ERROR | {"count": "1"}]},
    "a count as truth": {"errors": [ERROR | {"count": True}]},
    "a count past all": {"errors": [ERROR | {"count": 10**30}]},
    "an error twice": {"errors": [ERROR, ERROR | {"count": 3}]},
    "an error without a count": {"errors": [{"path": "persona", "rule": "null"}]},
    "an error that is text": {"errors": ["ana@example.com"]},
    "errors that are an object": {"errors": {"ana": "example"}},
    "errors that are null": {"errors": None},
    "101 errors": {"errors": [ERROR | {"rule": f"r{n}"} for n in range(101)]},
    "a third status": {"status": "maybe"},
    "no status": {"status": None},
    "rows as text": {"rows_read": "3"},
    "less than no rows": {"rows_read": -1},
    "rows past all": {"rows_read": 10**18},
    "a hash in capitals": {"keys_sha256": KEYS.upper()},
    "a short hash": {"keys_sha256": KEYS[:-1]},
    "a hash with a line break": {"keys_sha256": KEYS + "\n"},
    "a hash that is a list": {"manifest_sha256": [KEYS]},
}


@pytest.fixture(scope="module")
def asked(staffed):
    """A batch that waits for an answer of acme, which gets none: what it is told is refused."""
    template, tokens = staffed
    with contextlib.closing(Readers(copy_of(template.state, template.name), tokens)) as made:
        made.add("acme", "lead_card")
        made.batch = made.publish()
        yield made


@pytest.mark.parametrize("case", HOSTILE)
def test_a6_what_is_no_answer_is_refused_by_the_database_and_stored_nowhere(asked, case):
    changed = HOSTILE[case]
    is_part = isinstance(changed, dict) and changed
    body = asked.said(asked.batch, **changed) if is_part else changed

    with pytest.raises(psycopg.Error) as refused:
        raw(asked, asked.batch, body)

    assert refused.value.sqlstate == "SXBAD"
    assert "ana" not in str(refused.value).lower().replace("an answer", "")
    assert asked.one("select count(*) from handoff.ack") == 0
    with pytest.raises(BadInput):
        acks.checked(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(-9, 9)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["path", "rule", "count", "value", "errors", "status", "rows_read"]), inner,
        max_size=4),
    max_leaves=8,
)  # fmt: skip
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["accepted", "rejected"]) | JSON,
        "rows_read": st.integers(0, 5) | JSON,
        "keys_sha256": st.just(KEYS) | JSON,
        "errors": st.lists(
            st.fixed_dictionaries(
                {"path": st.sampled_from(["persona", "evidence[].text", "tribes[]"]) | JSON,
                 "rule": st.sampled_from(["null", "enum"]) | JSON,
                 "count": st.integers(1, 9) | JSON}), max_size=3) | JSON,
        "extra": JSON,
    },
)  # fmt: skip


@examples(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(changed=BODIES, left_out=st.sets(st.sampled_from(["status", "rows_read", "errors"])))
def test_a6_whatever_is_sent_only_hashes_counts_and_plain_names_are_taken(asked, changed, left_out):
    body = asked.said(asked.batch) | changed
    body = {name: value for name, value in body.items() if name not in left_out}

    taken = asked.one("select handoff.is_ack(%s)", Jsonb(body))

    if taken:
        assert body.keys() <= {"manifest_sha256", "status", "rows_read", "keys_sha256", "errors"}
        for error in body.get("errors", ()):
            assert error.keys() == {"path", "rule", "count"}
            assert re.fullmatch(r"[a-z_0-9.\[\]]+", error["path"] + error["rule"], re.ASCII)
            assert type(error["count"]) is int
    try:
        acks.checked(body)
    except BadInput:
        return
    # JSON Schema takes 3.0 for an integer; the database does not.
    assert taken or any(isinstance(value, float) for value in leaves(body))


def leaves(value):
    """Every value that is neither list nor object."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


def test_a6_a_path_is_a_column_of_a_contract_or_the_whole(readers, delivered):
    for path in ("john_doe", "john.doe", "persona.value", "evidence"):
        body = readers.said(delivered, errors=[ERROR | {"path": path}])
        if path == "evidence":
            acks.checked(body)
            continue
        with pytest.raises(BadInput, match="no column of a contract") as refused:
            acks.checked(body)
        assert path not in str(refused.value)
    for path in ("persona", "evidence[].text", "accounts[].handle", "value", "_batch", "_row"):
        acks.checked(readers.said(delivered, errors=[ERROR | {"path": path}]))


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 70_000, b'{"a": NaN}', b'"\\u0000"']
)
def test_what_is_no_document_is_refused(data):
    with pytest.raises(BadInput, match="no acknowledgement"):
        acks.parsed(data)


@pytest.mark.parametrize("table", ["ack", "delivery"])
def test_what_was_said_does_not_change_even_for_the_owner(readers, delivered, table):
    readers.put("acme", delivered)

    for statement in (
        f"update handoff.{table} set batch_id = batch_id",
        f"delete from handoff.{table}",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            readers.owner(statement)
