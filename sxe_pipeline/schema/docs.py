"""A contract as a page for people.

Here: Markdown from the contract and nothing else, so that it cannot drift from it.
"""

from sxe_pipeline.schema.columns import Column
from sxe_pipeline.schema.contract import Contract


def render(contract: Contract) -> str:
    """The page of one version."""
    lines = [
        f"# {contract.title} (`{contract.id}` {contract.version})",
        "",
        contract.purpose,
        "",
        f"{contract.usage} {contract.limitations}",
        "",
        f"Tier: {contract.tier}. Status: {contract.status}. "
        f"Key: {', '.join(f'`{name}`' for name in contract.key)}.",
        "",
        "| # | Column | Type | Null | Class | Meaning |",
        "|---|---|---|---|---|---|",
        *(_row(path, column) for path, column in contract.walk()),
        "",
    ]
    if contract.rules:
        lines += ["Rules over whole rows:", ""]
        lines += [f"- `{rule.name}`: {rule.description}" for rule in contract.rules]
        lines += [""]
    lines += [
        "In JSON Lines a timestamp is RFC 3339 text in UTC with six decimals, a date is "
        "`YYYY-MM-DD`, and every column is present.",
        "",
    ]
    return "\n".join(lines)


def _row(path: str, column: Column) -> str:
    cells = [
        str(column.field_id),
        f"`{path}`",
        column.kind,
        "yes" if column.nullable else "no",
        column.classification,
        " ".join([column.description, *_limits(column)]),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _limits(column: Column) -> list[str]:
    limits = []
    if column.values:
        limits.append("One of " + ", ".join(f"`{value}`" for value in column.values) + ".")
    if column.examples:
        limits.append("Such as " + ", ".join(f"`{value}`" for value in column.examples) + ".")
    if column.minimum is not None or column.maximum is not None:
        low = "" if column.minimum is None else f"{column.minimum:g}"
        high = "" if column.maximum is None else f"{column.maximum:g}"
        limits.append(f"Range {low}..{high}.")
    if column.max_length is not None:
        limits.append(f"At most {column.max_length} characters.")
    if column.pattern is not None:
        limits.append(f"Pattern `{column.pattern}`.")
    return limits
