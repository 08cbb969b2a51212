"""Social XPress Engine: public social profiles become contact-free, labeled, signed lead batches.

The stages, in the order of the flow: `ingest`, `social`, `cards`, `contacts`, `handoff`. They never
import each other; `definitions` puts them together. The other folders are what stages stand on, or
what starts them; docs/architecture.md says what each is for, and who imports whom.
"""

from pathlib import Path

__version__ = "0.1.0"


def contracts_root() -> Path:
    """The `contracts/` folder: inside the installed package, else beside it in the checkout."""
    package = Path(__file__).parent
    inside = package / "contracts"
    return inside if inside.is_dir() else package.parent / "contracts"
