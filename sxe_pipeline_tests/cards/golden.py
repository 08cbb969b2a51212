"""Invented rows and what is said of them; `python -m sxe_pipeline_tests.cards.golden` writes both.

Read the difference before it is committed: each changed row is a changed answer.
"""

import json
from pathlib import Path

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import stream, taxonomy
from sxe_pipeline.cards.labeler import weights

FILE = Path(__file__).parent / "cases" / "golden_labels.jsonl"
PAGE = Path(__file__).parents[2] / "docs" / "labels.md"
_SAID = "account_type account_type_confidence persona_family persona persona_confidence tribe"
_SAID += " tribe_confidence tribes evidence"
_HEAD = "| says | account type | persona | tribes | because of |\n|---|---|---|---|---|\n"


def rows():
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def shown(row) -> str:
    """A row of the table in docs/labels.md."""
    said = row["said"]
    words = dict.fromkeys(f"{item['text']} ({item['source']})" for item in said["evidence"])
    bio = row["bio"] or "; ".join(account["bio"] for account in row["accounts"])
    persona = said["persona"] or said["persona_family"] or "–"
    tribes = ", ".join(said["tribes"]) or "–"
    cells = (bio.replace("|", "\\|"), said["account_type"], persona, tribes)
    return "| " + " | ".join((*cells, "; ".join(words) or "–")) + " |"


def write() -> None:
    labels = taxonomy.load(contracts_root() / "taxonomy")
    given = [{k: v for k, v in row.items() if k != "said"} for row in rows()]
    lines = map(json.dumps, given)
    found = stream.label_lines(lines, "bio", labels, weights.shipped(labels))
    told = [
        row | {"said": {name: said[name] for name in _SAID.split()}}
        for row, said in zip(given, found, strict=True)
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in told)
    FILE.write_text(text, encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    start = page.index(_HEAD) + len(_HEAD)
    end = page.index("\n\n", start)
    table = "\n".join(map(shown, told))
    PAGE.write_text(page[:start] + table + page[end:], encoding="utf-8")


if __name__ == "__main__":
    write()
