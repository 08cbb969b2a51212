"""Social XPress Engine: public social profiles become contact-free, labeled, signed lead batches.

The folders are the stages, in the order of the flow: ingest, social, cards, handoff. `audit` stands
beside every arrow; `store`, `schema` and `redact` are what the stages stand on. Stages never import
each other; `definitions` puts them together.
"""

from pathlib import Path

__version__ = "0.1.0"


def contracts_root() -> Path:
    """The `contracts/` folder: inside the installed package, else beside it in the checkout."""
    package = Path(__file__).parent
    inside = package / "contracts"
    return inside if inside.is_dir() else package.parent / "contracts"
