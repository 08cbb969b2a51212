"""Many records at once give what each gives alone: columns, accounts, lines."""

import json
import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.ingest import paths, values, whole
from sxe_pipeline.ingest.batch import Batch
from sxe_pipeline.ingest.columns import MAPPABLE
from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats import json_text
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.rows import Found
from sxe_pipeline.ingest.shape_files import shipped
from sxe_pipeline_tests.canaries.samples import samples
from sxe_pipeline_tests.ingest.reading import land

SEED = 20261129

ODD = [
    *(0, 1, -1, 2**53, 2**63 - 1, 2**63, 10**24, 10**24 - 1, True, False, 1.0, 1.5, float("inf")),
    *("", " ", "0", "00", "null", "None", "N/A", "-", "No bio yet", "true", "Yes", "0.0"),
    *("1234", "٣", "²", "12,4K", "1.2", "9" * 18, "9" * 19, "1" * 24, "1" * 25, '="17"'),
    *("@ana", "ana b", "a" * 64, "a" * 65, "ana\n", "a.b_c", "Ünal", "x\u200by", "█ana"),
    *("a\x00b", "a\x7fb", "tab\there", "x.example", "https://x.example/a ", "http://y/\x07"),
    *("Wed Oct 10 20:19:24 +0000 2018", "Wed Oct 10 20:19:24 +0200 2018"),
    *("Wed Okt 10 20:19:24 +0000 2018", "Wed Oct 32 20:19:24 +0000 2018"),
    *("123 Oct 10 20:19:24 +0000 2018", "Wed Oct 10 201924.5 +0000 2018", "2020-01-02"),
    *("Business", "creator ", "VXNlcjoxMjM=", "https://x.com/@ana", "\ud800"),
]
"""Numbers, flags and texts of which some are as they should be and others nearly."""
HOSTILE = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=70),
    st.sampled_from(ODD),
    st.sampled_from(
        [
            *(b"12", b"\xff", Decimal(12), Decimal("NaN"), datetime(2020, 1, 2, tzinfo=UTC)),
            *({"$numberLong": "12"}, {"$date": "2020-01-02"}, {"expanded_url": "y.example"}),
            *([], ["a", "a", "b"], [{"expanded_url": "https://a.example"}, None, 3], [["x"]]),
            paths.UNREAD,
        ]
    ),
)
PLAIN = st.one_of(st.none(), st.text("ab1._@ ", max_size=6), st.integers(-1, 99), st.booleans())
FORMS = [form for form in shipped() if form.fills]


def places(form):
    """The paths that a shape's columns read, as steps."""
    found = set()

    def look(node):
        for part in vars(node).values() if hasattr(node, "__dict__") else ():
            if isinstance(part, tuple) and part and all(type(step) in (str, int) for step in part):
                found.add(part)
            for inner in part if isinstance(part, tuple | list) else (part,):
                if type(inner).__module__.startswith("sxe_pipeline.ingest."):
                    look(inner)

    for _, fill in form.fills:
        look(fill)
    return sorted(found, key=repr)


def planted(values_by_path):
    """A record that holds these values, as far as one does not stand in another's way."""
    record = {}
    for steps, value in values_by_path.items():
        node = record
        for step in steps[:-1]:
            if type(step) is not str or step == "*":
                break
            below = node.setdefault(step, {})
            if type(below) is not dict:
                break
            node = below
        else:
            node[steps[-1] if steps[-1] != "*" else "x"] = value
    return record


def alone(fill, record):
    try:
        return fill(record), None
    except Exception as why:  # noqa: BLE001 - whatever a value does to its transform
        return None, type(why)


def same(left, right):
    return type(left) is type(right) and (left == right or left != left)


