"""A contact worker as a process of its own, which kills itself at a point of the loop.

Here: what the tests of kills start. What it must know comes as JSON on stdin; it asserts nothing.
"""

import json
import os
import signal
import sys
from uuid import UUID

from sxe_pipeline.contacts import enrich
from sxe_pipeline.contacts.apollo import Apollo
from sxe_pipeline.contacts.enformion import Enformion
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.store import sql


def main():
    told = json.load(sys.stdin)

    def reached(point):
        if point == told["dies_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    providers = {
        adapter.name: enrich.Provider(adapter, told["url"], told["credentials"][adapter.name])
        for adapter in (Apollo(f"{told['url']}/sink"), Enformion())
    }
    with sql.connect(told["dsn"]) as conn:
        report = enrich.enrich(
            conn,
            Vault.of(told["keyset"]),
            providers,
            request_id=UUID(told["request_id"]),
            attempt=told["attempt"],
            run_id=f"process-{os.getpid()}",
            reached=reached,
            pause=lambda seconds: None,
        )
    print(json.dumps({"state": report.state, **report.numbers()}))


if __name__ == "__main__":
    main()
