"""What a record may hold, and that the same fact is recorded once."""

import datetime as dt
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from sxe_pipeline import audit
from sxe_pipeline.audit import payload as form
from sxe_pipeline.audit.search import search
from sxe_pipeline.errors import BadInput, Leak
from sxe_pipeline.store import sql

KIND = "table.vacuum_begun"
NO_ZONE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
CONTACTS = [
    "jane.doe@example.com",
    "mail jane.doe@example.com now",
    "+44 20 7946 0958",
    "https://wa.me/442079460958",
    "tel:+442079460958",
    "mailto:jane.doe@example.com",
]


@pytest.fixture
def reader(database):
    """The login that reads the log."""
    with sql.connect(database.dsn("sxe_api")) as opened:
        opened.autocommit = True
        yield opened


def add(conn, key="1", **data):
    with conn.transaction():
        return audit.append(conn, KIND, actor="job", subject="s", key=key, **data)


def test_a_replay_inserts_nothing_and_keeps_the_first_record(conn, reader):
    first = add(conn, rows=5)
    assert add(conn, rows=5) == first
    assert add(conn, key="2") != first

    events = search(reader, kind=KIND)
    assert [event.data for event in events] == [{}, {"rows": 5}]


def test_racing_replays_of_one_fact_give_one_event(database, reader):
    def once(_):
        with sql.connect(database.dsn("sxe_social")) as own:
            return add(own)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(once, range(8)))) == 1
    assert len(search(reader)) == 1


def test_an_event_stands_and_falls_with_its_transaction(conn, reader):
    with pytest.raises(RuntimeError), conn.transaction():
        audit.append(conn, KIND, actor="job", subject="s", key="1")
        raise RuntimeError

    assert search(reader) == []


def test_the_database_and_python_agree_on_the_leaf_hash(conn, reader):
    add(conn, rows=3, word="ünï 東京")
    payload, recorded_at, leaf = reader.execute(
        "select payload, recorded_at, leaf_hash from audit.event"
    ).fetchone()

    assert form.leaf_hash(payload, recorded_at) == leaf
    assert abs(dt.datetime.now(dt.UTC) - recorded_at) < dt.timedelta(minutes=1)


@pytest.mark.parametrize("contact", CONTACTS)
@pytest.mark.parametrize("part", ["actor", "subject", "key", "word", "words"])
def test_u7_contact_data_is_refused_in_every_part_of_a_record(contact, part):
    given = {"actor": "a", "subject": "s", "key": "k", "data": {}}
    if part in given:
        given[part] = contact
    else:
        given["data"][part] = [contact] if part == "words" else contact

    with pytest.raises(Leak) as caught:
        form.canonical(KIND, **given)
    assert contact not in str(caught.value)
    assert part in str(caught.value)


def test_a_refused_record_leaves_the_transaction_usable(conn, reader):
    with conn.transaction():
        with pytest.raises(Leak):
            audit.append(conn, KIND, actor="a", subject="s", key="k", word=CONTACTS[0])
        audit.append(conn, KIND, actor="a", subject="s", key="k")

    assert len(search(reader)) == 1


def test_contact_data_in_the_name_of_a_value_is_refused():
    with pytest.raises((Leak, BadInput)):
        form.canonical(KIND, actor="a", subject="s", key="k", data={CONTACTS[0]: 1})


@pytest.mark.parametrize("value", [1.5, b"x", {"a": 1}, {1}, object(), [[1.5]], NO_ZONE, "x" * 600])
def test_a_value_that_is_no_fact_is_refused(value):
    with pytest.raises(BadInput):
        form.canonical(KIND, actor="a", subject="s", key="k", data={"value": value})


def test_as_many_bytes_as_leave_room_for_the_run_are_allowed_and_one_more_is_not(conn):
    with conn.transaction():
        used = len(form.canonical(KIND, actor="a", subject="s", key="k", data={"v": ""}))
        word = "é" * ((form.MAX_BYTES - used) // 2) + "x" * ((form.MAX_BYTES - used) % 2)
        audit.append(conn, KIND, actor="a", subject="s", key="k", v=word)
        with pytest.raises(BadInput, match="541 bytes"):
            audit.append(conn, KIND, actor="a", subject="s", key="k", v=f"{word}x")


def test_an_unknown_kind_is_refused(conn):
    with pytest.raises(BadInput, match="KINDS"):
        audit.append(conn, "message.sent", actor="a", subject="s", key="k")


def test_hashes_ids_dates_and_names_of_collections_are_no_contact_data():
    facts = {
        "sha": "0123456789" * 6 + "abcd",
        "number": 441632960001,
        "id": uuid.UUID(int=12345678901234567890),
        "day": dt.date(2026, 11, 24),
        "at": dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC),
        "flag": True,
        "nothing": None,
        "collection": "export_2026-11-24_120000",
        "files": ["0" * 32, "1" * 32],
    }
    data = json.loads(form.canonical(KIND, actor="a", subject="s", key="k", data=facts))["data"]

    assert data["at"] == "2026-11-24T12:00:00+00:00"
    assert data["number"] == 441632960001


@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.integers(0, 10**6)))
def test_the_bytes_do_not_depend_on_the_order_of_the_values(data):
    data = dict(list(data.items())[:10])
    same = dict(reversed(data.items()))
    given_ = {"actor": "a", "subject": "s", "key": "k"}

    assert form.canonical(KIND, data=data, **given_) == form.canonical(KIND, data=same, **given_)


LINE, TEXT = st.text('ab|["],', max_size=4), st.text('ab|\n["],', max_size=4)


@given(st.tuples(LINE, LINE, TEXT), st.tuples(LINE, LINE, TEXT))
def test_two_facts_never_share_an_id(one, other):
    assert (form.event_id(*one) == form.event_id(*other)) == (one == other)


def test_a_subject_of_two_lines_is_refused_for_it_could_be_read_as_two_facts():
    with pytest.raises(BadInput):
        form.event_id(KIND, "a\nb", "k")


def test_the_database_gives_a_fact_the_id_and_the_form_that_we_give_it(database):
    record = {"b": [1, "x", None], "a": 'é"\\ \t', "z": {"k": True}}
    with psycopg.connect(database.dsn("postgres")) as root:
        [(made, form_)] = root.execute(
            "select audit.event_id('a.b', 's', 'k'), audit.canonical(%s)", [Jsonb(record)]
        ).fetchall()

    assert made == form.event_id("a.b", "s", "k")
    assert form_.encode() == form.encode(record)


def test_a_search_narrows_by_every_term(conn, reader):
    with conn.transaction():
        audit.append(conn, KIND, actor="a", subject="s", key="1")
        audit.append(conn, "run_history.expired", actor="b", subject="t", key="1", rows=1)
    now = dt.datetime.now(dt.UTC)

    assert [e.kind for e in search(reader, actor="a")] == [KIND]
    assert [e.actor for e in search(reader, subject="t")] == ["b"]
    assert [e.data for e in search(reader, kind="run_history.expired")] == [{"rows": 1}]
    assert len(search(reader, since=now - dt.timedelta(minutes=1))) == 2
    assert search(reader, since=now + dt.timedelta(minutes=1)) == []
    assert len(search(reader, limit=1)) == 1
    assert json.dumps(search(reader)[0].as_dict())
