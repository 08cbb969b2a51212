"""What would become of a landing folder: how full each column gets, and what is refused.

Nothing is stored. `sxe ingest --to-jsonl` prints rows BEFORE redaction, so this program prints
counts and no row.

usage: map_folder.py FOLDER
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path


def main(folder: str) -> None:
    """Map the folder and print how full the columns are and why rows were refused."""
    with tempfile.TemporaryDirectory() as scratch:
        rejects = Path(scratch) / "rejects.jsonl"
        done = subprocess.run(
            ["sxe", "ingest", "--to-jsonl", folder, "--quarantine", str(rejects)],
            stdout=subprocess.PIPE,
            check=True,
        )
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        refused = [json.loads(line) for line in rejects.read_bytes().splitlines()]
    print(f"{len(rows)} rows, {len(refused)} refused")
    for column in ("platform_id", "handle", "bio", "region", "links", "follower_count"):
        filled = sum(row[column] not in (None, []) for row in rows)
        print(f"  {column:15} {filled} of {len(rows)}")
    for reason, count in Counter(row["reason"] for row in refused).most_common():
        print(f"  refused: {reason} {count}")


if __name__ == "__main__":
    main(*sys.argv[1:])
