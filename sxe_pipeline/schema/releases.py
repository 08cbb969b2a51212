"""Which versions of the contracts were released, and that nothing released changes.

Here: `CONTRACTS.lock`, the SHA-256 of every file of every released version; releasing one; what a
tree of contracts breaks. Not here: what a change breaks (`compat`).
"""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

from sxe_pipeline.errors import BadInput, ContractBroken, Refused
from sxe_pipeline.schema.compat import Change, allowed, compare
from sxe_pipeline.schema.contract import Contract
from sxe_pipeline.schema.generated import generate
from sxe_pipeline.schema.load import available, load, load_all

LOCK = "CONTRACTS.lock"
_HEAD = (
    "# Released contracts: SHA-256 and name of each file. `sxe contracts release` adds a version;\n"
    "# nothing here ever changes.\n"
)
RELEASED, DRAFT = "active", "draft"
"""The status of a contract: a released one is locked, a draft may still change."""


def locked(root: Path) -> dict[str, str]:
    """File, relative to the contracts folder -> SHA-256; empty where nothing was released.

    Raises:
        ContractBroken: A line is no hash and name.
    """
    file = root / LOCK
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    found = {}
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            continue
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name or name in found:
            raise ContractBroken(f"{LOCK} line {number} is no hash and name, or a second one")
        found[name] = digest
    return found


def broken(root: Path) -> Iterator[str]:
    """Each thing that a tree of contracts promised and does not keep; nothing where all is well.

    Released files are unchanged, what is active is locked, and every version is compatible with
    all earlier ones as its number says. The rules of every contract run.

    Args:
        root: The contracts folder.
    """
    lock = locked(root)
    for name, digest in lock.items():
        file = root / name
        if not file.is_file():
            yield f"{name} was released and is gone"
        elif _sha256(file) != digest:
            yield f"{name} was released and has changed; take the change back, add a version"
    contracts = load_all(root)
    for contract in contracts:
        if (contract.status == RELEASED) != (_names(contract)[0] in lock):
            state = "not locked" if contract.status == RELEASED else "locked"
            yield (
                f"{contract.id} {contract.version} is {contract.status} and {state}; "
                "`sxe contracts release` does both"
            )
        try:
            contract.check(contract.arrow().empty_table())
        except ContractBroken as error:
            yield str(error)
    for old, new in combinations(contracts, 2):
        if old.id == new.id:
            for change in too_much(old, new):
                yield f"{new.id} {old.version} -> {new.version}: {told(change)}"


def too_much(old: Contract, new: Contract) -> list[Change]:
    """The changes that the step between two version numbers does not allow."""
    most = allowed(old.version, new.version)
    return [change for change in compare(old, new) if change.level > most]


def told(change: Change) -> str:
    """One change as a line.

    Example:
        >>> from sxe_pipeline.schema.compat import Level
        >>> told(Change("a.b", "is gone", Level.MAJOR, "nobody reads it"))
        'a.b is gone: major, as nobody reads it'
    """
    why = f", as {change.breaks}" if change.breaks else ""
    return f"{change.path} {change.what}: {change.level.name.lower()}{why}"


def release(contract_id: str, version: str, root: Path, *, check: bool = False) -> list[str]:
    """Make a draft active and lock its files for ever.

    Args:
        contract_id: Such as 'lead_card'.
        version: The draft; later than every released version of the contract.
        root: The contracts folder.
        check: Whether to look only and write nothing.

    Returns:
        The files that are locked by it.

    Raises:
        NotFound: There is no such version.
        BadInput: It is released already.
        Refused: A released version is as new, or the step of the number is too small for what
            changes.
    """
    contract = load(contract_id, version, root)
    lock = locked(root)
    names = _names(contract)
    if names[0] in lock:
        raise BadInput(f"{contract_id} {version} is released already")
    order = [v for i, v in available(root) if i == contract_id]
    earlier = [v for v in order if f"{contract_id}/{v}.odcs.yaml" in lock]
    if any(order.index(v) > order.index(version) for v in earlier):
        raise Refused(f"a later version of {contract_id} is released; give this one a later number")
    grave = [
        f"against {v}: {told(change)}"
        for v in earlier
        for change in too_much(load(contract_id, v, root), contract)
    ]
    if grave:
        raise Refused(
            f"{contract_id} {version} changes more than its number says; "
            f"{len(grave)} changes, such as {grave[0]}"
        )
    if not check:
        text = contract.file.read_text(encoding="utf-8")
        active = text.replace(f"\nstatus: {DRAFT}\n", f"\nstatus: {RELEASED}\n", 1)
        contract.file.write_text(active, encoding="utf-8")
        generate(root)
        _write(root, lock | {name: _sha256(root / name) for name in names})
    return names


def _names(contract: Contract) -> list[str]:
    folder = f"{contract.id}/generated/{contract.version}"
    return [
        f"{contract.id}/{contract.version}.odcs.yaml",
        f"{folder}/schema.json",
        f"{folder}/README.md",
    ]


def _write(root: Path, lock: Mapping[str, str]) -> None:
    lines = "".join(f"{lock[name]}  {name}\n" for name in sorted(lock))
    (root / LOCK).write_text(_HEAD + lines, encoding="utf-8")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
