"""The description of the API in the tree, made from the application: `make openapi`."""

import json
from pathlib import Path

from sxe_pipeline.web import app

FILE = Path(__file__).parents[2] / "contracts" / "openapi.json"


def text():
    """As it stands in the tree: one order, one form."""
    return json.dumps(app.bare().openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
