"""Batches and heads that a store holds and a restored database does not know: known again.

Here: one store and one tier. Not here: what else is brought back, and who may say that work goes on
(`local.recovery`).
"""

import heapq
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg.types.json import Jsonb

from sxe_pipeline.errors import ContractBroken, NotFound, Tampered
from sxe_pipeline.handoff.batches import folder_of
from sxe_pipeline.handoff.files import edition, head, manifest, proof
from sxe_pipeline.store.functions import call_function, translated_errors
from sxe_pipeline.store.objects import Objects

_HEAD = re.compile(r"([a-z0-9_]+)/v([0-9]+)/_heads/[0-9]{8}\.json", re.ASCII)


@dataclass(frozen=True)
class Unknown:
    """A batch that the database does not know, by its manifest."""

    fields: Mapping[str, Any]
    sealed: bytes

    @property
    def batch_id(self) -> str:
        """Its id."""
        return str(self.fields["batch_id"])


def unknown(conn: psycopg.Connection, objects: Objects) -> list[Unknown]:
    """The batches of a store that the database does not know, each after the one it follows.

    Args:
        conn: The login of the store's tier, in no transaction.
        objects: The handoff store of the tier.

    Raises:
        Tampered: One of them was signed by no registered key, or lies under another name.
    """
    with conn.transaction():
        known = {
            batch_id
            for (batch_id,) in conn.execute(
                "select batch_id from handoff.batch where state = 'published'"
            )
        }
        keys = _keys(conn)
    found, numbers = [], dict[str, int]()
    for entry in objects.list():
        folder, _, name = entry.key.rpartition("/")
        if name == manifest.NAME and folder.rpartition("/")[2] not in known:
            found.append(_read(objects, entry.key, folder, keys))
        elif (said := _head_at(objects, entry.key, keys)) is not None:
            numbers |= {b["batch_id"]: b["published_seq"] for b in said.fields["batches"]}
    return _in_order(found, numbers)


@dataclass(frozen=True)
class UnknownHead:
    """A head that the database does not know."""

    major: int
    fields: Mapping[str, Any]
    sealed: bytes


def unknown_heads(conn: psycopg.Connection, objects: Objects) -> list[UnknownHead]:
    """The heads of a store that the database does not know, by contract and number.

    Args:
        conn: As of `unknown`.
        objects: As of `unknown`.

    Raises:
        Tampered: One of them was signed by no registered key, or lies under another name.
    """
    with conn.transaction():
        known = {
            (contract, major): seq
            for contract, major, seq in conn.execute(
                "select contract, major, max(seq) from handoff.head group by 1, 2"
            )
        }
        keys = _keys(conn)
    found = [_head_at(objects, entry.key, keys) for entry in objects.list()]
    return [
        each
        for each in found
        if each and each.fields["seq"] > known.get((each.fields["contract"], each.major), 0)
    ]


def adopt_heads(conn: psycopg.Connection, heads: Sequence[UnknownHead]) -> None:
    """Know them again, once the batches that they list are.

    Args:
        conn: As of `adopt`.
        heads: As `unknown_heads` answered.

    Raises:
        Refused: The database is not doubted, or one is missing in between.
    """
    with conn.transaction():
        for each in heads:
            call_function(
                conn, "handoff.adopt_head", each.fields["contract"], each.major, each.sealed
            )


def adopt(conn: psycopg.Connection, objects: Objects, batches: Sequence[Unknown]) -> int:
    """Know them again as published; how many were not known.

    Args:
        conn: The login of their tier, in no transaction.
        objects: The store that holds them.
        batches: As `unknown` answered.

    Raises:
        Refused: The database is not doubted.
    """
    adopted = 0
    proofs = {batch.batch_id: _keys_sha256(objects, batch) for batch in batches}
    with translated_errors(), conn.transaction():
        for batch in batches:
            fields = {k: v for k, v in batch.fields.items() if k not in ("files", "versions")}
            fields["keys_sha256"] = proofs[batch.batch_id]
            row = conn.execute(
                "select handoff.adopt_batch(%s, %s)", [Jsonb(fields), batch.sealed]
            ).fetchone()
            adopted += bool(row and row[0])
    return adopted


