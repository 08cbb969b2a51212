"""The verbs that score the engine on labelled data of one's own.

Here: reading arguments, printing goals. Not here: what a goal is (`ingest.measure`,
`redact.measure`).
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sxe_pipeline.cli import progress
from sxe_pipeline.cli.output import answer, as_json
from sxe_pipeline.errors import NotFound

if TYPE_CHECKING:
    from sxe_pipeline.redact.measure import Goal


@click.group("eval")
def evaluate() -> None:
    """Score the engine on labelled data: every goal with met or missed."""


@evaluate.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@as_json
def ingest(folder: Path, as_json: bool) -> None:
    """Score reading on the samples in FOLDER/payloads and FOLDER/tables; exit 1 where missed."""
    from sxe_pipeline.ingest import measure
    from sxe_pipeline.social.redaction import redact_rows

    progress.say("reading the samples")
    rows = progress.current().add_rows
    goals = list(measure.goals(folder, redact_rows, datetime.now(UTC), rows))
    _score("ingest", goals, "samples; see docs/landing.md", as_json)


@evaluate.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@as_json
def redaction(folder: Path, as_json: bool) -> None:
    """Score redaction on FOLDER/truth; exit 1 where a goal is missed."""
    from sxe_pipeline.redact import measure

    _score(
        "redaction", list(measure.goals(folder)), "labelled sets; see docs/redaction.md", as_json
    )


def _score(name: str, goals: "list[Goal]", what: str, as_json: bool) -> None:
    from sxe_pipeline.redact import RULESET_VERSION

    if not goals:
        raise NotFound(f"the folder holds none of the {what}")
    met = sum(goal.is_met for goal in goals)
    data = {
        "ruleset_version": RULESET_VERSION,
        "met": met,
        "missed": len(goals) - met,
        "goals": [
            {
                "name": goal.name,
                "hits": goal.hits,
                "of": goal.of,
                "share": goal.share,
                "goal": goal.goal,
                "is_met": goal.is_met,
            }
            for goal in goals
        ],
    }
    answer(f"eval {name}", data, as_json, [*map(str, goals), f"{met} of {len(goals)} met"])
    sys.exit(met < len(goals))
