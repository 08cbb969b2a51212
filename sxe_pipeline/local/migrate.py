"""The child that migrates an embedded database: the only process that holds the admin's login.

Reads `{"admin": dsn, "passwords": {role: password}}` as JSON on stdin. A refusal is one line on
stderr and its own exit code, so that the parent can say it again.
"""

import json
import sys
from datetime import UTC, datetime

from sxe_pipeline import settings
from sxe_pipeline.errors import BadConfig, Refused
from sxe_pipeline.local import keys
from sxe_pipeline.store import migrate, sql


def main() -> None:
    """Migrate, and register both signing keys of this home."""
    given = json.load(sys.stdin)
    try:
        # First: a database that is migrated looks sound, and nobody would register a key later.
        signing = list(keys.of_home(settings.load()))
        migrate.upgrade(given["admin"], given["passwords"])
        with sql.connect(given["admin"]) as conn:
            keys.register(conn, signing, actor="local:migrate", now=datetime.now(UTC))
    except (BadConfig, Refused) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
