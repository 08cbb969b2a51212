"""Verify that a batch is what the holder of a key signed.

Here: every check that a consumer can make from the files and a pinned key: no database, no
Dagster. The key is an argument; a key that lies beside the batch proves nothing and is not read.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import jsonschema_rs
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline.errors import ContractBroken, NotFound, StoreUnavailable, Tampered
from sxe_pipeline.handoff import manifest
from sxe_pipeline.handoff.encode import batch_id as id_of
from sxe_pipeline.handoff.sign import key_id
from sxe_pipeline.schema import Contract, load
from sxe_pipeline.store.objects import Entry

MAX_MANIFEST_BYTES = 16 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Prefix:
    """A batch in an object store or on a web server: the folder of its manifest."""

    objects: "_Readable"
    folder: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A batch whose every byte was checked; `versions` as in the manifest.

    `request_id` and `seq` are null for a batch of a market and day.
    """

    batch_id: str
    contract: str
    contract_version: str
    market: str
    day: str
    prev_batch_id: str | None
    row_count: int
    files: tuple[str, ...]
    key_id: str
    versions: dict[str, list[str]]
    request_id: str | None = None
    seq: int | None = None


class _Readable(Protocol):
    """`Objects`, or what answers like it."""

    def list(self, prefix: str = "") -> Sequence[Entry]: ...

    def open(self, key: str) -> BinaryIO: ...


class _Files(Protocol):
    def names(self) -> list[str]: ...

    def open(self, name: str) -> BinaryIO: ...


def verify(source: Path | Prefix, public_key: Ed25519PublicKey) -> Verified:
    """Check a batch from its manifest down to its last byte.

    Args:
        source: The folder with `manifest.json`, on disk or in a store.
        public_key: The pinned key of the sender, received by another way than the batch.

    Returns:
        What the batch is.

    Raises:
        NotFound: There is no manifest: the batch is not published.
        Tampered: A signature, size, hash or count does not hold, or a data file is not listed.
        ContractBroken: All bytes are the sender's, but the rows do not meet their contract.
    """
    files = _Folder(source) if isinstance(source, Path) else _Stored(source)
    with _opened(files, manifest.NAME) as stream:
        sealed = stream.read(MAX_MANIFEST_BYTES + 1)
    if len(sealed) > MAX_MANIFEST_BYTES:
        raise Tampered("the manifest is larger than any that we write; do not use the batch")
    fields = manifest.unseal(sealed, public_key)
    _only_listed(files, fields)
    for entry in fields["files"]:
        _same_bytes(files, entry)
    contract = _contract_of(fields)
    _same_content(files, fields, contract)
    return Verified(
        batch_id=fields["batch_id"],
        contract=fields["contract"],
        contract_version=fields["contract_version"],
        market=fields["market"],
        day=fields["day"],
        prev_batch_id=fields["prev_batch_id"],
        row_count=fields["row_count"],
        files=tuple(entry["name"] for entry in fields["files"]),
        key_id=key_id(public_key),
        versions=fields["versions"],
        request_id=fields.get("request_id"),
        seq=fields.get("seq"),
    )


