"""Verify a batch with a pinned key, count it with DuckDB and look at it with pandas.

Nothing of the engine is imported: this is what a consumer does.

usage: read_batch.py BATCH_FOLDER PUBLIC_KEY_FILE
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

import duckdb
import pandas as pd
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def verified(folder: Path, pinned: Path) -> dict:
    """What the signed manifest says; raises where the signature or a file does not hold."""
    envelope = json.loads((folder / "_manifest.json").read_bytes())
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    key = load_pem_public_key(pinned.read_bytes())
    key_id = hashlib.sha256(key.public_bytes_raw()).hexdigest()
    [mine] = [one for one in envelope["signatures"] if one["keyid"] == key_id]
    key.verify(base64.b64decode(mine["sig"]), signed)
    batch = json.loads(payload)["predicate"]
    for file in batch["files"]:
        data = (folder / file["name"]).read_bytes()
        if hashlib.sha256(data).hexdigest() != file["sha256"]:
            raise ValueError(f"{file['name']} differs from the manifest")
    return batch


def main(folder: str, pinned: str) -> None:
    """Print what the batch holds."""
    batch = verified(Path(folder), Path(pinned))
    # The list of files comes from the manifest, never from what lies in the folder.
    parquet = [str(Path(folder) / f["name"]) for f in batch["files"] if f["format"] == "parquet"]
    tribes = duckdb.execute(
        "select tribe, count(*) as cards from read_parquet(?, union_by_name = true) "
        "group by tribe order by cards desc, tribe limit 5",
        [parquet],
    ).fetchall()
    cards = pd.concat([pd.read_parquet(file) for file in parquet])
    print(f"{batch['market']} {batch['day']}: {len(cards)} cards, signature holds")
    for tribe, count in tribes:
        print(f"  {tribe or 'no tribe'}: {count}")
    print(cards[["platform", "persona", "tribe", "execution_label"]].head(3).to_string(index=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
