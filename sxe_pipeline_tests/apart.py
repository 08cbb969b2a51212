"""Processes of a test's own, forked from one that holds what the gate's work needs.

Each is as fresh as one that is started, without the second that loading takes. Only for what loads
no engine with threads of its own: a fork would lose them.
"""

import multiprocessing

APART = multiprocessing.get_context("forkserver")
APART.set_forkserver_preload(
    [f"sxe_pipeline_tests.{name}" for name in ("gate.crowd", "gate.race", "contacts.worker")]
)
