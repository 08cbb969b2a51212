"""Names and domains as people write them: what agrees, what is doubtful, what is somebody else."""

import pytest

from sxe_pipeline.contacts import agreement
from sxe_pipeline.contacts.adapter import Value
from sxe_pipeline.contacts.agreement import Agreement
from sxe_pipeline_tests.contacts.apollo_replies import answered, item, person, read

SAME = [
    (("Ana", "Made"), ("ANA", "Made, MBA")),
    (("Bo", "Made"), ("Bo", "Made Jr.")),
    (("Ana", "Made"), ("Ana", "Made, Ph.D., CPA")),
    (("Ana", "Made"), ("Dr. Ana", "Made III")),
    (("Ana", "Made"), ("Ana B.", "Made")),
    (("Ana", "Made"), ("Made", "Ana")),
    (("Ana", "Müller"), ("Ana", "Mueller")),
    (("Jörg", "Groß"), ("Joerg", "Gross")),
    (("Jean-Luc", "Made"), ("Jean Luc", "Made")),
    (("Ana", "O'Bríen"), ("Ana", "OBRIEN")),
    (("Ana", "Jr"), ("Ana", "Jr.")),
    (("", "Made"), ("Ana", "Made")),
    (("", ""), ("Ana", "Made")),
]
DOUBTFUL = [
    (("Ana", "Made"), ("Ana", "Made Lopez")),
    (("Ana Maria", "Made"), ("Ana", "Made")),
    (("A.", "Made"), ("Ana", "Made")),
    (("Ana", "Made"), ("A", "Made")),
    (("Ana B.", "Made"), ("Ana C.", "Made")),
]
OTHER = [
    (("Ana", "Made"), ("Anna", "Made")),
    (("Ana", "Made"), ("Ana", "Maden")),
    (("Ana", "Made"), ("Bo", "Made")),
    (("Ana", "Made"), ("", "Made")),
    (("Ana", "Made"), ("", "")),
    (("Ana", "Made"), ("B", "Made")),
    (("Ana", "Jr"), ("Ana", "Sr")),
    (("Ana", "Made"), ("Ana", "MBA")),
    (("राम", "Made"), ("रमा", "Made")),
]


@pytest.mark.parametrize(
    ("ours", "theirs", "degree"),
    [
        pytest.param(*pair, degree, id=f"{degree.name}: {pair[0]} {pair[1]}")
        for degree, pairs in (
            (Agreement.FULL, SAME), (Agreement.DOUBTFUL, DOUBTFUL), (Agreement.NONE, OTHER)
        )
        for pair in pairs
    ],
)  # fmt: skip
def test_g_names_agree_as_people_write_them(ours, theirs, degree):
    assert agreement.of_names(ours, theirs) is degree


@pytest.mark.parametrize(
    ("ours", "theirs", "degree"),
    [
        ("shop.example.com", "example.com", Agreement.FULL),
        ("a.example.co.uk", "b.example.co.uk", Agreement.FULL),
        ("", "example.com", Agreement.FULL),
        ("shop.example.org", "example.com", Agreement.DOUBTFUL),
        ("ana.github.io", "bo.github.io", Agreement.NONE),
        ("one.co.uk", "two.co.uk", Agreement.NONE),
        ("abc.com", "abc.net", Agreement.NONE),
        ("co.uk", "com", Agreement.NONE),
    ],
)
def test_g_domains_agree_by_the_part_that_is_registered(ours, theirs, degree):
    assert agreement.of_domains(ours, theirs) is degree


@pytest.mark.parametrize(
    ("given", "confidence"),
    [
        ({"last": "Diaz, MBA"}, None),
        ({"last": "Diaz Jr."}, None),
        ({"domain": "shop.example.com"}, None),
        ({"domain": "example.org"}, agreement.DOUBT),
        ({"last": "Diaz Lopez"}, agreement.DOUBT),
        ({"last": "Diaz Lopez", "extrapolated_email_confidence": 0.1}, 0.1),
    ],
)
def test_g_what_was_paid_for_and_is_doubtful_is_kept_and_believed_little(given, confidence):
    [found] = read(answered(person(**given))).findings

    assert found.outcome == "match"
    assert [value.confidence for value in found.values] == [confidence]


def test_g_who_agrees_in_full_goes_before_who_may_be_meant():
    [found] = read(
        answered(person(last="Diaz Lopez", id="p2", email="l@example.com"), person()), [item()]
    ).findings

    assert (found.outcome, found.provider_person_id) == ("match", "p1")


def test_a_full_agreement_leaves_a_value_as_it_is():
    value = Value("email", "ana@example.com", confidence=0.9)

    assert agreement.as_believed([value], Agreement.FULL) == [value]