@pytest.mark.parametrize("form", FORMS, ids=[f"{at}-{form.name}" for at, form in enumerate(FORMS)])
@given(data=st.data())
@settings(max_examples=max(3, settings.default.max_examples // 10))
def test_a_column_over_many_records_is_what_each_record_says_alone(form, data):
    some = st.dictionaries(
        st.sampled_from(places(form)), data.draw(st.sampled_from([HOSTILE, PLAIN]))
    )
    records = [planted(each) for each in data.draw(st.lists(some, min_size=1, max_size=6))]

    for at, fill in form.fills:
        found, bad = fill.over(Batch(records))

        for row, record in enumerate(records):
            value, why = alone(fill, record)
            if why is None:
                assert row not in bad, MAPPABLE[at]
                assert same(found[row], value), MAPPABLE[at]
            else:
                assert type(bad[row]) is why, MAPPABLE[at]
                assert not found[row], MAPPABLE[at]


@pytest.mark.parametrize("name", sorted(values.TRANSFORMS))
def test_two_values_side_by_side_are_read_as_each_alone(name):
    bare = values.TRANSFORMS[name]
    for transform in (bare, whole.Quirky(bare, frozenset({"null", "ana b"}), "█")):
        each = [alone(lambda value: whole.read(value, transform), value) for value in ODD]  # noqa: B023
        for at, first in enumerate(ODD):
            for beside, second in enumerate(ODD):
                done, bad = whole.over([first, None, second], transform)

                for place, alone_at in ((0, at), (2, beside)):
                    value, why = each[alone_at]
                    assert type(bad.get(place)) is (why or type(None)), (first, second)
                    assert same(done[place], value), (first, second)
                assert done[1] is None


LEAVES = st.sampled_from(
    [
        {"id": "1", "username": "ana", "name": "Ana"},
        {"rest_id": "2", "core": {"screen_name": "b", "name": "B"}, "relationship_counts": {}},
        {"rest_id": "3", "legacy": {"screen_name": "c", "followers_count": 1}},
        {"user": {"id": "4", "uniqueId": "d", "secUid": "s"}, "stats": {"followerCount": 2}},
        {"userInfo": {"user": {"id": "5", "uniqueId": "e"}, "stats": {}}},
        {"__typename": "UserUnavailable", "reason": "Suspended"},
        {"errors": [{"message": "no"}]},
        {"username": "gram", "media_count": 3},
        {"a": 1},
        {"id.x": 1, "id/x": 2},
        {"user": '{"id": "6", "uniqueId": "f", "secUid": "t"}'},
        [],
        None,
        "text",
    ]
)
KEYS = ("user", "data", "page_info", "errors", "userInfo", "result", "legacy", "note", "timestamp")
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=2),
        st.lists(inner, min_size=1, max_size=2),
    ),
    max_leaves=5,
)


TIMES = st.sampled_from([None, "", "2026-01-02T00:00:00Z"])


def each_of(outcomes):
    """What an `Outcomes` says at each position."""
    told = dict(outcomes.others)
    for some in outcomes.accounts:
        said = (some.times, some.given, some.posts, some.is_post)
        found = [Found(some.form, *row) for row in zip(some.records.records, *said, strict=True)]
        assert list(some.positions) == sorted(some.positions)
        told |= zip(some.positions, found, strict=True)
    assert sorted(told) == list(range(outcomes.count))
    return [told[position] for position in range(outcomes.count)]


@given(records=st.lists(st.tuples(TREES, TIMES), max_size=8), again=st.integers(1, 3))
def test_records_together_become_what_each_becomes_alone(records, again):
    chosen = mappings(None)
    timed = [
        {"fetched_at": time} | record if type(record) is dict and time is not None else record
        for record, time in records * again
    ]
    beside = [each for record in timed for each in (record, Fault.NO_JSON)]

    together = each_of(chosen.over(beside))

    alone = [
        each
        for record in beside
        for each in ([record] if record is Fault.NO_JSON else chosen.outcomes(record))
    ]
    assert together == alone


OWN = b"""
platform: threads
shapes:
  - name: outermost_only
    match: {has: [colour, weight]}
    nested: false
    columns: {handle: colour}
  - name: outermost_shelf
    match: {has: [shelf]}
    nested: false
    records: [shelf]
"""
WRAPPERS = (
    lambda inner: inner,
    lambda inner: {"user": inner},
    lambda inner: {"user": inner, "fetched_at": "2026-01-02T00:00:00Z", "timestamp": "x"},
    lambda inner: {"user": inner, "note": {}},
    lambda inner: {"data": {"user": inner}, "extensions": {"a": 1}},
    lambda inner: {"data": {"users": [inner]}},
    lambda inner: {"data": {"users": [inner, {"a": 1}]}},
    lambda inner: {"page_info": inner},
    lambda inner: {"a": {"b": {"c": {"d": {"e": inner}}}}},
    lambda inner: {"a": {"b": {"c": {"d": {"e": {"f": {"g": inner}}}}}}},
    lambda inner: {"shelf": inner},
    lambda inner: {"a": {"shelf": inner, "b": 1}},
    lambda inner: {"userInfo": inner, "statusCode": 0},
    lambda inner: {"userInfo": inner, "users": [inner]},
    lambda inner: {"user": json.dumps(inner)},
    lambda inner: {f"user.{key}": value for key, value in inner.items()},
    lambda inner: {"edges": [{"node": inner}], "thread_items": [{"post": {"user": inner}}]},
)


