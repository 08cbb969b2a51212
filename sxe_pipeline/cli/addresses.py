"""Arguments of whoever reads batches: a folder or an address, and the key that was pinned."""

import os
from pathlib import Path
from typing import Any

import click


class Address(click.Path):
    """A folder that is there, or the address of one."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(self, value: Any, *context: Any) -> Any:
        """An address stays as it was typed."""
        return value if "://" in str(value) else super().convert(value, *context)


class _KeyFile(click.Path):
    """A regular file: a pipe would be waited for."""

    def convert(self, value: Any, *context: Any) -> Any:
        path = Path(os.fsdecode(super().convert(value, *context)))
        if not path.is_file():
            self.fail(f"{path} is no regular file; give the file of the key that you pinned")
        return path


pinned_key = click.option(
    "--key",
    required=True,
    type=_KeyFile(exists=True, path_type=Path),
    help="The public key that you pinned; never one found beside the batches.",
)
"""What everything is checked with that a sender signed."""
