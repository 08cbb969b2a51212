"""Ordered decision tables: the first matching rule wins.

Here: how a cell of `markets.csv` or `routes.csv` matches. An empty cell is any value, `*` any value
but null, `a|b` one of several. Not here: what a table decides (`build`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sxe_pipeline.cards.files import Row

Facts = Mapping[str, Sequence[str]]
"""What is known of a card: condition column -> its values (none: the card does not say)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: its conditions and what it answers."""

    conditions: tuple[tuple[str, frozenset[str]], ...]
    answer: tuple[str, ...]

    def matches(self, facts: Facts) -> bool:
        """Whether every condition holds for these facts."""
        for column, wanted in self.conditions:
            values = facts[column]
            if not values or ("*" not in wanted and wanted.isdisjoint(values)):
                return False
        return True


def read_rules(
    rows: Iterable[Row], *, answers: Sequence[str], conditions: Sequence[str]
) -> tuple[Rule, ...]:
    """Compile the rows of a table.

    Args:
        rows: Rows of the CSV.
        answers: Columns that hold the answer.
        conditions: Columns that hold conditions.

    Returns:
        The rules in file order.
    """
    rules = []
    for _, row in rows:
        cells = ((c, frozenset(row[c].split("|"))) for c in conditions if row[c])
        rules.append(Rule(tuple(cells), tuple(row[a] for a in answers)))
    return tuple(rules)


def decide(rules: Sequence[Rule], facts: Facts) -> tuple[str, ...] | None:
    """The answer of the first rule that matches; null where none does."""
    for rule in rules:
        if rule.matches(facts):
            return rule.answer
    return None
