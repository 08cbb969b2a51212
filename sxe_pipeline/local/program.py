"""How a person types `sxe` here, for lines that are printed to be copied."""

import shutil
import sys
from pathlib import Path


def program() -> str:
    """`sxe` where the shell finds this one, else its path, such as `.venv/bin/sxe`."""
    installed = Path(sys.executable).with_name("sxe")
    found = shutil.which("sxe")
    if not installed.exists() or (found and Path(found).absolute() == installed):
        return "sxe"
    here = Path.cwd()
    return str(installed.relative_to(here) if installed.is_relative_to(here) else installed)
