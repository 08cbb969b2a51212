"""Three consumers who have never met us: by files, by the API, and told by a queue.

Run as a script of its own, in a process without our settings. It imports nothing of the engine, and
is what docs/consumer.md, docs/api.md and docs/queue.md show. Each believes what one pinned key
signed, and prints a JSON line for each batch that it read.

usage: consumer.py files STORE CONTRACT PUBLIC_KEY_FILE [KEY_COLUMN ...]
       consumer.py api URL CONTRACT PUBLIC_KEY_FILE KEY_COLUMN
          (its key in CONSUMER_KEY)
       consumer.py queue STORE CONTRACT PUBLIC_KEY_FILE
          (its key in CONSUMER_KEY, the queue in CONSUMER_DATABASE_URL)
"""

import base64
import hashlib
import json
import os
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import jsonschema_rs
import pandas as pd
from cryptography.hazmat.primitives.serialization import load_pem_public_key

TOLD = os.environ  # noqa: TID251 - a program of its own, which has no settings of ours


def opened(sealed: bytes, key: Any) -> Any:
    """What a signed DSSE envelope says; raises where the signature does not hold."""
    envelope = json.loads(sealed)
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    key_id = hashlib.sha256(key.public_bytes_raw()).hexdigest()
    [mine] = [one for one in envelope["signatures"] if one["keyid"] == key_id]
    key.verify(base64.b64decode(mine["sig"]), signed)
    return json.loads(payload)["predicate"]


def same(file: Any, data: bytes) -> bytes:
    """The bytes of a file that the manifest lists."""
    if hashlib.sha256(data).hexdigest() != file["sha256"]:
        raise SystemExit("a file differs from its manifest")
    return data


def lines_of(data: bytes) -> list[Any]:
    """The rows of a JSON Lines file."""
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def schema_of(contract: Path, version: str) -> jsonschema_rs.Draft202012Validator:
    """The JSON Schema of a row, as it lies beside the batches."""
    file = contract / "_schemas" / version / "schema.json"
    return jsonschema_rs.Draft202012Validator(json.loads(file.read_text()))


def read(folder: Path, key: Any, columns: str) -> dict[str, Any]:
    """Verify one batch and read it back twice: Parquet with DuckDB, JSON Lines with pandas."""
    batch = opened((folder / "_manifest.json").read_bytes(), key)
    for file in batch["files"]:
        same(file, (folder / file["name"]).read_bytes())

    def files(holds: str, form: str) -> list[Path]:
        wanted = [f for f in batch["files"] if (f["holds"], f["format"]) == (holds, form)]
        return [folder / f["name"] for f in wanted]

    def refused(schema: jsonschema_rs.Draft202012Validator, holds: str) -> tuple[int, int]:
        rows = [row for file in files(holds, "jsonl") for row in lines_of(file.read_bytes())]
        return sum(not schema.is_valid(row) for row in rows), len(rows)

    parquet = [str(file) for file in files("rows", "parquet")]
    by_duckdb = duckdb.execute(
        f"select count(*), count(distinct ({columns})) from read_parquet({parquet})"
    ).fetchall()[0]
    frames = [pd.read_json(f, lines=True, dtype=False) for f in files("rows", "jsonl")]
    errors, _ = refused(schema_of(folder.parent, batch["contract_version"]), "rows")
    removes = 0
    if batch["kind"] == "delta":
        version = f"tombstone/{batch['removes']['contract_version']}"
        more, removes = refused(schema_of(folder.parent, version), "removes")
        errors += more
    return {
        "batch_id": batch["batch_id"],
        "contract": batch["contract"],
        "market": batch["market"],
        "day": batch["day"],
        "kind": batch["kind"],
        "removes": removes,
        "rows": batch["row_count"],
        "duckdb_rows": by_duckdb[0],
        "distinct_keys": by_duckdb[1],
        "pandas_rows": sum(map(len, frames)),
        "schema_errors": errors,
    }


def by_files(key: Any, store: str, contract: str, *columns: str) -> Iterator[dict[str, Any]]:
    """Every batch of a contract that lies in a folder."""
    for manifest in sorted(Path(store).glob(f"{contract}/v*/*/_manifest.json")):
        yield read(manifest.parent, key, ", ".join(columns or ("card_id",)))


def by_api(key: Any, url: str, contract: str, column: str) -> Iterator[dict[str, Any]]:
    """Every batch of a contract, from a page of numbers to its last row; the answers with proof."""

    def ask(path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {TOLD['CONSUMER_KEY']}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        method = "GET" if body is None else "PUT"
        request = urllib.request.Request(url + path, body, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - of our argument
            return bytes(reply.read())

    head = opened(ask(f"/v1/heads/{contract}"), key)
    for newest in head["batches"]:
        path = f"/v1/batches/{newest['batch_id']}"
        sealed = ask(path)
        batch, digest = opened(sealed, key), hashlib.sha256(sealed).hexdigest()
        if digest != newest["manifest_sha256"]:
            raise SystemExit("a batch is not the one that its head names")
        keys = [
            row[column]
            for file in batch["files"]
            if file["format"] == "jsonl"
            for row in lines_of(same(file, ask(f"{path}/files/{file['name']}")))
        ]
        said = {
            "manifest_sha256": digest,
            "status": "accepted",
            "rows_read": len(keys),
            "keys_sha256": hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest(),
            "errors": [],
        }
        reply = json.loads(ask(f"{path}/ack", json.dumps(said).encode()))
        yield {"batch_id": batch["batch_id"], "rows": len(keys), "is_proved": reply["is_proved"]}


def by_queue(key: Any, store: str, contract: str) -> Iterator[dict[str, Any]]:
    """Every batch of a contract of which the queue in Postgres tells."""
    import psycopg

    mine = hashlib.sha256(TOLD["CONSUMER_KEY"].encode()).digest()
    with psycopg.connect(TOLD["CONSUMER_DATABASE_URL"], autocommit=True) as conn:
        while told := conn.execute("select handoff.take_notices(%s, 10, 60)", [mine]).fetchall():
            for (notice,) in told:
                sealed = (Path(store) / notice["data"]["manifest_key"]).read_bytes()
                if hashlib.sha256(sealed).hexdigest() != notice["data"]["manifest_sha256"]:
                    raise SystemExit("a batch is not the one that was announced")
                batch = opened(sealed, key)
                if batch["contract"] != contract:
                    raise SystemExit("a batch of another contract was announced")
                conn.execute("select handoff.done_notice(%s, %s)", [mine, notice["id"]])
                yield {"batch_id": batch["batch_id"], "rows": batch["row_count"]}


WAYS: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
    "files": by_files,
    "api": by_api,
    "queue": by_queue,
}


def main(way: str, where: str, contract: str, key_file: str, *more: str) -> None:
    """Print what was read, one JSON line a batch."""
    pinned = load_pem_public_key(Path(key_file).read_bytes())
    for seen in WAYS[way](pinned, where, contract, *more):
        sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
