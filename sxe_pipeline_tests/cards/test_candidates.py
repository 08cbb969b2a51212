"""What a provider may be told about a card: what its profile plainly states, and no more."""

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import candidates, taxonomy
from sxe_pipeline.cards.candidates import inputs, name_of
from sxe_pipeline_tests.cards.conftest import tables


@pytest.fixture(scope="module")
def gazetteer():
    return taxonomy.load(contracts_root() / "taxonomy").gazetteer


@pytest.mark.parametrize(
    ("display_name", "name"),
    [
        ("Ana Silva", ("Ana", "Silva")),
        ("Ana María Silva", ("Ana", "Silva")),
        ("Dr. Ana O'Brien 🌱", ("Ana", "O'Brien")),
        ("Jean-Luc Picard", ("Jean-Luc", "Picard")),
        ("Ana", (None, None)),
        ("Ana | growth", (None, None)),
        ("Ana Silva @ Acme", (None, None)),
        ("ana_silva 99", (None, None)),
        ("A B", (None, None)),
        ("Five Words Are Too Many", (None, None)),
        ("[email] Ana Silva", (None, None)),
        ("", (None, None)),
        (None, (None, None)),
    ],
)
def test_a_name_is_two_to_four_plain_words_or_none(display_name, name):
    assert name_of(display_name) == name


def test_inputs_are_what_the_profile_states(gazetteer):
    card = {
        "display_name": "Ana Silva",
        "country": "US",
        "region": "US-TX",
        "link_domains": ["linktr.ee", "x.com", "anasilva.example.org"],
    }
    accounts = [
        {"location": "Austin, TX", "links": ["https://www.linkedin.com/in/ana-silva/?trk=1"]}
    ]

    assert inputs(card, accounts, gazetteer) == {
        "first_name": "Ana",
        "last_name": "Silva",
        "city": "Austin",
        "region": "TX",
        "country": "US",
        "domain": "anasilva.example.org",
        "linkedin_url": "https://www.linkedin.com/in/ana-silva",
    }


def test_what_the_profile_does_not_state_is_missing_and_not_empty(gazetteer):
    card = {"display_name": "ana", "country": None, "region": None, "link_domains": None}
    accounts = [{"location": "somewhere nice", "links": ["https://linkedin.com/company/acme"]}]

    assert inputs(card, accounts, gazetteer) == {}


BAKER = {
    "bio": "Baker of bread in Austin. I love sourdough and baking",
    "display_name": "Ana Silva",
}
PEOPLE = (
    {**BAKER, "card_id": "card_b", "platform": "x", "location": "Austin, TX"},
    {**BAKER, "card_id": "card_b", "platform": "tiktok", "location": "Lyon", "follower_count": 9},
    {**BAKER, "card_id": "card_a", "display_name": "Ana", "location": "Austin, TX"},
    {**BAKER, "card_id": "card_c"},
    {**BAKER, "card_id": "card_d", "is_private": True},
    {"card_id": "card_e", "bio": "one peace in town"},
)


def in_memory(rows, folder):
    return rows


def as_dataset(rows, folder):
    return ds.dataset(in_files(rows, folder))


def in_files(rows, folder):
    """The paths of two files."""
    folder.mkdir()
    files = [str(folder / f"{n}.parquet") for n in range(2)]
    for n, file in enumerate(files):
        pq.write_table(rows.slice(n * 2, 2 if n == 0 else None), file)
    return files


@pytest.mark.parametrize("stored", [in_memory, as_dataset, in_files])
def test_each_ready_card_is_a_candidate_in_the_order_of_the_ids(make, gazetteer, tmp_path, stored):
    profiles, identities = tables(*PEOPLE)
    cards = make(*PEOPLE).cards
    given = [
        stored(rows.take(pa.array(range(rows.num_rows)[::-1])), tmp_path / name)
        for name, rows in (("cards", cards), ("identities", identities), ("profiles", profiles))
    ]

    found = list(candidates.candidates(*given, gazetteer, without=["card_c"]))

    assert [one.card_id for one in found] == ["card_a", "card_b"]
    assert [list(one.platforms) for one in found] == [["x"], ["tiktok", "x"]]
    assert [one.inputs.get("city") for one in found] == ["Austin", "Lyon"], "most followers first"
    assert [one.inputs.get("first_name") for one in found] == [None, "Ana"]
    assert {one.market for one in found} <= set(cards["market"].to_pylist())