def rows(objects: Objects, batch: Unknown) -> Iterator[dict[str, Any]]:
    """The rows of a batch, from its JSON Lines; a part that is gone leaves its rows out."""
    folder = _folder(batch.fields)
    for entry in batch.fields["files"]:
        if (entry["format"], entry["holds"]) != ("jsonl", "rows"):
            continue
        try:
            with objects.open(f"{folder}/{entry['name']}") as stream:
                yield from map(json.loads, stream)
        except NotFound:
            continue


def _keys_sha256(objects: Objects, batch: Unknown) -> str | None:
    """The proof of reading a batch, which no manifest says; None where files of it are gone."""
    said = batch.fields
    folder = _folder(said)
    try:
        contract = edition.named(
            said["contract"],
            said["contract_version"],
            said["contract_sha256"],
            lambda name: objects.open(f"{folder.rpartition('/')[0]}/{name}"),
        )
        keys = []
        for entry in said["files"]:
            if entry["format"] == "parquet":
                with objects.open(f"{folder}/{entry['name']}") as stream:
                    read = pq.read_table(stream, columns=list(proof.columns(contract)))
                    keys.append(proof.lines(contract, read))
    except (NotFound, ContractBroken, pa.ArrowException):
        return None
    return proof.of_lines(keys)


@dataclass(frozen=True)
class _Key:
    """A registered key, and the contracts that it signs (null: of before they were named)."""

    public_key: Ed25519PublicKey
    contracts: Sequence[str] | None


def _keys(conn: psycopg.Connection) -> list[_Key]:
    rows = conn.execute("select public_key, contracts from handoff.signing_key")
    return [
        _Key(Ed25519PublicKey.from_public_bytes(bytes(raw)), contracts) for raw, contracts in rows
    ]


def _head_at(objects: Objects, key: str, keys: Sequence[_Key]) -> UnknownHead | None:
    """The head of that name; None where it is no name of one."""
    if (named := _HEAD.fullmatch(key)) is None:
        return None
    contract, major = named[1], int(named[2])
    sealed = objects.get(key)
    signing = [k.public_key for k in keys if k.contracts is None or contract in k.contracts]
    fields = head.unseal(sealed, signing)
    if key != head.key_of(fields["contract"], major, fields["seq"]):
        raise Tampered(f"head {key} lies under another name; find out who else writes there")
    return UnknownHead(major, fields, sealed)


def _read(objects: Objects, key: str, folder: str, keys: Sequence[_Key]) -> Unknown:
    sealed = objects.get(key)
    for registered in keys:
        try:
            fields = manifest.unseal(sealed, registered.public_key)
        except Tampered:
            continue
        signs = registered.contracts is None or fields["contract"] in registered.contracts
        if signs and _folder(fields) == folder:
            return Unknown(fields, sealed)
    raise Tampered(
        f"manifest {key} is of no registered key, or not of that name; register the key that "
        "signed it (sxe keys register), or take the folder away"
    )


def _folder(fields: Mapping[str, Any]) -> str:
    return folder_of(fields["contract"], fields["contract_version"], fields["batch_id"])


def _in_order(found: Sequence[Unknown], numbers: Mapping[str, int]) -> list[Unknown]:
    """Each after the one it follows, as a row refers to that one's; else as heads number them."""
    left = {batch.batch_id: batch for batch in found}
    following: dict[str, list[str]] = {}
    for batch in found:
        following.setdefault(batch.fields["prev_batch_id"] or "", []).append(batch.batch_id)

    def ranked(batch_id: str) -> tuple[float, str]:
        return numbers.get(batch_id, float("inf")), batch_id

    ready = [ranked(b.batch_id) for b in found if b.fields["prev_batch_id"] not in left]
    heapq.heapify(ready)
    ordered = []
    while ready:
        _, batch_id = heapq.heappop(ready)
        ordered.append(left[batch_id])
        for after in following.get(batch_id, ()):
            heapq.heappush(ready, ranked(after))
    if len(ordered) < len(found):
        raise Tampered(f"{len(found) - len(ordered)} batches follow each other in a circle")
    return ordered
