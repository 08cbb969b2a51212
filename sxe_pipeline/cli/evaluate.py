"""The verb that scores the engine on labelled data of one's own.

Here: reading arguments, printing goals. Not here: what a goal is (`redact.measure`).
"""

import sys
from pathlib import Path

import click

from sxe_pipeline.cli.output import answer, as_json
from sxe_pipeline.errors import NotFound


@click.group("eval")
def evaluate() -> None:
    """Score the engine on labelled data: every goal with met or missed."""


@evaluate.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@as_json
def redaction(folder: Path, as_json: bool) -> None:
    """Score redaction on FOLDER/truth; exit 1 where a goal is missed."""
    from sxe_pipeline.redact import RULESET_VERSION, measure

    goals = list(measure.goals(folder))
    if not goals:
        raise NotFound("the folder holds none of the labelled sets; see docs/redaction.md")
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
    answer("eval redaction", data, as_json, [*map(str, goals), f"{met} of {len(goals)} met"])
    sys.exit(met < len(goals))
