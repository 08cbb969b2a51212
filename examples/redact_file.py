"""Redact one field of a JSON Lines file; the rows go to stdout, what was removed to stderr.

usage: redact_file.py FILE FIELD > redacted.jsonl
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path


def main(file: str, field: str) -> None:
    """Pipe the file through `sxe redact`, put the redacted text back where it stood."""
    with Path(file).open("rb") as rows:
        done = subprocess.run(
            ["sxe", "redact", "--field", field], stdin=rows, stdout=subprocess.PIPE, check=True
        )
    removed: Counter[str] = Counter()
    for line in done.stdout.splitlines():
        row = json.loads(line)
        removed.update(span["kind"] for span in row.pop("spans"))
        row[field] = row.pop("redacted")
        print(json.dumps(row, ensure_ascii=False))
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(removed.items()))
    print(f"removed: {counts or 'nothing'}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
