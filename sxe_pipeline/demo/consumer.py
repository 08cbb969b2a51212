"""A consumer who has never met us: reads batches from the files and one pinned key alone.

Run as a script of its own, in a process without our settings. It imports nothing of the engine, and
is what docs/consumer.md shows.

usage: consumer.py HANDOFF_FOLDER PUBLIC_KEY_FILE SCHEMA_FILE [KEY_COLUMN ...]
"""

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import jsonschema_rs
import pandas as pd
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def opened(envelope: Any, key: Any) -> Any:
    """The signed statement of a DSSE envelope; raises where the signature does not hold."""
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    key_id = hashlib.sha256(key.public_bytes_raw()).hexdigest()
    [mine] = [one for one in envelope["signatures"] if one["keyid"] == key_id]
    key.verify(base64.b64decode(mine["sig"]), signed)
    return json.loads(payload)


def read(
    folder: Path, key: Any, valid: jsonschema_rs.Draft202012Validator, columns: str
) -> dict[str, Any]:
    """Verify one batch and read it back twice: Parquet with DuckDB, JSON Lines with pandas."""
    statement = opened(json.loads((folder / "_manifest.json").read_bytes()), key)
    batch = statement["predicate"]
    for file in batch["files"]:
        data = (folder / file["name"]).read_bytes()
        if hashlib.sha256(data).hexdigest() != file["sha256"]:
            raise SystemExit("a file differs from its manifest")
    parquet = [str(folder / f["name"]) for f in batch["files"] if f["format"] == "parquet"]
    lines = [folder / f["name"] for f in batch["files"] if f["format"] == "jsonl"]
    by_duckdb = duckdb.execute(
        f"select count(*), count(distinct ({columns})) from read_parquet({parquet})"
    ).fetchall()[0]
    frames = [pd.read_json(f, lines=True, dtype=False) for f in lines]
    by_pandas = sum(len(frame) for frame in frames)
    errors = sum(
        not valid.is_valid(json.loads(line))
        for f in lines
        for line in f.read_bytes().split(b"\n")[:-1]
    )
    return {
        "batch_id": batch["batch_id"],
        "contract": batch["contract"],
        "market": batch["market"],
        "day": batch["day"],
        "rows": batch["row_count"],
        "duckdb_rows": by_duckdb[0],
        "distinct_keys": by_duckdb[1],
        "pandas_rows": by_pandas,
        "schema_errors": errors,
    }


def main(root: str, key_file: str, schema_file: str, *columns: str) -> None:
    """Print what was read, one JSON line a batch."""
    key = load_pem_public_key(Path(key_file).read_bytes())
    valid = jsonschema_rs.Draft202012Validator(json.loads(Path(schema_file).read_text()))
    names = ", ".join(columns or ("card_id",))
    for manifest in sorted(Path(root).glob("*/v*/*/_manifest.json")):
        sys.stdout.write(json.dumps(read(manifest.parent, key, valid, names)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
