"""A condition says of many records, and of their keys, what it says of each record alone."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sxe_pipeline.ingest import paths
from sxe_pipeline.ingest.batch import Batch
from sxe_pipeline.ingest.match import compiled

PATHS = ("a", "b", "a.b", "a.b.a", "a[*]", "a[*].b", "a[0].b", "b.a")
SOME = st.lists(st.sampled_from(PATHS), min_size=1, max_size=3, unique=True)
LEAVES = st.sampled_from([None, "", 0, 1, "x", "axb", [], {}, paths.UNREAD])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2), st.lists(inner, max_size=2)
    ),
    max_leaves=4,
)
RECORDS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "has": SOME,
        "any": SOME,
        "not": SOME,
        "empty": SOME,
        "is": st.dictionaries(
            st.sampled_from(PATHS), st.sampled_from([1, "x", [None, "x"], [{}, []]]), min_size=1
        ),
        "like": st.dictionaries(st.sampled_from(PATHS), st.sampled_from(["x", "^a"]), min_size=1),
        "column_wise": st.just(True),
    },
).filter(bool)


@settings(max_examples=300)
@given(match=MATCHES, records=st.lists(RECORDS, min_size=1, max_size=6))
@example(match={"is": {"a": [None, "x"]}}, records=[{}])
def test_what_the_keys_leave_open_is_asked_of_one_and_of_many_alike(match, records):
    whole = compiled(match)

    for record in records:
        left = whole.settled(record.keys())

        assert whole(record) == (left is not None and all(each.of_one(record) for each in left))
        alike = [other for other in records if other.keys() == record.keys()]
        for condition in left or ():
            answers = condition.over(Batch(alike))
            assert answers == [condition.of_one(other) for other in alike]
            assert {*map(type, answers)} == {bool}
