import ast
import sys
from pathlib import Path

import phonenumbers
import pytest

from sxe_pipeline.sandbox import provider_answers, provider_calls, providers

OURS = ("providers", "provider_calls", "provider_answers")


@pytest.mark.parametrize("module", [providers, provider_calls, provider_answers])
def test_the_second_opinion_imports_nothing_of_the_engine(module):
    for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            top, *rest = name.split(".")
            if top == "sxe_pipeline":
                assert rest[0] == "sandbox", name
                assert rest[1] in OURS, name
            else:
                assert top in sys.stdlib_module_names, name


def test_nobody_knows_everybody_and_the_shares_are_as_said():
    known = [provider_answers.person("apollo", "A", "B", {"n": str(n)}) for n in range(4_000)]
    hits = [one for one in known if one.is_hit]

    assert 0.66 < len(hits) / len(known) < 0.74
    assert 0.45 < sum(bool(one.phones) for one in hits) / len(hits) < 0.55
    assert all(0 <= one.email_credits <= 1 for one in known)
    assert all(0 <= one.phone_credits <= 8 for one in known)
    assert any(one.email_credits % 1 for one in known)
    assert any(one.phone_credits % 1 for one in known)
    others = [
        body["person"]["name"]["firstName"] != "A"
        for body, _ in map(provider_answers.enformion_answer, hits)
    ]
    assert 0.005 < sum(others) / len(hits) < 0.04


def test_every_value_is_from_a_reserved_range_and_still_valid():
    known = [provider_answers.person("x", "A", "B", {"n": str(n)}) for n in range(2_000)]
    emails = [email for one in known for email in one.emails]
    phones = [phone for one in known for phone in one.phones]

    assert len(emails) > 1_000
    assert {email.split("@")[1] for email in emails} == {
        "example.com",
        "example.net",
        "example.org",
    }
    assert len(phones) > 500
    for phone in phones:
        assert phone[5:10] == "55501", phone
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone)), phone
