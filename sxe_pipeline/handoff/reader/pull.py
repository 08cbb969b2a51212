"""Take over what a sender published since the last time, by a pinned key alone.

Here: the newest head, what follows from it, and a folder of one's own that holds verified batches
and nothing else. That folder is laid out as the sender's store; the head that was taken over last
lies in it, and nothing older counts from then on. A batch appears there whole, by one rename. What
a pull that did not end had fetched is kept, and named by the one that ends: the head says what was
taken over, not which folders are there. No database, no Dagster. Not here: finding and believing a
head (`newest`).
"""

import fcntl
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import sign
from sxe_pipeline.errors import BadInput, Busy, NotFound, Tampered
from sxe_pipeline.handoff import rotation
from sxe_pipeline.handoff.files import expired, head, manifest
from sxe_pipeline.handoff.reader import newest, verify
from sxe_pipeline.handoff.reader.sources import Source, read
from sxe_pipeline.store import disk
from sxe_pipeline.store.objects import Entry

INCOMING = "_incoming"
_EDITION_BYTES = 1 << 20
_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch that was taken over, and where it lies now, below the folder of the pull."""

    batch_id: str
    market: str
    day: str
    kind: str
    row_count: int
    folder: str
    request_id: str | None = None
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull came to.

    `batches`: what leads on from the head that was taken over last, in the order in which they are
    to be applied, whether they were fetched now or by a pull that did not end. `gone`: batches of
    requests whose files the sender no longer keeps. `new_key_id`: of the key that took over from
    the pinned one, to be pinned now.
    """

    contract: str
    head_seq: int
    made_at: str
    expires_at: str
    last_published_seq: int
    batches: tuple[Taken, ...]
    gone: tuple[str, ...]
    new_key_id: str | None


def pull(
    source: Source,
    public_key: Ed25519PublicKey,
    *,
    contract: str,
    major: int,
    into: Path,
    now: datetime,
    progress: Callable[[int], None] = lambda byte_count: None,
) -> Pulled:
    """Take over the newest batch of every market, or every batch of requests since the last time.

    Args:
        source: The sender's store.
        public_key: The pinned key, received by another way.
        contract: What it is pinned for, and what is pulled.
        major: Of the contract's version.
        into: One's own folder, made where it is missing. One pull at a time.
        now: By one's own clock: a head that has run out is refused.
        progress: Told how many bytes came.

    Raises:
        NotFound: There is no head, or a file of a batch is not there.
        Frozen: The newest head has run out.
        Tampered: A signature, a hash or a number does not hold, or the sender's store was put back
            to before what was taken over last.
        ContractBroken: All bytes are the sender's, but the rows do not meet their contract.
        Busy: Another pull writes there.
    """
    own = _Own(into, head.folder_of(contract, major))
    with own.held():
        keys = rotation.follow(public_key, contract, lambda key: _small(source, key))
        own.refuse_older_keys(keys)
        found = newest.find(
            lambda key: _small(source, key),
            keys,
            contract=contract,
            major=major,
            known=own.newest_head(),
            now=now,
        )
        known = {batch_id for batch_id in found.known if own.holds(batch_id)}
        job = _Job(source, own, contract, known, keys.public_keys(), progress)
        taken: list[Taken] = []
        gone: list[str] = []
        for wanted in found.wanted:
            try:
                taken += job.take(wanted)
            except _Gone:
                gone.append(wanted["batch_id"])
        own.keep(found, keys)
    return Pulled(
        contract=contract,
        head_seq=found.fields["seq"],
        made_at=found.fields["made_at"],
        expires_at=found.fields["expires_at"],
        last_published_seq=found.fields["last_published_seq"],
        batches=tuple(taken),
        gone=tuple(gone),
        new_key_id=keys.new_id,
    )


def _small(source: Source, key: str) -> bytes:
    return read(source, key, rotation.MAX_BYTES if key.startswith("_keys/") else head.MAX_BYTES)


class _Gone(Exception):
    """The sender kept the files of a batch for long enough."""


