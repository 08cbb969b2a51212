"""Your own Dagster has Tier 1 built where the cluster is, and is told what came of it by Pipes.

Usage: dagster asset materialize -f examples/build_elsewhere.py --select tier1_elsewhere

The asset starts this very program as a process of its own: here on this machine, with
`PipesK8sClient` or `PipesEMRClient` in a pod or on a cluster, where the program and its variables
(SXE_HOME or the logins, SXE_SPARK_MASTER) are then. Dagster itself needs none of them.
"""

import json
import subprocess
import sys

import dagster as dg
from dagster_pipes import open_dagster_pipes


class Build(dg.Config):
    """`engine`: what `sxe build --engine` takes."""

    engine: str = "spark"


@dg.asset
def tier1_elsewhere(
    context: dg.AssetExecutionContext, config: Build, pipes: dg.PipesSubprocessClient
):
    """Tier 1 of every pending day."""
    command = [sys.executable, __file__, "--engine", config.engine]
    return pipes.run(context=context, command=command).get_materialize_result()


defs = dg.Definitions([tier1_elsewhere], resources={"pipes": dg.PipesSubprocessClient()})


def build(arguments):
    """The other side: build, and report how many days became what."""
    with open_dagster_pipes() as pipes:
        done = subprocess.run(["sxe", "build", "--json", *arguments], stdout=subprocess.PIPE)
        said = json.loads(done.stdout)
        for run in said["runs"]:
            pipes.log.info("%s: %s", run["job"], "done" if run["ok"] else run["failure"])
        pipes.report_asset_materialization(
            metadata={"days": len(said["days"]), "runs": len(said["runs"])}
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(build(sys.argv[1:]))
