"""The contact process, once: ticks of its sensor, and the runs that they ask for.

No verb: `sxe enrich run` and the demo start it as a child, with the logins of the contact tier and
nothing else. Each run is a line of JSON on stdout.
"""

import json
from typing import Any

from sxe_pipeline import definitions
from sxe_pipeline.local import interrupts, runs

MOST_TICKS = 5


def main() -> None:
    """Tick, run, report, until a tick asks for nothing or the answers that are due take longer.

    Then the head: what was published is found by it.
    """
    tier = definitions.contact_tier()
    with interrupts.terminable(), runs.instance() as instance:
        for _ in range(MOST_TICKS):
            wanted_runs = runs.request_tick(tier, instance, definitions.APPROVED)
            if not wanted_runs:
                break
            for wanted in wanted_runs:
                _run(tier, instance, wanted)
        runs.sensor_tick(tier, instance, definitions.CONTACT_HEADS)


def _run(tier: Any, instance: Any, wanted: runs.Wanted) -> None:
    done = runs.run_partition(tier, instance, wanted.job, wanted.partition, wanted.tags)
    row = {
        "request_id": wanted.partition,
        "run_id": done.run_id,
        "ok": done.is_success,
        "failure": done.failure,
    }
    print(json.dumps(row), flush=True)  # noqa: T201 - its only output


if __name__ == "__main__":
    main()
