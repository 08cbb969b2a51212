"""What the stages hand to an engine comes back the same from each."""

import dataclasses
import pickle

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import build, making, taxonomy
from sxe_pipeline.cards.in_force import InForce
from sxe_pipeline.cards.labeler import weights
from sxe_pipeline.cards.reading import DeclaredAudience
from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import OBSERVATION, OTHERS, QUARANTINE
from sxe_pipeline.social import redacting
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline.social.redaction import redact_rows
from sxe_pipeline_tests.cards.conftest import FULL, NEWEST, tables
from sxe_pipeline_tests.engine import acts
from sxe_pipeline_tests.engine.engines import on_every_engine, on_every_engine_with_workers
from sxe_pipeline_tests.social.landing import DAY, sighting
from sxe_pipeline_tests.social.landing import batch as landed

PEOPLE = [
    {"bio": "Wedding photographer. Coffee and trail running.", "follower_count": 700},
    {"bio": "Love photography", "card_id": "card_0000", "platform": "tiktok"},
    {"bio": "hi", "collections": ["declared"]},
    {"bio": "Chef in Lyon. Wine.", "location": "Lyon", "links": ["https://a.example/x"]},
    {"bio": None},
    {"bio": "Software engineer, open source", "is_private": True},
]
MANY = [
    person | {"account_key": f"id:{n}", "card_id": f"card_{n if n % 3 else n // 6 * 6:04}"}
    for n, person in enumerate(PEOPLE * 40)
]


@pytest.fixture(scope="module")
def in_force():
    labels = taxonomy.load(contracts_root() / "taxonomy")
    return InForce(
        labels,
        {"declared": DeclaredAudience(("gaming",), "players")},
        NEWEST,
        FULL,
        weights.shipped(labels),
        frozenset({"card_0000", "card_0012"}),
        code="c",
    )


def members(people, in_force, known=None):
    """Rows of accounts, as `touched` joins them, and what is known of their cards."""
    profiles, identities = tables(*people)
    groups = build.group(profiles, identities)
    rows = [
        {
            "card_id": card_id,
            "told": (known or {}).get(card_id),
            "is_suppressed": card_id in in_force.suppressed,
            **account._asdict(),
        }
        for card_id in sorted(groups)
        for account in groups[card_id]
    ]
    found = pa.Table.from_pylist(rows, schema=making.MEMBER).to_reader(max_chunksize=7)
    return pa.RecordBatchReader.from_batches(making.MEMBER, making.whole_cards(found))


def made_by(engine, people, in_force, known=None):
    found = pa.Table.from_batches(
        engine.run(members(people, in_force, known), making.act(in_force)), making.MADE
    )
    is_lead = pc.equal(found["kind"], build.LEAD)
    leads, others = found.filter(is_lead), found.filter(pc.invert(is_lead))
    return leads.select(LEAD_CARD.names), others.select(OTHERS.names)


@on_every_engine
def test_cards_are_those_of_the_build_in_memory_and_in_its_order(engine, in_force):
    built = build.build(*tables(*MANY), in_force)

    leads, others = made_by(engine, MANY, in_force)

    assert leads.to_pylist() == built.cards.to_pylist()
    assert others.to_pylist() == built.others.to_pylist()
    assert len(leads) > 3 < len(others)
    assert {r for row in leads["readiness_reasons"].to_pylist() for r in row} > {"suppressed"}


@on_every_engine
def test_what_a_stored_row_tells_comes_along(engine, in_force):
    built = build.build(*tables(*MANY), in_force)
    rows = [row | {"kind": "lead"} for row in built.cards.to_pylist()] + built.others.to_pylist()
    known = {row["card_id"]: {name: row.get(name) for name in making.KNOWN} for row in rows}
    lead = built.cards["card_id"][0].as_py()
    known[lead] |= {"tribe": "told", "is_doubtful": True}

    leads, _ = made_by(engine, MANY, in_force, known)

    first, *rest = leads.to_pylist()
    assert (first["tribe"], "low_confidence" in first["readiness_reasons"]) == ("told", True)
    assert rest == built.cards.to_pylist()[1:]


@on_every_engine_with_workers
def test_other_labels_than_those_of_the_package_are_refused(engine, in_force):
    other = dataclasses.replace(
        in_force, taxonomy=dataclasses.replace(in_force.taxonomy, sha256="0" * 64)
    )

    with pytest.raises(ContractBroken, match="install the same package"):
        made_by(engine, MANY, other)


def test_a_card_is_never_cut(in_force):
    crowd = [
        {"bio": "hi", "account_key": f"id:{n}", "card_id": f"card_{n // 20}"} for n in range(61)
    ]

    batches = list(members(crowd, in_force))

    held = [set(batch["card_id"].to_pylist()) for batch in batches]
    assert [batch.num_rows for batch in batches] == [20, 20, 20, 1]
    assert not set.intersection(*held)
    assert (
        list(making.whole_cards(pa.table({"card_id": pa.array([], pa.string())}).to_reader())) == []
    )


def test_what_reaches_a_worker_is_small_and_no_list_of_people(in_force):
    many = dataclasses.replace(in_force, suppressed=frozenset(f"card_{n}" for n in range(9_999)))

    told = pickle.dumps(making.act(many))

    assert len(told) < 20_000
    assert b"card_" not in told.replace(b"card_id", b"")


@on_every_engine
def test_rows_are_redacted_and_what_no_rule_can_work_on_is_told_apart(engine):
    people = [sighting(f"id:{n}", bio=f"{n} ana@example.com") for n in range(1, 60)]
    people[7] |= {"bio": "choke ben@example.com"}
    people[41] |= {"handle": "ana@example.com", "account_key": "handle:ana@example.com"}
    rows = landed(people)
    act = redacting.act(DAY, Detectors(redact_array=acts.choking))

    made = list(engine.run(pa.Table.from_batches([rows]).to_reader(max_chunksize=20), act))

    pairs = [redacting.parted(batch) for batch in made]
    observations = pa.Table.from_batches([stored for stored, _ in pairs], OBSERVATION.schema)
    rejects = pa.Table.from_batches([rest for _, rest in pairs], QUARANTINE.schema)
    alone = rows.filter(pa.array([n not in (7, 41) for n in range(59)]))
    expected, _ = redact_rows(alone, DAY)
    assert observations.to_pylist() == expected.to_pylist()
    assert [(r["row"], r["reason"]) for r in rejects.to_pylist()] == [
        (8, "bad_value"),
        (42, "leak"),
    ]
    assert "@example" not in str(observations.to_pylist() + rejects.to_pylist())
