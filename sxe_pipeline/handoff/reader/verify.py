"""Verify that a batch is what the holder of a key signed.

Here: every check that a consumer can make from the files and a pinned key: no database, no
Dagster. The key is an argument; a key that lies beside the batch proves nothing and is not read.
"""

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline.errors import ContractBroken, NotFound, StoreUnavailable, Tampered
from sxe_pipeline.handoff.files import edition, expired, manifest
from sxe_pipeline.handoff.files.decode import Lines
from sxe_pipeline.handoff.files.delta import KEY
from sxe_pipeline.handoff.files.encode import batch_id as id_of
from sxe_pipeline.schema import Contract
from sxe_pipeline.sign import key_id
from sxe_pipeline.store.objects import Entry

MAX_MANIFEST_BYTES = 16 << 20
_CHUNK = 1 << 20
_ROWS = 32_768
"""That are compared at once: memory does not grow with the batch."""
_HALF_WRITTEN = re.compile(r"#\d+$", re.ASCII)
"""What a writer that was killed left beside its file; no reader's pattern takes it."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A batch in an object store or on a web server: the folder of its manifest."""

    objects: "_Readable"
    folder: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A batch whose every byte was checked; `versions` as in the manifest.

    `request_id` and `seq` are null for a batch of a market and day, `base_batch_id` for a full one.
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
    kind: str = "full"
    base_batch_id: str | None = None
    remove_count: int = 0


class _Readable(Protocol):
    """`Objects`, or what answers like it."""

    def list(self, prefix: str = "") -> Sequence[Entry]: ...

    def open(self, key: str) -> BinaryIO: ...


class _Files(Protocol):
    name: str

    def names(self) -> list[str]: ...

    def open(self, name: str) -> BinaryIO: ...

    def beside(self, name: str) -> BinaryIO: ...


def verify(
    source: Path | Prefix, public_key: Ed25519PublicKey, contracts: Collection[str] = ()
) -> Verified:
    """Check a batch from its manifest down to its last byte.

    Args:
        source: The folder with `_manifest.json`, on disk or in a store.
        public_key: The pinned key of the sender, received by another way than the batch.
        contracts: What the key is pinned for: a batch of another contract is refused. None is any.

    Returns:
        What the batch is.

    Raises:
        NotFound: There is no manifest: the batch is not published.
        Tampered: A signature, size, hash or count does not hold, a file is not listed or is no
            regular one, the folder has another name, or the two formats hold different rows.
        ContractBroken: All bytes are the sender's, but the rows do not meet their contract.
    """
    files = files_of(source)
    with _opened(files, manifest.NAME) as stream:
        sealed = stream.read(MAX_MANIFEST_BYTES + 1)
    if len(sealed) > MAX_MANIFEST_BYTES:
        raise Tampered("the manifest is larger than any that we write; do not use the batch")
    fields = manifest.unseal(sealed, public_key)
    if contracts and fields["contract"] not in contracts:
        raise Tampered(
            f"the batch is of {fields['contract']}, and the key is pinned for "
            f"{', '.join(sorted(contracts))}; do not use the batch"
        )
    _refuse_expired(files, fields["batch_id"], public_key)
    _only_listed(files, fields)
    for entry in fields["files"]:
        _same_bytes(files, entry)
    _same_content(files, fields)
    if files.name != fields["batch_id"]:
        raise Tampered(
            f"batch {fields['batch_id']} lies in a folder of another name, in place of another "
            "batch; do not use it"
        )
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
        kind=fields["kind"],
        base_batch_id=fields["base_batch_id"],
        remove_count=fields["remove_count"],
    )


def files_of(source: Path | Prefix) -> "_Files":
    """The files of a batch by name, none of them checked."""
    return _Folder(source) if isinstance(source, Path) else _Stored(source)


class _Folder:
    """A batch on disk: one folder of regular files."""

    def __init__(self, path: Path) -> None:
        if path.is_symlink() or not path.is_dir():
            raise NotFound(
                f"{path.name} is no folder, or a link; give the folder that holds {manifest.NAME}"
            )
        self._path, self.name = path, path.resolve().name

    def names(self) -> list[str]:
        """Every file and folder below; a walk enters no link."""
        return sorted(
            (Path(folder) / name).relative_to(self._path).as_posix()
            for folder, folders, files in os.walk(self._path)
            for name in (*files, *folders)
        )

    def open(self, name: str) -> BinaryIO:
        above, _, file = name.rpartition("/")
        try:
            # A pipe would be waited for, and what a link leads to may change once it was checked.
            with _folder_of(self._path / above) as folder:
                is_regular = stat.S_ISREG(os.lstat(file, dir_fd=folder).st_mode)
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                stream = (
                    os.fdopen(os.open(file, flags, dir_fd=folder), "rb") if is_regular else None
                )
        except FileNotFoundError:
            raise NotFound(f"{name} is not there") from None
        except NotADirectoryError:
            stream = None
        except OSError as error:
            raise StoreUnavailable(f"{name} cannot be read ({type(error).__name__})") from None
        if stream is None:
            raise Tampered(f"{name} is no regular file; do not use the batch")
        return stream

    def beside(self, name: str) -> BinaryIO:
        return _Folder(self._path.resolve().parent).open(name)


@contextmanager
def _folder_of(path: Path) -> Iterator[int]:
    """The descriptor of a folder that is no link."""
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield opened
    finally:
        os.close(opened)


