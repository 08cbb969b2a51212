"""The verbs that score the engine on labelled data of one's own.

Here: reading arguments, printing goals. Not here: what a goal is (`ingest.measure`,
`redact.measure`, `cards.measure`).
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline.cli import progress
from sxe_pipeline.cli.output import answer, as_json, table
from sxe_pipeline.errors import NotFound

if TYPE_CHECKING:
    from sxe_pipeline.cards.labeler.evidence import Voice
    from sxe_pipeline.cards.truth import Key
    from sxe_pipeline.redact.measure import Goal


@click.group("eval")
def evaluate() -> None:
    """Score SXE on labelled data: every goal with met or missed."""


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


@evaluate.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--rules-only", is_flag=True, help="Only phrases of the taxonomy, no trained weights."
)
@as_json
def labels(folder: Path, rules_only: bool, as_json: bool) -> None:
    """Score labels on accounts of FOLDER nobody learnt from; exit 1 where a goal is missed."""
    from sxe_pipeline import contracts_root
    from sxe_pipeline.cards import measure, taxonomy
    from sxe_pipeline.cards.labeler import weights

    progress.say("reading the accounts")
    accounts = labelled_accounts(folder)
    known = taxonomy.load(contracts_root() / "taxonomy")
    trained = None if rules_only else weights.shipped(known)
    progress.say("labeling them")
    found = measure.cases(folder, accounts, known, trained)
    goals = list(measure.goals(folder, accounts, found, known, trained))
    more = {
        "taxonomy_version": known.version,
        "model_version": trained.version if trained else "none",
        "languages": measure.languages(found),
    }
    _score("labels", goals, "labelled sets; see docs/label_model.md", as_json, more)


def labelled_accounts(folder: Path) -> "dict[Key, Voice]":
    """The accounts of a folder as the social tier would store them."""
    from sxe_pipeline import redact
    from sxe_pipeline.cards import truth
    from sxe_pipeline.ingest import stream
    from sxe_pipeline.social.redaction import redact_rows

    now = datetime.now(UTC)
    return truth.accounts(
        folder,
        lambda path: (
            redact_rows(batch.rows, now.date())[0] for batch in stream.landed([path], now)
        ),
        lambda texts: redact.redact_array(texts).texts,
    )


def _score(
    name: str,
    goals: "Sequence[Goal]",
    what: str,
    as_json: bool,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    from sxe_pipeline.redact import RULESET_VERSION

    if not goals:
        raise NotFound(f"the folder holds none of the {what}")
    met = sum(goal.is_met for goal in goals)
    data = {
        "ruleset_version": RULESET_VERSION,
        **more,
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
                **({"interval": goal.interval} if goal.interval else {}),
            }
            for goal in goals
        ],
    }
    rows = [line for part in more.values() if isinstance(part, list) for line in table(part)]
    answer(f"eval {name}", data, as_json, [*map(str, goals), *rows, f"{met} of {len(goals)} met"])
    sys.exit(met < len(goals))
