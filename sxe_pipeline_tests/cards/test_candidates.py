"""What a provider may be told about a card: what its profile plainly states, and no more."""

import pytest

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import taxonomy
from sxe_pipeline.cards.candidates import inputs, name_of


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
