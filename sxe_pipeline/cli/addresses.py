"""Arguments of whoever reads batches: a folder or an address, and the key that was pinned."""

from pathlib import Path
from typing import Any

import click

from sxe_pipeline.errors import BadInput


class Address(click.Path):
    """A folder that is there, or the address of one."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(self, value: Any, *context: Any) -> Any:
        """An address stays as it was typed."""
        return value if "://" in str(value) else super().convert(value, *context)


pinned_key = click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="The public key that you pinned; never one found beside the batches.",
)
"""What everything is checked with that a sender signed."""


def pem_of(key: Path) -> bytes:
    """What the file of a pinned key holds; a pipe would be waited for.

    Raises:
        BadInput: It is no regular file.
    """
    if not key.is_file():
        raise BadInput(f"{key} is no regular file; give the file of the key that you pinned")
    return key.read_bytes()
