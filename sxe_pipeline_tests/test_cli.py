"""The command line as a user meets it: quick, quiet, with one line for an error."""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sxe_pipeline import settings
from sxe_pipeline.cli import main
from sxe_pipeline.cli.verbs import SECTIONS
from sxe_pipeline.gate import people
from sxe_pipeline_tests.cli.terminal import ASK, WHY, all_verbs

SXE = [sys.executable, "-m", "sxe_pipeline.cli"]


def variables_of(home):
    ours = ("SXE_", "DAGSTER_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return inherited if home is None else inherited | {"SXE_HOME": str(home)}


def sxe(*arguments, given="", home=None, env=None):
    variables = variables_of(home)
    return subprocess.run(
        [*SXE, *arguments],
        input=given,
        capture_output=True,
        text=True,
        env=variables | (env or {}),
        check=False,
    )


@contextlib.contextmanager
def kept_up(home):
    """Between two verbs the server would stop and start again."""
    with subprocess.Popen(
        [*SXE, "env", "--", "cat"], stdin=subprocess.PIPE, env=variables_of(home)
    ) as waiting:
        yield
        waiting.stdin.close()


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


def test_version_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from sxe_pipeline.cli import main\n"
        "assert CliRunner().invoke(main, ['--version']).exit_code == 0\n"
        "heavy = {'dagster', 'pandas', 'pyarrow', 'polars', 'duckdb', 'psycopg', 'structlog'}\n"
        "heavy |= {'sxe_pipeline.cli.local', 'sxe_pipeline.settings'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_every_verb_has_help_and_none_is_a_stub():
    found = dict(all_verbs(main))

    assert {name[0] for name in found} == {
        *("demo", "doctor", "env", "down", "ingest", "build", "redact", "label", "market"),
        *(
            "batch",
            "audit",
            "contracts",
            "keys",
            "migrate",
            "people",
            "policy",
            "ui",
            "status",
            "landing",
            "recover",
        ),
        *("request", "approve", "reject", "revoke", "budget", "enrich", "privacy"),
    }
    assert [path for path, command in found.items() if path[-1] != command.name] == []
    assert [path for path, command in found.items() if not command.help] == []


def test_help_shows_every_verb_under_who_types_it():
    shown = CliRunner().invoke(main, ["--help"]).output

    for section in SECTIONS:
        below = shown.partition(f"\n{section.title}:\n")[2].partition("\n\n")[0]
        for name in section.names:
            assert re.search(rf"^  {name} ", below, re.MULTILINE), name


def test_a_bad_verb_is_a_usage_error():
    done = sxe("publsh")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_redact_answers_line_by_line_with_offsets():
    text = "write ana.writes@protonmail.com or not"

    done = sxe("redact", "--field", "text", given=json.dumps({"text": text, "n": 7}) + "\n")

    row = json.loads(done.stdout)
    span = row["spans"][0]
    assert done.returncode == 0, done.stderr
    assert row["n"] == 7
    assert row["redacted"] == "write [email] or not"
    assert text[span["start"] : span["end"]] == "ana.writes@protonmail.com"
    assert span["kind"] == "email"


def test_label_answers_with_evidence():
    done = sxe("label", given='{"bio": "Freelance photographer. I shoot weddings in Lyon"}\n')

    row = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert row["persona_family"]
    assert row["evidence"]


@pytest.mark.parametrize("verb", ["redact", "label"])
def test_a_line_that_is_no_json_costs_one_sentence(verb):
    done = sxe(verb, given='{"text": "a", "bio": "b"}\nana@example.org is no json\n')

    assert done.returncode == 2
    assert "line 2" in done.stderr
    assert "Traceback" not in done.stderr
    assert "ana@" not in done.stderr


def test_ingest_prints_rows_before_redaction_and_quarantines_the_rest(tmp_path):
    folder = tmp_path / "people"
    folder.mkdir()
    rows = [
        {
            "id": "9007199254740993",
            "username": "ana",
            "name": "Ana",
            "description": "hi",
            "public_metrics": {"followers_count": 3},
        },
        {"nothing": "known"},
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    rejects = tmp_path / "rejects.jsonl"

    done = sxe("ingest", "--to-jsonl", str(folder), "--quarantine", str(rejects))
    strict = sxe("ingest", "--to-jsonl", "--strict", str(folder))

    row, reject = json.loads(done.stdout), json.loads(rejects.read_text())
    assert done.returncode == 0, done.stderr
    assert (row["row"], row["platform_id"], row["handle"]) == (1, "9007199254740993", "ana")
    assert (reject["row"], reject["reason"]) == (2, "unknown_shape")
    assert "known" not in rejects.read_text().replace("unknown_shape", "")
    assert strict.returncode == 6


def test_contracts_are_listed_shown_and_current():
    listed = sxe("contracts", "list", "--json")

    answer = json.loads(listed.stdout)
    assert answer["schema"] == "sxe.cli/1"
    assert {"lead_card", "social_profile"} <= {row["contract"] for row in answer["rows"]}
    assert sxe("contracts", "check").returncode == 0
    assert "card_id" in sxe("contracts", "show", "lead_card").stdout
    assert sxe("contracts", "show", "nothing").returncode == 4


def test_a_wrong_database_url_is_a_setting_not_a_crash(tmp_path):
    done = sxe("market", home=tmp_path, env={"SXE_API_DATABASE_URL": "mysql://u:hunter2@h/d"})

    assert done.returncode == 3
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_database_may_be_tried_again(tmp_path):
    url = "postgresql://u:hunter2@127.0.0.1:9/sxe"

    done = sxe("market", home=tmp_path, env={"SXE_API_DATABASE_URL": url})

    assert done.returncode == 7, done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.usefixtures("processes")
def test_land_build_publish_and_read_back(tmp_path):
    folder = tmp_path / "makers"
    folder.mkdir()
    people = [
        {
            "id": str(10**18 + n),
            "username": f"maker{n}",
            "name": f"Maker {n}",
            "description": "Photographer from Lyon. I love hiking and trail running",
            "public_metrics": {"followers_count": 100 + n, "following_count": 5, "tweet_count": 9},
        }
        for n in range(20)
    ]
    (folder / "page.json").write_text(json.dumps({"data": people}))
    home = tmp_path / "home"

    with kept_up(home):
        dry = sxe("ingest", str(folder), "--dry-run", "--json", home=home)
        landed = sxe("ingest", str(folder), "--json", home=home)
        again = sxe("ingest", str(folder), "--json", home=home)
        built = sxe("build", "--publish", "--json", home=home)
        idle = sxe("build", home=home)
        markets = sxe("market", "--json", home=home)
        batches = sxe("batch", "list", "--json", home=home)
        events = sxe("audit", "search", "--kind", "batch.published", "--json", home=home)
        verdict = sxe("audit", "verify", "--json", home=home)
        doctor = sxe("doctor", home=home)

    assert json.loads(dry.stdout)["landed"] == 1, dry.stderr
    assert json.loads(landed.stdout)["registered"] == 1, landed.stderr
    assert (json.loads(again.stdout)["landed"], json.loads(again.stdout)["registered"]) == (0, 0)
    assert built.returncode == 0, built.stderr + built.stdout
    assert "nothing is pending" in idle.stdout
    assert sum(r["cards"] for r in json.loads(markets.stdout)["rows"]) == 20, markets.stdout
    batch = json.loads(batches.stdout)["rows"][0]
    assert batch["rows"] == 20
    assert len(json.loads(events.stdout)["rows"]) == 1
    assert verdict.returncode == 9, verdict.stdout + verdict.stderr
    folder_of_batch = home / "handoff" / batch["folder"]
    key = home / "keys" / "signing.pub"
    assert sxe("batch", "verify", str(folder_of_batch), "--key", str(key)).returncode == 0
    part = next(folder_of_batch.glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    assert sxe("batch", "verify", str(folder_of_batch), "--key", str(key)).returncode == 1
    assert doctor.returncode == 0
    assert sxe("down", "--reset", "--yes", home=home).returncode == 0
    assert not home.exists()


def test_a_dry_run_writes_nothing(tmp_path):
    home = tmp_path / "home"

    planned = sxe("keys", "create", "--dry-run", "--json", home=home)
    made = sxe("keys", "create", "--json", home=home)
    spared = sxe("down", "--reset", "--dry-run", "--json", home=home)

    assert json.loads(planned.stdout)["exists"] is False
    assert json.loads(made.stdout)["key_id"]
    assert json.loads(spared.stdout)["dry_run"] is True
    assert (home / "keys" / "signing.key").is_file()
    assert sxe("down", "--reset", "--yes", home=home).returncode == 0
    assert not home.exists()


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


def test_every_line_of_the_page_is_a_verb_with_its_options():
    page = Path(__file__).parents[1] / "docs" / "enrichment.md"
    text = page.read_text().replace("\\\n", " ")
    lines = re.findall(r"^    (sxe [^#\n]+)", text, re.MULTILINE)
    assert len(lines) > 20
    for line in lines:
        words = shlex.split(line.replace("[REQUEST]", "r"))[1:]
        command = main
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words.pop(0))
        # A file of an example need not be there.
        words = [str(page) if word.endswith(".yaml") else word for word in words]
        assert command.make_context(command.name, words).args == [], line
