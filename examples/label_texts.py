"""Label the texts of a JSON Lines file: persona, tribe, and the words that caused them, as CSV.

usage: label_texts.py FILE FIELD > labels.csv
"""

import csv
import json
import subprocess
import sys
from pathlib import Path


def main(file: str, field: str) -> None:
    """Pipe the file through `sxe label` and print one line a row."""
    with Path(file).open("rb") as rows:
        done = subprocess.run(
            ["sxe", "label", "--field", field], stdin=rows, stdout=subprocess.PIPE, check=True
        )
    out = csv.writer(sys.stdout)
    out.writerow(["id", "persona_family", "persona", "tribe", "because"])
    for line in done.stdout.splitlines():
        row = json.loads(line)
        words = "; ".join(e["text"] for e in row["evidence"] if e["text"])
        out.writerow([row["id"], row["persona_family"], row["persona"], row["tribe"], words])


if __name__ == "__main__":
    main(*sys.argv[1:])
