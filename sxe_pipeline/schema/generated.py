"""The files that are generated from the contracts and kept in the tree.

Here: writing them and telling whether they are up to date.
"""

from pathlib import Path

from sxe_pipeline.schema.docs import render
from sxe_pipeline.schema.jsonschema import published
from sxe_pipeline.schema.load import available, load


def generate(contracts_root: Path, out: Path | None = None) -> list[Path]:
    """Write `<id>/generated/<version>/{schema.json,README.md}` of every contract.

    Args:
        contracts_root: Where the contracts are.
        out: Where the files go; None is beside the contracts.

    Returns:
        The files, relative to `out`.
    """
    target = contracts_root if out is None else out
    files = _files(contracts_root)
    for name, content in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)
    return list(files)


def stale(contracts_root: Path) -> list[Path]:
    """The generated files that are missing, differ from their contract or have none."""
    files = _files(contracts_root)
    there = {
        file.relative_to(contracts_root)
        for file in contracts_root.glob("*/generated/*/*")
        if file.is_file()
    }
    changed = [n for n in files if n in there and (contracts_root / n).read_bytes() != files[n]]
    return sorted({*changed, *(there ^ set(files))})


def _files(root: Path) -> dict[Path, bytes]:
    made: dict[Path, bytes] = {}
    for contract_id, version in available(root):
        contract = load(contract_id, version, root)
        folder = Path(contract_id) / "generated" / version
        made[folder / "schema.json"] = published(contract)
        made[folder / "README.md"] = render(contract).encode()
    return made
