"""A contact worker as a process of its own, which kills itself at a point of the loop.

Here: what the tests of kills start. Its task comes as JSON on stdin; it asserts nothing.
"""

import json
import os
import signal
import sys
from uuid import UUID

from sxe_pipeline.contacts import enrich
from sxe_pipeline.contacts.providers.apollo import Apollo
from sxe_pipeline.contacts.providers.enformion import Enformion
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.store import sql


def main():
    task = json.load(sys.stdin)

    def reached(point):
        if point == task["dies_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    providers = {
        adapter.name: enrich.Provider(adapter, task["url"], task["credentials"][adapter.name])
        for adapter in (Apollo(f"{task['url']}/sink"), Enformion())
    }
    with sql.connect(task["dsn"]) as conn:
        report = enrich.enrich(
            conn,
            Vault.of(task["keyset"]),
            providers,
            request_id=UUID(task["request_id"]),
            attempt=task["attempt"],
            run_id=f"process-{os.getpid()}",
            note=lambda begun: None,
            reached=reached,
            pause=lambda seconds: None,
        )
    print(json.dumps({"state": report.state, **report.numbers()}))


if __name__ == "__main__":
    main()
