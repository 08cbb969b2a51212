"""A contact worker as a process of its own, which kills itself at a point of the loop.

Here: what the tests of kills start. It asserts nothing.
"""

import os
import signal
from uuid import UUID

from sxe_pipeline.contacts import enrich
from sxe_pipeline.contacts.providers.apollo import Apollo
from sxe_pipeline.contacts.providers.enformion import Enformion
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.store import sql


def work(task):
    """One launch, as its task says."""

    def reached(point):
        if point == task["dies_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    providers = {
        adapter.name: enrich.Provider(adapter, task["url"], task["credentials"][adapter.name])
        for adapter in (Apollo(f"{task['url']}/sink"), Enformion())
    }
    with sql.connect(task["dsn"]) as conn:
        enrich.enrich(
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
