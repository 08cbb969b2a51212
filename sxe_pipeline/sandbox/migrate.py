"""The child that makes roles and tables: the only process that holds the admin's login.

Reads `{"admin": dsn, "passwords": {role: password}}` as JSON on stdin.
"""

import json
import sys

from sxe_pipeline.store import migrate, roles


def main() -> None:
    """Make the roles, then run every missing revision."""
    given = json.load(sys.stdin)
    roles.ensure(given["admin"], given["passwords"])
    migrate.upgrade(given["admin"])


if __name__ == "__main__":
    main()
