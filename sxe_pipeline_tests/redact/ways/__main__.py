"""Write fresh ways as JSON Lines, in the form of the labelled sets that `sxe eval redaction` reads.

Usage: python -m sxe_pipeline_tests.redact.ways SEED DIR [EACH]
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from sxe_pipeline_tests.redact.ways.compose import contacts, hard_lookalikes, harmless


def main(seed: int, folder: Path, each: int = 400) -> None:
    """Write DIR/truth/pii_fresh.jsonl."""
    rows = [*contacts(seed, each), *hard_lookalikes(seed, 1120), *harmless(seed, 4000)]
    folder.joinpath("truth").mkdir(parents=True, exist_ok=True)
    with folder.joinpath("truth", "pii_fresh.jsonl").open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(asdict(row) | {"seed": seed}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:4]))
