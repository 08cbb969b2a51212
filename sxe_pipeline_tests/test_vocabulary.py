"""What the engine is not: its public surface has no word for writing to people or selling to them.

The words may stand where somebody is told that they do not belong here: in CONTRIBUTING and in the
README's lines about what this is not.
"""

import dataclasses
import re
from pathlib import Path

import pytest

import sxe_pipeline
from sxe_pipeline import audit, errors, schema, settings
from sxe_pipeline.schema.vocabulary import DENIED, offences
from sxe_pipeline.store import catalogue
from sxe_pipeline_tests.cli.terminal import all_verbs

PACKAGE = Path(sxe_pipeline.__file__).parent


@pytest.mark.parametrize(
    "name",
    ["campaign", "call_queue", "send-message", "crm_export", "deal_stage", "sms", "outreach"],
)
def test_the_guard_sees(name):
    assert offences([name]) == [name]


@pytest.mark.parametrize(
    "name",
    ["lead_card", "follower_count", "messenger_id", "audience_pool", "ideal", "contact_link"],
)
def test_the_guard_lets_pass(name):
    assert offences([name]) == []


def test_no_verb_or_option_of_the_command_line():
    from sxe_pipeline.cli import main

    names = []
    for path, command in all_verbs(main):
        names += [*path, command.help or ""]
        for parameter in command.params:
            names += [parameter.name, *parameter.opts]

    assert len(names) > 100
    assert offences(names) == []


def test_no_asset_job_sensor_check_or_schedule(tmp_path):
    from sxe_pipeline import definitions

    tier = definitions.assemble(settings.load({"SXE_HOME": str(tmp_path)}))
    repository = tier.get_repository_def()
    graph = tier.resolve_asset_graph()
    names = [key.to_user_string() for key in graph.get_all_asset_keys()]
    names += [key.name for key in graph.asset_check_keys]
    names += [node.group_name or "" for node in graph.asset_nodes]
    names += [
        thing.name
        for things in (repository.get_all_jobs(), repository.sensor_defs, repository.schedule_defs)
        for thing in things
    ]

    assert len(names) > 8
    assert offences(names) == []


def test_no_contract_column_value_or_rule():
    names = []
    for contract in schema.load_all():
        names += [contract.id, *(rule.name for rule in contract.rules)]
        for path, column in contract.walk():
            names += [path, *column.values]

    assert offences(names) == []


def test_no_setting_module_error_or_audit_kind():
    settled = [field.name for field in dataclasses.fields(settings.Settings)]
    settled += [*settings.DATABASES.values(), *(name for name, _ in settings.STORES.values())]
    files = [file.relative_to(PACKAGE).with_suffix("").as_posix() for file in PACKAGE.rglob("*.py")]

    assert offences(settled) == []
    assert offences(files) == []
    assert offences(vars(errors)) == []
    assert offences(audit.KINDS) == []


def test_no_table_column_or_function_of_the_database():
    _, lines = catalogue.golden()
    words = {word for line in lines for word in re.findall(r"\w+", line)}

    assert {"budget", "permit", "card_id"} <= words
    assert offences(words) == []


def test_the_pages_name_them_only_to_say_no():
    root = PACKAGE.parent
    said = [
        (file.name, line)
        for file in sorted(root.glob("docs/**/*.md"))
        for line in file.read_text().splitlines()
        if DENIED.search(line)
    ]
    refusing = re.compile(r"\b(no|not|never|none|nothing|without|nor|neither)\b", re.IGNORECASE)
    said += [
        ("README.md", line)
        for file in root.glob("README.md")
        for line in file.read_text().splitlines()
        if DENIED.search(line) and not refusing.search(line)
    ]

    assert said == []