class _Stored:
    """A batch in an object store."""

    def __init__(self, prefix: Prefix) -> None:
        self._objects, self._folder = prefix.objects, prefix.folder.rstrip("/")
        self.name = self._folder.rpartition("/")[2]

    def names(self) -> list[str]:
        entries = self._objects.list(self._folder)
        return [entry.key.removeprefix(f"{self._folder}/") for entry in entries]

    def open(self, name: str) -> BinaryIO:
        return self._objects.open(f"{self._folder}/{name}")

    def beside(self, name: str) -> BinaryIO:
        above, _, _ = self._folder.rpartition("/")
        return self._objects.open(f"{above}/{name}" if above else name)


def _opened(files: _Files, name: str) -> BinaryIO:
    try:
        return files.open(name)
    except NotFound:
        if name == manifest.NAME:
            raise NotFound(
                f"there is no {manifest.NAME}, so the batch is not published; use another batch"
            ) from None
    raise Tampered(f"{name} is listed in the manifest and missing; do not use the batch")


def _refuse_expired(files: _Files, batch_id: str, public_key: Ed25519PublicKey) -> None:
    if expired.NAME not in files.names():
        return
    with files.open(expired.NAME) as stream:
        at = expired.expired_at(stream.read(MAX_MANIFEST_BYTES), batch_id, public_key)
    raise NotFound(
        f"the sender deleted the files of batch {batch_id} on {at[:10]}, as it had kept them for "
        "long enough; take a newer batch"
    )


def _only_listed(files: _Files, fields: dict[str, Any]) -> None:
    listed = {entry["name"] for entry in fields["files"]}
    known = listed | {str(f) for name in listed for f in PurePosixPath(name).parents}
    known.add(manifest.NAME)
    extra = [n for n in files.names() if n not in known and not _HALF_WRITTEN.search(n)]
    if extra:
        raise Tampered(
            f"{len(extra)} files or folders are not listed in the manifest; a reader may take them "
            "for rows of the batch, do not use it"
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


def _same_content(files: _Files, fields: dict[str, Any]) -> None:
    """Rows and removes meet their contracts, in both formats, and the batch id is theirs."""
    gone = [pa.array([], pa.string())]
    if fields["removes"] is not None:
        removes = _contract_of(files, fields["removes"])
        for piece in _rows(files, fields, "removes", removes, fields["remove_count"]):
            if pc.any(pc.not_equal(piece["market"], fields["market"])).as_py():
                raise Tampered("a card is taken out of another market; do not use the batch")
            gone += piece[KEY].chunks
    taken_out = pa.concat_arrays(gone)
    for piece in _rows(files, fields, "rows", _contract_of(files, fields), fields["row_count"]):
        if len(taken_out) and pc.any(pc.is_in(piece[KEY], value_set=taken_out)).as_py():
            raise Tampered("a card is put and taken out at once; do not use the batch")
    lines, removed = (_lines(files, fields, holds) for holds in ("rows", "removes"))
    if id_of(fields, lines, removed) != fields["batch_id"]:
        raise Tampered("the batch id is not the one of these rows; do not use the batch")


def _lines(files: _Files, fields: dict[str, Any], holds: str) -> Iterator[bytes]:
    for entry in fields["files"]:
        if (entry["format"], entry["holds"]) == ("jsonl", holds):
            yield from _chunks(files, entry["name"])


def _contract_of(files: _Files, said: dict[str, Any]) -> Contract:
    return edition.named(
        said["contract"], said["contract_version"], said["contract_sha256"], files.beside
    )


def _rows(
    files: _Files, fields: dict[str, Any], holds: str, contract: Contract, count: int
) -> Iterator[pa.Table]:
    """What the files of a batch hold, some at a time, once both formats were compared."""
    columnar, lines = (
        [e for e in fields["files"] if (e["format"], e["holds"]) == (kind, holds)]
        for kind in ("parquet", "jsonl")
    )
    counts = [[entry["rows"] for entry in entries] for entries in (columnar, lines)]
    if counts[0] != counts[1] or sum(counts[0]) != count:
        raise Tampered("Parquet, JSON Lines and manifest count differently; do not use the batch")
    last: tuple[Any, ...] | None = None
    for pair in zip(columnar, lines, strict=True):
        for piece in _same_rows(files, *pair, contract):
            for key in zip(*(piece[name].to_pylist() for name in contract.key), strict=True):
                if last is not None and key <= last:
                    raise Tampered(
                        "the rows are not in the order of their key; do not use the batch"
                    )
                last = key
            yield piece


def _same_rows(
    files: _Files, columnar: dict[str, Any], lines: dict[str, Any], contract: Contract
) -> Iterator[pa.Table]:
    """The rows of two files that are the same, some at a time."""
    with ExitStack() as opened:
        rows = _columnar(opened.enter_context(_opened(files, columnar["name"])), columnar, contract)
        read = Lines(opened.enter_context(_opened(files, lines["name"])), contract, lines["name"])
        for piece in rows:
            contract.check(piece)
            if not read.are(piece):
                raise Tampered("Parquet and JSON Lines hold different rows; do not use the batch")
            yield piece
        if not read.are_read():
            raise Tampered(f"{lines['name']} holds another number of rows; do not use the batch")


def _columnar(stream: BinaryIO, entry: dict[str, Any], contract: Contract) -> Iterator[pa.Table]:
    """The rows of a Parquet file, some at a time."""
    try:
        file = pq.ParquetFile(stream)
        if file.metadata.num_rows != entry["rows"]:
            raise Tampered(f"{entry['name']} holds another number of rows; do not use the batch")
        if not file.schema_arrow.equals(contract.arrow(), check_metadata=False):
            raise ContractBroken(f"{entry['name']} has other columns than {contract.id}")
        for batch in file.iter_batches(_ROWS):
            yield pa.Table.from_batches([batch]).replace_schema_metadata(None)
    except (pa.ArrowException, OSError):
        raise Tampered(f"{entry['name']} is no Parquet file; do not use the batch") from None
