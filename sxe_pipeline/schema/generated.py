"""The files that are generated from the contracts and kept in the tree.

Here: writing them and telling whether they are up to date.
"""

from pathlib import Path

from sxe_pipeline.schema.docs import render
from sxe_pipeline.schema.load import available, load


def generate(contracts_root: Path, out: Path | None = None, *, check: bool = False) -> list[str]:
    """Write `<id>/generated/<version>/{schema.json,README.md}` of every contract.

    Args:
        contracts_root: Where the contracts are.
        out: Where the files go; None is beside the contracts.
        check: Whether to compare only and write nothing.

    Returns:
        The files, relative to `out`, that were missing or differed, and those that belong to no
        contract (which are reported and never deleted).
    """
    target = contracts_root if out is None else out
    files = _files(contracts_root)
    there = {
        file.relative_to(target).as_posix()
        for file in target.glob("*/generated/*/*")
        if file.is_file()
    }
    changed = [n for n in files if n not in there or (target / n).read_bytes() != files[n]]
    for name in [] if check else changed:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(files[name])
    return sorted({*changed, *(there - set(files))})


def _files(root: Path) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    for contract_id, version in available(root):
        contract = load(contract_id, version, root)
        folder = f"{contract_id}/generated/{version}"
        made[f"{folder}/schema.json"] = contract.published_schema()
        made[f"{folder}/README.md"] = render(contract).encode()
    return made
