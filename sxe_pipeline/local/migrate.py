"""The child that makes roles and tables: the only process that holds the admin's login.

Reads `{"admin": dsn, "passwords": {role: password}}` as JSON on stdin.
"""

import json
import sys
from datetime import UTC, datetime

from sxe_pipeline import settings
from sxe_pipeline.handoff import record, sign
from sxe_pipeline.store import migrate, roles, sql


def main() -> None:
    """Make the roles, run every missing revision, and register both signing keys of this home."""
    given, here = json.load(sys.stdin), settings.load()
    roles.ensure(given["admin"], given["passwords"])
    migrate.upgrade(given["admin"])
    signers = (sign.of_settings(here), sign.of_file(sign.contact_file(here.home)))
    with sql.connect(given["admin"]) as conn:
        for signer in signers:
            record.know_key(conn, signer, actor="sandbox:migrate", now=datetime.now(UTC))


if __name__ == "__main__":
    main()