class _Own:
    """The folder of a pull: verified batches, the head they are of, and what is on its way."""

    def __init__(self, root: Path, folder: str) -> None:
        self.root, self.folder = root, folder
        self.incoming = root / folder / INCOMING

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other pull of this contract write here meanwhile."""
        try:
            self.incoming.mkdir(parents=True, exist_ok=True)
            lock = (self.incoming / ".lock").open("ab")
        except OSError as error:
            raise BadInput(f"{self.root} cannot be written ({type(error).__name__})") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"another pull writes below {self.root}; wait for its end") from None
            yield

    def manifest_of(self, batch_id: str) -> Path:
        """Where the manifest of a batch lies that is here."""
        return self.root / self.folder / batch_id / manifest.NAME

    def holds(self, batch_id: str) -> bool:
        """Whether a batch is here, whole."""
        return self.manifest_of(batch_id).is_file()

    def newest_head(self) -> newest.Known | None:
        """The head that was taken over last."""
        names = sorted((self.root / self.folder / "_heads").glob("[0-9]*.json"))
        if not names:
            return None
        return newest.Known(_number(names[-1]), names[-1].read_bytes())

    def refuse_older_keys(self, keys: rotation.Followed) -> None:
        """The statements of new keys that were followed last are still there."""
        note = self.root / "_keys" / f"{self.folder.replace('/', '.')}.json"
        if not note.exists():
            return
        try:
            said = json.loads(note.read_bytes())
            count, sha256 = int(said["statements"]), str(said["newest_sha256"])
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{note} was not written by a pull; take it away") from None
        if keys.statements < count or (keys.statements == count and keys.newest_sha256 != sha256):
            raise Tampered(
                "statements of new keys that were followed before are gone from _keys: the "
                "sender's store was put back; ask the sender"
            )

    def keep(self, found: newest.Found, keys: rotation.Followed) -> None:
        """Remember what was taken over: the last thing that a pull does."""
        at = self.root / head.key_of(*_named(self.folder), found.fields["seq"])
        at.parent.mkdir(parents=True, exist_ok=True)
        disk.replace(at, found.data)
        if keys.statements:
            note = self.root / "_keys" / f"{self.folder.replace('/', '.')}.json"
            note.parent.mkdir(exist_ok=True)
            said = {"statements": keys.statements, "newest_sha256": keys.newest_sha256}
            disk.replace(note, json.dumps(said).encode())

    def appear(self, batch_id: str, beside: Mapping[str, bytes]) -> None:
        """Let a verified batch appear at its own, and its contract beside it."""
        for name, data in beside.items():
            file = self.root / self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            disk.replace(file, data)
        final = self.root / self.folder / batch_id
        staged = self.incoming / batch_id
        disk.flush(file for file in staged.rglob("*") if file.is_file())
        staged.rename(final)
        disk.flush([final / manifest.NAME])


def _named(folder: str) -> tuple[str, int]:
    contract, _, major = folder.partition("/v")
    return contract, int(major)


def _number(file: Path) -> int:
    return int(file.stem) if file.stem.isdigit() else 0


@dataclass(frozen=True)
class _Job:
    """What does not change from batch to batch."""

    source: Source
    own: _Own
    contract: str
    known: Set[str]
    public_keys: Sequence[Ed25519PublicKey]
    progress: Callable[[int], None]

    def take(self, wanted: Mapping[str, Any]) -> Iterator[Taken]:
        """What leads from the batches that are known to a wanted one, oldest first."""
        for batch_id, sealed, key in reversed(list(self._chain(wanted))):
            yield self._take(batch_id, sealed, key)

    def _chain(self, wanted: Mapping[str, Any]) -> Iterator[tuple[str, bytes, Ed25519PublicKey]]:
        """Back from a wanted batch to one that is known, or to one that holds all rows."""
        batch_id, seen = wanted["batch_id"], set[str]()
        while batch_id not in self.known:
            if batch_id in seen:
                raise Tampered("batches follow each other in a circle; ask the sender")
            seen.add(batch_id)
            sealed = self._manifest(batch_id)
            is_wanted = batch_id == wanted["batch_id"]
            if is_wanted and sign.sha256(sealed) != wanted["manifest_sha256"]:
                raise Tampered(
                    f"the manifest of batch {batch_id} is not the one that the head names; do not "
                    "use the batch"
                )
            key = self._signed_by(sealed)
            fields = manifest.unseal(sealed, key)
            if fields["batch_id"] != batch_id:
                raise Tampered(f"where batch {batch_id} would lie is another; do not use it")
            yield batch_id, sealed, key
            if fields["kind"] == "full":
                return
            batch_id = fields["prev_batch_id"]

    def _manifest(self, batch_id: str) -> bytes:
        if self.own.holds(batch_id):
            return self.own.manifest_of(batch_id).read_bytes()
        key = f"{self.own.folder}/{batch_id}/{manifest.NAME}"
        try:
            return read(self.source, key, verify.MAX_MANIFEST_BYTES)
        except NotFound:
            raise Tampered(f"batch {batch_id} is listed and has no manifest") from None

    def _signed_by(self, sealed: bytes) -> Ed25519PublicKey:
        """The key among those we go by that signed: the newest one."""
        for key in reversed(self.public_keys):
            if sign.key_id(key) in sign.key_ids(sealed):
                return key
        return self.public_keys[0]

    def _take(self, batch_id: str, sealed: bytes, key: Ed25519PublicKey) -> Taken:
        fields = manifest.unseal(sealed, key)
        if not self.own.holds(batch_id):
            self._fetch(batch_id, sealed, fields, key)
        return Taken(
            batch_id=batch_id,
            market=fields["market"],
            day=fields["day"],
            kind=fields["kind"],
            row_count=fields["row_count"],
            folder=f"{self.own.folder}/{batch_id}",
            request_id=fields.get("request_id"),
            seq=fields.get("seq"),
        )

    def _fetch(
        self, batch_id: str, sealed: bytes, fields: Mapping[str, Any], key: Ed25519PublicKey
    ) -> None:
        """A batch, verified before it appears."""
        staged = self.own.incoming / batch_id
        self._clear(staged, {entry["name"] for entry in fields["files"]})
        for entry in fields["files"]:
            self._fetch_file(staged / entry["name"], f"{self.own.folder}/{batch_id}", entry, key)
        disk.replace(staged / manifest.NAME, sealed)
        mirrored = _Mirrored(self.source, self.own)
        verify.verify(verify.Prefix(mirrored, batch_id), key, [self.contract])
        self.own.appear(batch_id, mirrored.beside)

    def _clear(self, staged: Path, listed: set[str]) -> None:
        """What a killed pull left half written, or of another batch's making."""
        if staged.is_symlink() or (staged.exists() and not staged.is_dir()):
            raise BadInput(f"{staged} is no folder of a pull; take it away")
        for file in [f for f in staged.rglob("*") if not f.is_dir() or f.is_symlink()]:
            if file.relative_to(staged).as_posix() not in listed or file.is_symlink():
                file.unlink()

    def _fetch_file(
        self, file: Path, folder: str, entry: Mapping[str, Any], key: Ed25519PublicKey
    ) -> None:
        """One file of a batch, unless it is here; never more of it than the manifest says."""
        if file.exists() and _digest(file) == entry["sha256"]:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        half, size = file.with_name(f"{file.name}#0"), 0
        digest = hashlib.sha256()
        try:
            with half.open("wb") as out:
                for chunk in self.source.chunks(f"{folder}/{entry['name']}"):
                    size += len(chunk)
                    if size > entry["bytes"]:
                        break
                    digest.update(chunk)
                    out.write(chunk)
                    self.progress(len(chunk))
        except NotFound:
            self._refuse_gone(folder, key)
            raise Tampered(f"{entry['name']} is listed in the manifest and missing") from None
        if size != entry["bytes"] or digest.hexdigest() != entry["sha256"]:
            half.unlink()
            raise Tampered(f"{entry['name']} differs from the manifest; do not use the batch")
        half.rename(file)

    def _refuse_gone(self, folder: str, key: Ed25519PublicKey) -> None:
        """Say so if the sender signed that the files are gone."""
        try:
            said = read(self.source, f"{folder}/{expired.NAME}", verify.MAX_MANIFEST_BYTES)
        except NotFound:
            return
        batch_id = folder.rpartition("/")[2]
        for each in (key, *self.public_keys):
            if sign.key_id(each) in sign.key_ids(said):
                expired.expired_at(said, batch_id, each)
                shutil.rmtree(self.own.incoming / batch_id, ignore_errors=True)
                raise _Gone


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _Mirrored:
    """What `verify` reads of a batch on its way: its files here, what lies beside it there."""

    def __init__(self, source: Source, own: _Own) -> None:
        self._source, self._own = source, own
        self.beside: dict[str, bytes] = {}

    def list(self, prefix: str = "") -> Sequence[Entry]:
        root = self._own.incoming
        return [
            Entry(file.relative_to(root).as_posix(), file.stat().st_size, _NEVER)
            for file in sorted((root / prefix).rglob("*"))
            if file.is_file()
        ]

    def open(self, key: str) -> BinaryIO:
        file = self._own.incoming / key
        if file.is_file():
            return file.open("rb")
        if key.startswith("_schemas/"):
            data = read(self._source, f"{self._own.folder}/{key}", _EDITION_BYTES)
            self.beside[key] = data
            return io.BytesIO(data)
        raise NotFound(f"{key} is not there")
