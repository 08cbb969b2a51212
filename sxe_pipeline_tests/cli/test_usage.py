"""What is typed wrong is refused before any database is asked, in one sentence."""

import click
import pytest
from click.testing import CliRunner

from sxe_pipeline import settings
from sxe_pipeline.cli import main
from sxe_pipeline.cli.output import KEPT
from sxe_pipeline.gate import people
from sxe_pipeline_tests.cli.terminal import ASK, WHY, all_verbs, typed

NUMBERS = {
    (" ".join(words), option.opts[0]): option.type
    for words, command in all_verbs(main)
    for option in command.params
    if isinstance(option.type, click.types.IntParamType)
}
"""Verb and option -> what it takes, of every option that is a whole number."""


@pytest.mark.parametrize("where", NUMBERS, ids=" ".join)
def test_a_number_that_nothing_here_can_be_is_a_usage_error(where, tmp_path):
    """As PostgreSQL, an operating system or a generator would otherwise end in a traceback."""
    verb, option = where
    taken = NUMBERS[where]

    assert isinstance(taken, click.IntRange)
    assert taken.min is not None
    assert taken.max is not None
    for number in (taken.min - 1, taken.max + 1, 10**21, -(10**21)):
        done = typed(tmp_path, *verb.split(), f"{option}={number}")
        assert done.exit_code == 2, done.output
        assert option in done.stderr


def test_a_command_that_is_none_is_a_usage_error(terminal):
    said = terminal.type(None, "env", "--", "no-such-command-here", code=2).stderr

    assert "no-such-command-here cannot be run (No such file or directory)" in said


@pytest.fixture
def apart(tmp_path):
    """Types a verb where no database is: what is refused here was refused before it was asked."""
    nowhere = {name: "postgresql://u@127.0.0.1:9/nowhere" for name in settings.DATABASES.values()}

    def typed(*arguments, code, token="sxe-token-of-somebody"):
        given = nowhere | {"SXE_HOME": str(tmp_path), "SXE_TOKEN": token}
        done = CliRunner(env=given).invoke(main, arguments)
        assert done.exit_code == code, done.output
        return done

    return typed


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], id="not said how many"),
        pytest.param(["--limit", "2", "--card", "card-0001"], id="said twice"),
        pytest.param(["--card", "card-0001", "--pool", "founders"], id="a pool of named cards"),
        pytest.param(["--limit", "1e2"], id="no number"),
    ],
)
def test_what_is_typed_wrong_is_a_usage_error(apart, more):
    apart(*ASK, "--submit", *more, code=2)


@pytest.mark.parametrize(
    "amount",
    ["", "1.2345678", "1e3", "NaN", "Infinity", "1,50", "١٢", "1_000", "-1", "$", "9" * 13],
)
def test_an_amount_that_is_none_is_a_usage_error(apart, amount):
    apart(*ASK, "--limit", "2", "--submit", f"--max={amount}", code=2)
    apart("approve", "abcd", *WHY, f"--max={amount}", code=2)
    apart("budget", "propose", "cap", "--market", "m", f"--amount={amount}", *WHY, code=2)


def test_whatever_a_verb_keeps_of_what_people_write_is_looked_at_for_contact_data():
    kept = {"reason", "purpose", "legal_basis", "permissible_purpose"}

    unlooked = [
        (*words, option.name)
        for words, command in all_verbs(main)
        for option in command.params
        if option.name in kept and option.type is not KEPT
    ]
    assert unlooked == []


@pytest.mark.parametrize("items", ["0", "251", "5-1", "1-", "a", "", "1,,2", "1-999999999", "-3"])
def test_items_that_are_none_are_a_usage_error(apart, items):
    apart("approve", "abcd", *WHY, f"--items={items}", code=2)


@pytest.mark.parametrize(
    "arguments",
    [
        [*ASK, "--limit", "1"],
        ["approve", "aaaa", *WHY],
        ["reject", "aaaa", *WHY],
        ["revoke", "aaaa", *WHY],
        ["budget", "propose", "circuit", "apollo", *WHY],
        ["budget", "confirm", "aaaa"],
        ["budget", "stop", *WHY],
        ["people", "renew"],
        ["people", "accept"],
        ["people", "revoke-token", "0" * 12],
        ["people", "retire", "ana"],
        ["privacy", "suppress", "card-0001", *WHY],
    ],
    ids=" ".join,
)
def test_without_a_token_nobody_speaks(apart, arguments):
    done = apart(*arguments, code=3, token=None)

    assert "SXE_TOKEN" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["cap", "--amount", "1"], id="a cap of nothing"),
        pytest.param(["cap", "--market", "m", "--amount", "1", "--month", "2031"], id="a year"),
        pytest.param(
            ["cap", "--market", "m", "--amount", "1", "--month", "2031-13"], id="month 13"
        ),
        pytest.param(["setting", "quorum", "two"], id="a quorum in words"),
        pytest.param(["setting", "run_within", "-1 hours"], id="a negative time"),
        pytest.param(["setting", "max_unknown_open", "9"], id="a setting that is not proposed"),
    ],
)
def test_a_proposal_that_could_not_hold_is_a_usage_error(apart, arguments):
    apart("budget", "propose", *arguments, *WHY, code=2)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("- a\n- b\n", id="a list"),
        pytest.param("", id="nothing"),
        pytest.param("a: [1", id="broken"),
        pytest.param("a: !!python/object:os.system {}", id="an object"),
        pytest.param("a: .nan", id="not a number"),
        pytest.param("a: &a [*a]", id="a list in itself"),
        pytest.param("a: !!binary aGk=", id="bytes"),
        pytest.param('a: "\\0"', id="a zero"),
        pytest.param("\udcff", id="no text"),
    ],
)
def test_a_file_that_the_gate_could_not_read_is_a_usage_error(apart, tmp_path, text):
    file = tmp_path / "price.yaml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))

    apart("budget", "propose", "price", str(file), *WHY, code=2)


def test_a_token_that_is_pasted_for_its_hash_goes_nowhere(apart):
    token = people.make_token().text

    done = apart("people", "add", "joe", "--scope", "request", "--token-sha256", token, code=2)

    assert token not in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["bootstrap", "cho", "cho"], id="one person twice"),
        pytest.param(["bootstrap", "Cho", "dan"], id="a name in capitals"),
        pytest.param(["bootstrap", "cho"], id="one person alone"),
        pytest.param(["bootstrap", "cho", "dan", "--days", "0"], id="no day"),
        pytest.param(["bootstrap", "cho", "dan", "--days", "9999"], id="for ever"),
    ],
)
def test_a_bootstrap_that_cannot_be_is_a_usage_error(apart, arguments):
    done = apart("people", *arguments, code=2)

    assert "sxe-token-" not in done.output


def test_a_scope_that_nobody_knows_is_refused(apart):
    hexadecimal = ("--token-sha256", "ab" * 32)

    apart("people", "add", "joe", "--scope", "root", *hexadecimal, code=5)
