"""Arguments that are a folder or an address."""

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
