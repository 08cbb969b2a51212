"""Whoever sits at a terminal and types verbs, with the own token, on a real database."""

import json
import os
import re
from pathlib import Path
from unittest import mock

import click
from click.testing import CliRunner

from sxe_pipeline.cli import main
from sxe_pipeline_tests.gate.world import MARKET

LOGINS = {
    "SXE_SOCIAL_DATABASE_URL": "sxe_social",
    "SXE_CONTACTS_DATABASE_URL": "sxe_contacts",
    "SXE_API_DATABASE_URL": "sxe_api",
    "SXE_ADMIN_DATABASE_URL": "sxe_admin",
    "SXE_SERVE_DATABASE_URL": "sxe_serve",
    "SXE_SEALER_DATABASE_URL": "sxe_sealer",
    "DAGSTER_DATABASE_URL": "sxe_dagster",
}
GROUNDS = (
    *("--purpose", "market_research", "--legal-basis", "legitimate_interest"),
    *("--match-basis", "public_data", "--permissible-purpose", "none"),
)
ASK = ("request", "--market", MARKET, "--fields", "email", *GROUNDS)
WHY = ("--reason", "looked at it")
SHA256 = "ab" * 32
PAGE = Path(__file__).parents[2] / "docs" / "enrichment.md"


def all_verbs(group, path=()):
    """Every verb of a group: its words, and the command."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from all_verbs(command, (*path, name))


def typed(home, *arguments, **variables):
    """Type a verb in this process, as whoever is told of a home and of nothing else.

    A process of its own spends seconds on loading what this one holds already.
    """
    with mock.patch.dict(os.environ):  # a verb that runs Dagster tells its process where to
        for name in [name for name in os.environ if name.startswith(("SXE_", "DAGSTER_"))]:
            del os.environ[name]
        done = CliRunner(env={"SXE_HOME": str(home), **variables}).invoke(main, list(arguments))
    assert "Traceback" not in done.output
    return done


class Terminal:
    """A terminal: whoever sits there types verbs."""

    def __init__(self, home, tokens, dsn):
        self.home, self.tokens, self.printed = home, tokens, []
        self.variables = {name: dsn(role) for name, role in LOGINS.items()}
        self.variables |= {"SXE_HOME": str(home)}

    def type(self, who, *arguments, code=0, token=None):
        """Type a verb as somebody, or as nobody (None)."""
        given = token or (self.tokens[who] if who else None)
        with mock.patch.dict(os.environ):  # a verb that runs Dagster tells its process where to
            runner = CliRunner(env=self.variables | {"SXE_TOKEN": given})
            done = runner.invoke(main, list(arguments))
        if done.exit_code != code:
            raise AssertionError(f"{arguments} ended with {done.exit_code}: {done.output}")
        assert "Traceback" not in done.output
        self.printed.append(done.output)
        return done

    def read(self, who, *arguments, code=0):
        """The same, as JSON."""
        done = json.loads(self.type(who, *arguments, "--json", code=code).stdout)
        assert done["schema"] == "sxe.cli/1"
        words = [w for w in arguments if re.fullmatch("[a-z]+", w)]
        assert done["verb"].split() == words[: len(done["verb"].split())]
        return done

    def asked(self, *more, who="ana", limit="3"):
        """A submitted request."""
        return self.read(who, *ASK, "--limit", limit, "--submit", *more)
