"""The contact process, to bring back what its store knows and a restored database lost.

No verb: `sxe recover` starts it as a child, with the logins of the contact tier and nothing else.
One line of JSON on stdout.
"""

import json
import sys

from sxe_pipeline import settings as environment
from sxe_pipeline.handoff import recover
from sxe_pipeline.ops import continuity
from sxe_pipeline.store import sql
from sxe_pipeline.store.functions import at_once, call_function
from sxe_pipeline.store.objects import Objects


def main(is_dry_run: bool) -> None:
    """Look, and unless it is a dry run know again what is unknown."""
    given = environment.load()
    objects = Objects(given.contact_handoff_url)
    with sql.connect(given.need("contacts_dsn")) as conn:
        batches = recover.unknown(conn, objects)
        markers = continuity.since(objects, continuity.counted(conn, continuity.CONTACT_HANDOFF))
        asks = [marker.content for marker in markers if marker.content.get("cards")]
        if not is_dry_run:
            recover.adopt(conn, batches)
            recover.adopt_heads(conn, recover.unknown_heads(conn, objects))
            for ask in asks:
                with at_once(conn):
                    call_function(conn, "gate.recover_asks", ask["cards"], ask["counted_at"])
    found = {
        "number": continuity.newest_number(objects),
        "batches": len(batches),
        "asks": len({card for ask in asks for card in ask["cards"]}),
    }
    print(json.dumps(found))  # noqa: T201 - its only output


if __name__ == "__main__":
    main("--dry-run" in sys.argv[1:])
