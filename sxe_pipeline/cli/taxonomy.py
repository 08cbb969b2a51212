"""Verbs for who edits labels: check a folder, compare two, try a text.

Here: reading arguments, one call, the answer. Not here: what is a fault (`cards.lint`,
`cards.idle`), what changes (`cards.changes`), why a text gets a label (`cards.trial`).
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline import contracts_root
from sxe_pipeline.cli import progress
from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import answer, as_json, plain, table
from sxe_pipeline.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

    from sxe_pipeline.cards.changes import Change, Move
    from sxe_pipeline.cards.drift import Drift
    from sxe_pipeline.cards.trial import Trial

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_SHOWN = 40
_LONGEST = 1_000
"""Characters of a text to try: what takes each word away is looked for word by word."""


def _shipped() -> Path:
    return contracts_root() / "taxonomy"


@click.group()
def taxonomy() -> None:
    """The labels of a folder: is an edit right, what does it change, why does a text get them."""


@taxonomy.command()
@click.argument("folder", required=False, type=_FOLDER)
@click.option("--against", type=_FOLDER, help="What the version must rise over; default: shipped.")
@as_json
def check(folder: Path | None, against: Path | None, as_json: bool) -> None:
    """Every fault of FOLDER (default: the shipped labels) with file and line; exit 1 with one."""
    from sxe_pipeline.cards import idle
    from sxe_pipeline.cards.labeler import weights

    faults, size = idle.checked(folder or _shipped(), against or _shipped())
    # No fault of the folder: a label that goes needs a version that no weights know yet.
    refused = weights.refusal(weights.of_the_package(), str(size["version"])) if size else None
    data = {"faults": [each._asdict() for each in faults], **size, "refused_by_weights": refused}
    lines = [plain(str(each)) for each in faults]
    count = f"{len(faults)} faults" if faults else "no fault"
    said = ", ".join(f"{name} {value}" for name, value in size.items())
    lines.append(f"{count}: {said}" if size else count)
    lines += [f"but no build labels with it yet: {refused}"] if refused else []
    answer("taxonomy check", data, as_json, lines)
    sys.exit(1 if faults else 0)


@taxonomy.command()
@click.argument("old", type=_FOLDER)
@click.argument("new", type=_FOLDER)
@click.option("--cards", is_flag=True, help="Also which cards of this home would change.")
@as_json
def diff(old: Path, new: Path, cards: bool, as_json: bool) -> None:
    """What stands otherwise in NEW than in OLD: labels, phrases, rules; with --cards, cards."""
    from sxe_pipeline.cards import changes, drift, files, taxonomy

    for each in (old, new):
        taxonomy.load(each)  # a folder that the loader refuses is not compared
    found = changes.changes(files.read(old), files.read(new))
    built = _built(old, new) if cards else None
    moved = changes.moves(*built) if built else None
    shifts = drift.drift(*built) if built else []
    data: dict[str, Any] = {
        "changes": [{**each._asdict(), "what": each.what} for each in found],
        "labels": changes.labels_changed(found),
    }
    if moved is not None:
        data["cards"] = [each._asdict() for each in moved]
        data["drift"] = [
            each._asdict()
            | {"is_over": each.is_over, "largest": [share._asdict() for share in each.largest]}
            for each in shifts
        ]
    lines = [*_diff_lines(found, data["labels"], moved), *_drift_lines(shifts)]
    answer("taxonomy diff", data, as_json, map(plain, lines))


def _built(old: Path, new: Path) -> "list[pa.Table]":
    from sxe_pipeline.cards import changes, taxonomy, tier1
    from sxe_pipeline.cards.labeler import weights
    from sxe_pipeline.store import sql

    labels = {"old": taxonomy.load(old), "new": taxonomy.load(new)}
    for each in labels.values():
        weights.shipped(each)  # what they refuse is told before a home is labeled
    with logged_in("social") as given, sql.connect(given.need("social_dsn")) as conn:
        built = []
        for which, each in labels.items():
            progress.say(f"labeling the cards of this home with the {which} labels")
            cards = tier1.built_with(conn, given, each).cards
            built.append(cards.select(("card_id", *changes.CARD_COLUMNS)))
    return built


def _diff_lines(
    found: "Sequence[Change]", labels: list[dict[str, Any]], moved: "list[Move] | None"
) -> Iterator[str]:
    others = [each for each in found if each.file != "phrases.csv"]
    for each in others[:_SHOWN]:
        yield f"{each.what} in {each.file}: {each.of}"
    if len(others) > _SHOWN:
        yield f"... {len(others) - _SHOWN} more; --json lists them"
    yield f"phrases: {len(found) - len(others)} differ"
    if labels:
        yield from table(labels)
    if moved is not None:
        yield f"cards: {len(moved)} kinds of move"
        if moved:
            rows = [each._asdict() | {"sample": " ".join(each.sample)} for each in moved]
            yield from table(rows[:_SHOWN])
        if len(moved) > _SHOWN:
            yield f"... {len(moved) - _SHOWN} more; --json lists them"


def _drift_lines(found: "Sequence[Drift]") -> Iterator[str]:
    """Shares of labels: how far they lie apart, and which changed most."""
    if not found:
        return
    yield "shares of labels:"
    yield from table(
        [
            {
                "column": each.column,
                "apart": f"{each.distance:.3f}",
                "by chance": f"{each.by_chance:.3f}",
                "limit": f"{each.limit:g}",
                "": "DRIFTED" if each.is_over else "",
                "most": ", ".join(
                    f"{share.label or 'none'} {share.before:.3f} -> {share.after:.3f}"
                    for share in each.largest
                ),
            }
            for each in found
        ]
    )


@taxonomy.command("try")
@click.argument("text")
@click.option("--language", help="Of the text, such as es; default: found out.")
@click.option("--taxonomy", "folder", type=_FOLDER, help="Labels to try; default: the shipped.")
@click.option("--rules-only", is_flag=True, help="By the phrases alone.")
@as_json
def try_text(
    text: str, language: str | None, folder: Path | None, rules_only: bool, as_json: bool
) -> None:
    """The labels of TEXT with the words that caused them, and what almost won."""
    from sxe_pipeline.cards import lint, taxonomy, trial
    from sxe_pipeline.cards.labeler import weights

    if language is not None and language not in lint.LANGUAGES:
        raise BadInput("a language is two letters of ISO 639-1, such as es")
    if len(text) > _LONGEST:
        raise BadInput(f"{len(text)} characters; a text to try has {_LONGEST} at most")
    labels = taxonomy.load(folder or _shipped())
    trained = None if rules_only else weights.shipped(labels)
    made = trial.tried(text, labels, language, trained)
    data = {
        "language": made.language,
        "labels": made.labels,
        "contenders": [
            each._asdict() | {"evidence": [item._asdict() for item in each.evidence]}
            for each in made.contenders
        ],
        "taken_away": [each._asdict() for each in made.taken_away],
    }
    answer("taxonomy try", data, as_json, map(plain, _trial_lines(made)))


def _trial_lines(made: "Trial") -> Iterator[str]:
    yield f"language {made.language or 'unknown'}"
    for name in ("account_type", "persona_family", "persona", "tribe"):
        yield f"{name} {made.labels[name] or '-'}"
    if made.contenders:
        yield from table(
            [
                {
                    "outcome": each.outcome,
                    "kind": each.kind,
                    "label": each.label,
                    "confidence": each.confidence,
                    "threshold": each.threshold,
                    "words": ", ".join(f"{item.text} {item.weight:g}" for item in each.evidence),
                }
                for each in made.contenders
            ]
        )
    for each in made.taken_away:
        contexts = ", ".join(each.contexts)
        yield f"taken away: {each.words} ({each.label}) by the context {contexts}"
