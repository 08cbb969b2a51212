"""The command line as a user meets it: quick, quiet, with one line for an error."""

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
from sxe_pipeline.local import attach
from sxe_pipeline_tests.cli.terminal import all_verbs, typed

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
        *(
            "demo",
            "doctor",
            "env",
            "down",
            "ingest",
            "build",
            "redact",
            "resolve",
            "label",
            "market",
        ),
        *(
            "eval",
            "batch",
            "audit",
            "consumers",
            "contracts",
            "keys",
            "migrate",
            "people",
            "policy",
            "ui",
            "status",
            "landing",
            "recover",
            "worker",
            "serve",
            "taxonomy",
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
def test_lines_without_a_text_in_the_field_are_no_silent_answer(verb):
    lines = '{"about": "write a@b.co"}\n{"about": null}\n'

    misspelt = sxe(verb, "--field", "abuot", given=lines)
    meant = sxe(verb, "--field", "about", given=lines)

    assert (misspelt.returncode, len(misspelt.stdout.splitlines())) == (0, 2)
    assert "none of 2 lines holds a text in the field 'abuot'" in misspelt.stderr
    assert meant.stderr == ""


def test_a_card_that_is_given_by_its_accounts_has_its_texts_there():
    assert sxe("label", given='{"accounts": [{"bio": "nurse in Leeds"}]}\n').stderr == ""


def test_resolve_prints_pairs_as_json_lines():
    ana = '{"platform": "x", "handle": "ana", "links": ["https://tiktok.com/@ana_t"]}\n'
    done = sxe("resolve", given=ana + '{"id": 7, "platform": "tiktok", "handle": "ana_t"}\n')

    [pair] = map(json.loads, done.stdout.splitlines())
    assert (pair["left"], pair["right"], pair["basis"]) == ("7", "x:handle:ana", "link_field")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("verb", ["redact", "resolve", "label"])
def test_a_line_that_is_no_json_costs_one_sentence(verb):
    good = '{"platform": "x", "handle": "b", "text": "a", "bio": "b"}'
    done = sxe(verb, given=f"{good}\nana@example.org is no json\n")

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
def test_d15_land_build_publish_and_read_back(tmp_path):
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

    # Between two verbs the server would stop and start again.
    with attach.attached(settings.load({"SXE_HOME": str(home)}), "social"):
        dry = typed(home, "ingest", str(folder), "--dry-run", "--json")
        landed = typed(home, "ingest", str(folder), "--json")
        again = typed(home, "ingest", str(folder), "--json")
        built = typed(home, "build", "--json")
        published = typed(home, "build", "--publish", "--json")
        unchanged = typed(home, "build", "--publish")
        idle = typed(home, "build")
        markets = typed(home, "market", "--json")
        batches = typed(home, "batch", "list", "--json")
        events = typed(home, "audit", "search", "--kind", "batch.published", "--json")
        young = typed(home, "audit", "verify", "--json")
        sealed = typed(home, "worker", "seal", "--once")
        verdict = typed(home, "audit", "verify", "--json")
        exported = typed(home, "audit", "export")
        doctor = typed(home, "doctor")
        variables = typed(home, "env", "--json")

    assert json.loads(dry.stdout)["landed"] == 1, dry.stderr
    assert json.loads(landed.stdout)["registered"] == 1, landed.stderr
    assert (json.loads(again.stdout)["landed"], json.loads(again.stdout)["registered"]) == (0, 0)
    assert built.exit_code == 0, built.stderr + built.stdout
    assert published.exit_code == 0, published.stderr + published.stdout
    assert len(json.loads(published.stdout)["batches"]) == 2, "cards, and pools"
    assert "no new batch: a day is published once" in unchanged.stdout
    assert "nothing is pending" in idle.stdout
    assert sum(r["cards"] for r in json.loads(markets.stdout)["rows"]) == 20, markets.stdout
    [batch] = [r for r in json.loads(batches.stdout)["rows"] if r["contract"] == "lead_card"]
    assert batch["rows"] == 20
    assert len(json.loads(events.stdout)["rows"]) == 2, "cards, and pools"
    assert young.exit_code == 0, "a tail that is younger than five minutes is no alarm"
    assert sealed.exit_code == 0, sealed.stdout + sealed.stderr
    assert verdict.exit_code == 0, verdict.stdout + verdict.stderr
    found = json.loads(verdict.stdout)
    assert found["sealed"] == found["events"] == len(exported.stdout.splitlines()) - 1 > 10
    assert (found["witnessed"], found["tail"]) == (1, 0)
    folder_of_batch = home / "handoff" / batch["folder"]
    key = home / "keys" / "signing.pub"
    assert typed(home, "batch", "verify", str(folder_of_batch), "--key", str(key)).exit_code == 0
    part = next(folder_of_batch.glob("parquet/*"))
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    assert typed(home, "batch", "verify", str(folder_of_batch), "--key", str(key)).exit_code == 1
    assert doctor.exit_code == 0
    assert json.loads(variables.stdout)["variables"]["SXE_FIRST_DAY"] == batch["day"]
    assert typed(home, "down", "--reset", "--yes").exit_code == 0
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