class _Folder:
    """A batch on disk."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise NotFound(f"{path.name} is no folder; give the folder that holds manifest.json")
        self._path = path

    def names(self) -> list[str]:
        return sorted(
            file.relative_to(self._path).as_posix()
            for file in self._path.rglob("*")
            if file.is_file()
        )

    def open(self, name: str) -> BinaryIO:
        try:
            return (self._path / name).open("rb")
        except FileNotFoundError:
            raise NotFound(f"{name} is not there") from None
        except OSError as error:
            raise StoreUnavailable(f"{name} cannot be read ({type(error).__name__})") from None


class _Stored:
    """A batch in an object store."""

    def __init__(self, prefix: Prefix) -> None:
        self._objects, self._folder = prefix.objects, prefix.folder.rstrip("/")

    def names(self) -> list[str]:
        entries = self._objects.list(self._folder)
        return [entry.key.removeprefix(f"{self._folder}/") for entry in entries]

    def open(self, name: str) -> BinaryIO:
        return self._objects.open(f"{self._folder}/{name}")


def _opened(files: _Files, name: str) -> BinaryIO:
    try:
        return files.open(name)
    except NotFound:
        if name == manifest.NAME:
            raise NotFound(
                "there is no manifest.json, so the batch is not published; use another batch"
            ) from None
    raise Tampered(f"{name} is listed in the manifest and missing; do not use the batch")


def _only_listed(files: _Files, fields: dict[str, Any]) -> None:
    listed = {entry["name"] for entry in fields["files"]}
    data = [name for name in files.names() if name.endswith((".parquet", ".jsonl"))]
    extra = [name for name in data if name not in listed]
    if extra:
        raise Tampered(
            f"{len(extra)} data files are not listed in the manifest; a reader would take them for "
            "rows of the batch, do not use it"
        )


def _same_bytes(files: _Files, entry: dict[str, Any]) -> None:
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(files, entry["name"]):
        digest.update(chunk)
        size += len(chunk)
        if size > entry["bytes"]:
            break
    if size != entry["bytes"] or digest.hexdigest() != entry["sha256"]:
        raise Tampered(f"{entry['name']} differs from the manifest; do not use the batch")


def _chunks(files: _Files, name: str) -> Iterator[bytes]:
    with _opened(files, name) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _contract_of(fields: dict[str, Any]) -> Contract:
    contract = load(fields["contract"], fields["contract_version"])
    if contract.schema_sha256() != fields["schema_sha256"]:
        raise ContractBroken(
            f"{contract.id} {contract.version} is another edition here than at the sender; install "
            "the sender's release"
        )
    return contract


def _same_content(files: _Files, fields: dict[str, Any], contract: Contract) -> None:
    """The rows meet the contract, both formats hold as many, and the batch id is theirs."""
    by_format = {
        kind: [entry for entry in fields["files"] if entry["format"] == kind]
        for kind in ("parquet", "jsonl")
    }
    rows = pa.concat_tables(
        [
            contract.arrow().empty_table(),
            *(_columnar(files, e, contract) for e in by_format["parquet"]),
        ]
    )
    contract.check(rows)
    lines = sum(_lines(files, entry, contract) for entry in by_format["jsonl"])
    if not rows.num_rows == lines == fields["row_count"]:
        raise Tampered("Parquet, JSON Lines and manifest count differently; do not use the batch")
    streams = (chunk for entry in by_format["jsonl"] for chunk in _chunks(files, entry["name"]))
    if id_of(fields, streams) != fields["batch_id"]:
        raise Tampered("the batch id is not the one of these rows; do not use the batch")


def _columnar(files: _Files, entry: dict[str, Any], contract: Contract) -> pa.Table:
    with _opened(files, entry["name"]) as stream:
        try:
            rows = pq.read_table(stream)
        except (pa.ArrowException, OSError):
            rows = None
    if rows is None:
        raise Tampered(f"{entry['name']} is no Parquet file; do not use the batch")
    if not rows.schema.equals(contract.arrow(), check_metadata=False):
        raise ContractBroken(f"{entry['name']} has other columns than {contract.id}")
    if rows.num_rows != entry["rows"]:
        raise Tampered(f"{entry['name']} holds another number of rows; do not use the batch")
    return rows.replace_schema_metadata(None)


def _lines(files: _Files, entry: dict[str, Any], contract: Contract) -> int:
    validator = jsonschema_rs.Draft202012Validator(contract.json_schema(closed=True))
    count = bad = 0
    with _opened(files, entry["name"]) as stream:
        for line in stream:
            count += 1
            bad += not _is_row(line, validator)
    if bad:
        raise ContractBroken(f"{bad} lines of {entry['name']} do not meet {contract.id}")
    if count != entry["rows"]:
        raise Tampered(f"{entry['name']} holds another number of rows; do not use the batch")
    return count


def _is_row(line: bytes, validator: jsonschema_rs.Draft202012Validator) -> bool:
    try:
        return validator.is_valid(msgspec.json.decode(line))
    except msgspec.DecodeError:
        return False