@pytest.mark.parametrize("own", [None, OWN], ids=["shipped", "with a shape of its own"])
def test_every_shape_in_every_wrapper_is_what_it_is_alone(own):
    chosen = mappings(own)
    inner = [*(sample.record for sample in samples()), {"colour": "ana", "weight": 1}]
    records = [wrap(record) for record in inner for wrap in WRAPPERS]
    records += [sample.record | {"user": sample.record} for sample in samples()]
    print("seed", SEED)
    random.Random(SEED).shuffle(records)

    for at in range(0, len(records), 64):
        some = records[at : at + 64]
        assert each_of(chosen.over(some)) == [e for record in some for e in chosen.outcomes(record)]


def test_rows_of_several_shapes_keep_their_order():
    records = [
        {"rest_id": "3", "legacy": {"screen_name": "c", "followers_count": 1}},
        {"user": {"id": "4", "uniqueId": "d", "secUid": "s"}, "stats": {"followerCount": 2}},
        [{"rest_id": "5", "legacy": {"screen_name": "e", "followers_count": "many"}}, {"a": 1}],
        {"rest_id": "x", "legacy": {"screen_name": "f", "followers_count": 1}},
        {"user": {"id": "6", "uniqueId": "g", "secUid": "s"}, "stats": {"followerCount": 2}},
    ]

    rows, rejects = land("\n".join(map(json.dumps, records)).encode(), "f.jsonl")

    assert [(row["row"], row["platform_id"]) for row in rows] == [
        *((1, "3"), (2, "4"), (3, "5"), (6, "6")),
    ]
    assert rows[2]["follower_count"] is None
    assert "follower_count" not in rows[2]["given"]
    assert [(r.row, r.reason, r.column) for r in rejects] == [
        (4, "unknown_shape", None),
        (5, "bad_value", "platform_id"),
    ]


LINES = st.sampled_from(
    [
        *('{"id":"1","username":"ana","name":"A"}', '{"id":"2","username":"b","name":"B:\\u003a"}'),
        *('{"id":"1","id":"2","username":"c"}', '{"a":1} {"b":2}', '{"a":1}{"b":2}', '{"a":1},'),
        *("", "   ", '{"a":', "1}", "[]", '[{"a":1},{"a":2}]', "7", '"x"', "null", "{}", "{", "}"),
        *('{"a":{}', '{"b":NaN}', "\ufeff{}", '{"a":1}\r', '{"x":"\\ud800"}', '{"a":[{}', "{}]}"),
    ]
)


@given(lines=st.lists(LINES, min_size=2, max_size=8), size=st.integers(1, 200))
def test_lines_that_are_decoded_together_are_what_each_is_alone(lines, size):
    data = "\n".join(['{"a":0}', *lines]).encode()

    def read():
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        return list(json_text.documents(pieces, is_lines=True))

    together = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_at_once", lambda block: None)
        assert together == read()


def test_a_row_is_the_same_among_others_and_alone():
    def legacy(n):
        bio = "b\x00" if n % 50 == 7 else "b"
        return {"screen_name": f"u{n}", "name": "N" if n % 3 else None, "description": bio}

    records = [{"rest_id": str(n), "legacy": legacy(n)} for n in range(1, 300)]
    records[70]["rest_id"] = "no id"

    whole_file, rejects = land("\n".join(map(json.dumps, records)).encode(), "f.jsonl")

    alone_rows = [land(json.dumps(record).encode(), "f.jsonl")[0] for record in records]
    expected = [rows[0] for rows in alone_rows if rows]
    assert [row | {"row": 1} for row in whole_file] == expected
    assert [(reject.row, reject.reason) for reject in rejects] == [(71, "bad_value")]
