"""Ordered decision tables: the first matching rule wins.

Here: how a cell of `markets.csv` or `routes.csv` matches, and how a market's rules are said. An
empty cell is any value, `*` any value but null, `a|b` one of several. Not here: what a table
decides (`build`).
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


_SAID = {
    "collection": "in the collection {}",
    "platform": "on {}",
    "language": "writing in {}",
    "country": "in {}",
    "persona": "whose role is {}",
    "tribe": "around {}",
}


def in_words(
    market: str, rules: Sequence[Rule], declared: Sequence[str], names: Mapping[str, str]
) -> str:
    """Who belongs to a market, in a sentence.

    Args:
        market: Its slug.
        rules: Of `markets.csv`, in file order.
        declared: Collections that name the market themselves; that goes before all rules.
        names: Label -> its name for people.

    Example:
        >>> in_words("makers", [], ["fair"], {})
        'Everybody in the collection fair, which declares it.'
    """
    parts = []
    if declared:
        plural = len(declared) > 1
        of = "collections" if plural else "collection"
        says = "which declare it" if plural else "which declares it"
        parts.append(f"in the {of} {_listed(declared, 'and')}, {says},")
    lines = [at for at, rule in enumerate(rules) if rule.answer == (market,)]
    parts += (", ".join(_condition(*c, names) for c in rules[at].conditions) for at in lines)
    if not parts:
        return "Nobody by the rules in force; its cards were made under earlier ones."
    whole = _listed([f"everybody {part}".rstrip() for part in parts], "and").rstrip(",")
    return f"{whole[0].upper()}{whole[1:]}{_exception(lines)}."


def _exception(lines: Sequence[int]) -> str:
    """Who meets a rule of the market and is in another one all the same."""
    if not lines:
        return ""
    before = "an earlier rule or their collection" if any(lines) else "their collection"
    return f", unless {before} gives them to another market"


def _condition(column: str, wanted: frozenset[str], names: Mapping[str, str]) -> str:
    if "*" in wanted:
        return f"with a known {column}"
    return _SAID[column].format(_listed(sorted(names.get(one, one) for one in wanted), "or"))


def _listed(values: Sequence[str], word: str) -> str:
    return f" {word} ".join(filter(None, (", ".join(values[:-1]), values[-1])))
